//! Spans of tries to deliver.

use std::sync::Arc;

use streamgauge_common::message::Message;

use super::{Span, Traces, number};

/// Tries to deliver rows of a query to a sink.
#[derive(Clone, Debug)]
pub struct Attempts {
    traces: Traces,
    /// Deployment, query and sink.
    of: [String; 3],
}

impl Attempts {
    /// Of a deployment's query, to a sink.
    pub fn new(traces: Traces, [deployment, query, sink]: [&str; 3]) -> Self {
        Self { traces, of: [deployment, query, sink].map(str::to_owned) }
    }

    /// A try begins.
    pub fn begin(&self) -> Option<Span> {
        let mut span = self.traces.begin("deliver")?.of_client();
        let [deployment, query, sink] = &self.of;
        span.set("streamgauge.deployment", deployment.clone());
        span.set("streamgauge.query", query.clone());
        span.set("streamgauge.sink", sink.clone());
        Some(span)
    }
}

impl Span {
    /// A try to send a message has come to this; why it failed, if it did. The address is shown to people.
    pub fn end_try(
        self,
        message: &Message,
        outcome: &'static str,
        failed: Option<&str>,
        address: impl FnOnce() -> String,
    ) {
        self.end_delivery(failed, |span| {
            span.set("streamgauge.outcome", outcome);
            span.set("streamgauge.address", address());
            span.set("streamgauge.message", number(message.sequence));
            span.set("streamgauge.rows", i64::from(message.rows));
        });
    }

    /// A try to write messages together has come to an end; why it failed, if it did.
    pub fn end_write(self, messages: &[Arc<Message>], failed: Option<&str>) {
        self.end_delivery(failed, |span| {
            span.set("streamgauge.outcome", if failed.is_some() { "retried" } else { "accepted" });
            span.set("messaging.batch.message_count", number(messages.len()));
            let rows: u64 = messages.iter().map(|message| u64::from(message.rows)).sum();
            span.set("streamgauge.rows", number(rows));
            if let (Some(first), Some(last)) = (messages.first(), messages.last()) {
                span.set("streamgauge.first_message", number(first.sequence));
                span.set("streamgauge.last_message", number(last.sequence));
            }
        });
    }

    fn end_delivery(self, failed: Option<&str>, describe: impl FnOnce(&mut Self)) {
        match failed {
            None => self.end(describe),
            Some(why) => self.fail(why, describe),
        }
    }
}
