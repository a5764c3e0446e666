//! What becomes of messages: a sink's component judges answers, and what nobody will ever take is a dead letter.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use streamgauge_common::{
    column::Texts,
    crash,
    message::{Message, Payload, Request, Response},
    reason::Reason,
    row::Identity,
};
use streamgauge_component::sink::{Encoder, Outcome};
use streamgauge_state::outbox::Outbox;

use super::Notice;
use crate::deliver::{
    dead_letter::DeadLetter,
    encode,
    http::sender::{Sink, SinkHealth, Verdict},
    kafka::DeliveryEvents,
    letters::DeadLetterQueue,
    rows,
};

/// Messages that are shown together at most.
const MESSAGES_MAX: usize = 64;
/// How long an outbox is waited for before it is looked whether to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is told of messages that no receiver will ever take.
#[derive(Clone)]
pub(in crate::deploy) struct RejectedRows {
    pub(super) source: String,
    pub(super) query: String,
    pub(super) sink: String,
    /// Where that is, for people, as ` at host:9092`; empty where its troubles say so themselves.
    pub(super) at: String,
    pub(super) letters: Option<Arc<DeadLetterQueue>>,
    pub(super) notice: Notice,
    pub(super) count: Arc<AtomicU64>,
    /// Whether people know that rows are rejected.
    pub(super) told: Arc<AtomicBool>,
}

/// Gives rows to a sink that is asked: those of a window are acknowledged when rows of a later one are there.
pub(super) fn keep(encoder: &Encoder, outbox: &Outbox, stop: &AtomicBool) {
    let (mut kept, mut newest): (Vec<Arc<Message>>, i64) = (Vec::new(), i64::MIN);
    while !stop.load(Relaxed) && !outbox.is_drained() {
        for message in outbox.take_within(MESSAGES_MAX, LOOK_EVERY) {
            crash::point("scrape.before_show");
            match show(encoder, &message) {
                Ok(window_end) if window_end > newest => {
                    outbox.acknowledge(kept.iter().map(|message| &**message));
                    (kept, newest) = (vec![message], window_end);
                }
                Ok(_) => kept.push(message),
                Err(why) => return outbox.fail(why),
            }
        }
    }
}

/// Lets a component show rows; gives the end of their window.
fn show(encoder: &Encoder, message: &Message) -> Result<i64, String> {
    let Payload::Rows(bytes) = &message.payload else { unreachable!("its messages are rows") };
    let rows = rows::decode(bytes).map_err(|error| error.to_string())?;
    let mut keys = Texts::default();
    (0..rows.len).for_each(|row| keys.push(format!("{}-{row}", message.sequence).as_bytes()));
    encode::encode_with(encoder, &rows, &keys, message.sequence).map_err(|fault| fault.to_string())?;
    match rows.identity {
        Identity::Window { end_us, .. } => Ok(end_us),
        Identity::Records { .. } => unreachable!("the sink takes rows of windows only"),
    }
}

/// A sink's component judges what comes back.
pub(super) struct ResponseClassifier {
    pub(super) encoder: Arc<Encoder>,
    pub(super) rejections: RejectedRows,
}

impl Sink for ResponseClassifier {
    fn judge(&self, request: &Request, rows: u32, response: &Response) -> Vec<Verdict> {
        let verdict = |outcome| match outcome {
            Outcome::Delivered => Verdict::Delivered,
            Outcome::Retry(wait_ms) => Verdict::Retry(wait_ms.map(Duration::from_millis)),
            Outcome::Rejected(why) => Verdict::Rejected(why),
        };
        match self.encoder.judge(request, rows, response) {
            Ok(outcomes) => outcomes.into_iter().map(verdict).collect(),
            // Its words are lost, the answer is not: 2xx is a receipt whatever the component says.
            Err(_) if (200..300).contains(&response.status) => vec![Verdict::Delivered],
            // Judging is stateless, and its instance is gone: the receiver's answer decides alone.
            Err(fault) if (400..500).contains(&response.status) && response.status != 429 => {
                vec![Verdict::Rejected(format!("the receiver answered {}; {fault}", response.status))]
            }
            Err(_) => vec![Verdict::Retry(None)],
        }
    }

    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.rejections.tell(message, why)
    }

    fn trouble(&self, trouble: SinkHealth) {
        let sink = &self.rejections.sink;
        match trouble {
            SinkHealth::Began { why, rows } => {
                (self.rejections.notice)(&format!("sink '{sink}': {why}; {rows} rows wait"))
            }
            SinkHealth::Over => (self.rejections.notice)(&format!("sink '{sink}' takes rows again")),
        }
    }
}

impl DeliveryEvents for RejectedRows {
    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.tell(message, why)
    }

    fn down(&self, why: &str) {
        (self.notice)(&format!("sink '{}'{}: {why}", self.sink, self.at));
    }

    fn back(&self) {
        (self.notice)(&format!("sink '{}' takes rows again", self.sink));
    }
}

impl RejectedRows {
    /// A message becomes a dead letter; whether that is written down for good. Where not, it may be told again.
    fn tell(&self, message: &Message, why: &str) -> bool {
        if !self.told.swap(true, Relaxed) {
            let sink = &self.sink;
            (self.notice)(&format!("sink '{sink}' rejects rows, they become dead letters: {why}"));
        }
        let rows = u64::from(message.rows);
        let Some(letters) = &self.letters else {
            self.count.fetch_add(rows, Relaxed);
            return true;
        };
        // Letters that cannot be written now are not piled up.
        if letters.is_behind().is_some() && !letters.sync() {
            return false;
        }
        let record = match &message.payload {
            Payload::Lines(bytes) | Payload::Rows(bytes) => bytes.as_slice(),
            Payload::Record(record) => record.value.as_deref().unwrap_or_default(),
            Payload::Request(request) => &request.body,
        };
        let mut line = Vec::new();
        let message = format!("sink '{}': {why}", self.sink);
        let (source, query) = (self.source.as_str(), self.query.as_str());
        DeadLetter { source, query, place: None, reason: Reason::Rejected, message: &message, record }
            .write(letters.record_text(), &mut line);
        if letters.write(&line) > 0 {
            self.count.fetch_add(rows, Relaxed);
        }
        letters.sync()
    }
}
