//! Messages that the receiver rejects for good become dead letters, and the user is told once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use ::metrics::Counter;
use streamgauge_common::{
    message::{Message, Payload},
    reason::Reason,
};
use streamgauge_engine::Fault;
use tracing::{info, warn};

use super::{
    dead_letter::DeadLetter, http::sender::SinkHealth, kafka::DeliveryEvents, letters::DeadLetterQueue,
};
use crate::{
    metrics::{self, RequestMetrics},
    traces::{Attempts, Span, Traces},
};

/// Reports the rejected messages of one query and sink.
#[derive(Clone)]
pub struct RejectedRows {
    deployment: String,
    source: String,
    query: String,
    sink: String,
    /// Where the sink is, as ` at host:9092`; empty where the reports of its failures say so themselves.
    at: String,
    letters: Option<Arc<DeadLetterQueue>>,
    count: Arc<AtomicU64>,
    /// The same of this query alone.
    of_query: Arc<AtomicU64>,
    /// The same for whoever watches, of this query alone.
    counter: Counter,
    /// Whether the user was told that rows are rejected.
    told: Arc<AtomicBool>,
    attempts: Attempts,
}

impl DeliveryEvents for RejectedRows {
    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.tell(message, why)
    }

    fn down(&self, why: &str) {
        warn!(query = self.query, sink = self.sink, "sink '{}'{}: {why}", self.sink, self.at);
    }

    fn attempt(&self) -> Option<Span> {
        self.attempts.begin()
    }

    fn back(&self) {
        info!(query = self.query, sink = self.sink, "sink '{}' takes rows again", self.sink);
    }
}

impl RejectedRows {
    /// Of the messages of a deployment, from a source, of a query, to a sink, in this order. `count` has one more for each rejected row.
    pub fn new(
        [deployment, source, query, sink]: [&str; 4],
        letters: Option<Arc<DeadLetterQueue>>,
        count: Arc<AtomicU64>,
    ) -> Self {
        let counter = metrics::rejected_rows(deployment, query);
        let attempts = Attempts::new(Traces::default(), [deployment, query, sink]);
        let [deployment, source, query, sink] = [deployment, source, query, sink].map(str::to_owned);
        let (at, told) = (String::new(), Arc::default());
        let of_query = Arc::default();
        Self { deployment, source, query, sink, at, letters, count, of_query, counter, told, attempts }
    }

    /// The same; tries to deliver are traced.
    #[must_use]
    pub fn traced(self, traces: &Traces) -> Self {
        let attempts = Attempts::new(traces.clone(), [&self.deployment, &self.query, &self.sink]);
        Self { attempts, ..self }
    }

    /// The same; `of_query` has one more for each rejected row, too.
    #[must_use]
    pub fn counting_for_query(self, of_query: Arc<AtomicU64>) -> Self {
        Self { of_query, ..self }
    }

    /// Counts the requests to its sink.
    pub fn requests(&self) -> RequestMetrics {
        RequestMetrics::new(&self.deployment, &self.sink)
    }

    /// The same, for a sink whose failures do not say where it is.
    #[must_use]
    pub fn at(self, place: &str) -> Self {
        Self { at: format!(" at {place}"), ..self }
    }

    /// Reports that the sink fails, or that it works again.
    pub fn trouble(&self, trouble: SinkHealth) {
        let sink = &self.sink;
        match trouble {
            SinkHealth::Began { why, rows } => {
                warn!(query = self.query, sink, rows, "sink '{sink}': {why}; {rows} rows wait");
            }
            SinkHealth::Over => info!(query = self.query, sink, "sink '{sink}' takes rows again"),
        }
    }

    /// Reports that the sink's component failed to judge an answer.
    pub fn unjudged(&self, fault: &Fault, status: u16) {
        let sink = &self.sink;
        warn!(
            query = self.query,
            sink, "sink '{sink}': {fault}, while it judged the answer {status}; its status decides alone"
        );
    }

    /// A message becomes a dead letter; whether that is written down for good. Where not, it may be told again.
    pub fn tell(&self, message: &Message, why: &str) -> bool {
        if !self.told.swap(true, Relaxed) {
            let sink = &self.sink;
            warn!(query = self.query, sink, "sink '{sink}' rejects rows, they become dead letters: {why}");
        }
        let rows = u64::from(message.rows);
        let Some(letters) = &self.letters else {
            self.count(rows);
            return true;
        };
        // Letters that cannot be written now are not piled up.
        if letters.trouble().is_some() && !letters.sync() {
            return false;
        }
        let record = match &message.payload {
            Payload::Lines(bytes) | Payload::Rows(bytes) => bytes.as_slice(),
            Payload::Record(record) => record.value.as_deref().unwrap_or_default(),
            Payload::Request(request) => &request.body,
        };
        let mut line = Vec::new();
        // The key keeps letters of equal rows apart: one that is there is not written again.
        let message = format!("sink '{}': {why} (message {})", self.sink, message.key);
        let (source, query) = (self.source.as_str(), self.query.as_str());
        DeadLetter { source, query, place: None, reason: Reason::Rejected, message: &message, record }
            .write(letters.record_text(), &mut line);
        if letters.write(&line) > 0 {
            self.count(rows);
        }
        letters.sync()
    }

    fn count(&self, rows: u64) {
        self.count.fetch_add(rows, Relaxed);
        self.of_query.fetch_add(rows, Relaxed);
        self.counter.increment(rows);
    }
}
