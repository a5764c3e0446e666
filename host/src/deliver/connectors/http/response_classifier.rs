//! A sink's component judges the responses to its requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use streamgauge_common::message::{Message, Request, Response};
use streamgauge_component::sink::{Encoder, Outcome};
use streamgauge_engine::{Fault, FaultKind};

use crate::{
    deliver::{
        http::sender::{DeliveryVerdict, Sink, SinkHealth},
        kafka::DeliveryEvents as _,
        rejected::RejectedRows,
    },
    traces::Span,
};

/// Asks the component what a response means, and reports rejected messages.
pub(in crate::deliver::connectors) struct ResponseClassifier {
    encoder: Arc<Encoder>,
    rejected: RejectedRows,
    /// Whether the component failed when it was last asked: then people know.
    has_failed: AtomicBool,
}

impl ResponseClassifier {
    pub(in crate::deliver::connectors) fn new(encoder: Arc<Encoder>, rejected: RejectedRows) -> Self {
        Self { encoder, rejected, has_failed: AtomicBool::new(false) }
    }
}

impl Sink for ResponseClassifier {
    fn judge(&self, request: &Request, rows: u32, response: &Response) -> Vec<DeliveryVerdict> {
        let judged = self.encoder.judge(request, rows, response);
        let failed_before = self.has_failed.swap(judged.is_err(), Relaxed);
        if let (Err(fault), false) = (&judged, failed_before) {
            self.rejected.unjudged(fault, response.status);
        }
        verdicts(judged, response.status)
    }

    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.rejected.tell(message, why)
    }

    fn attempt(&self) -> Option<Span> {
        self.rejected.attempt()
    }

    fn trouble(&self, trouble: SinkHealth) {
        self.rejected.trouble(trouble);
    }
}

/// What is done after an answer with this status. Where the component failed to judge it, the status decides alone.
fn verdicts(judged: Result<Vec<Outcome>, Fault>, status: u16) -> Vec<DeliveryVerdict> {
    let verdict = |outcome| match outcome {
        Outcome::Delivered => DeliveryVerdict::Delivered,
        Outcome::Retry(wait_ms) => DeliveryVerdict::Retry(wait_ms.map(Duration::from_millis)),
        Outcome::Rejected(why) => DeliveryVerdict::Rejected(why),
    };
    let decided = match judged {
        Ok(outcomes) => return outcomes.into_iter().map(verdict).collect(),
        // A receipt, whatever the component says.
        Err(_) if (200..300).contains(&status) => DeliveryVerdict::Delivered,
        // Time-outs and memory depend on the machine and reject no row: the next answer is judged by another instance.
        Err(Fault { kind: FaultKind::Transient, .. }) => DeliveryVerdict::Retry(None),
        Err(fault) if (300..500).contains(&status) && ![408, 425, 429].contains(&status) => {
            DeliveryVerdict::Rejected(format!("the receiver answered {status}; {fault}"))
        }
        Err(_) => DeliveryVerdict::Retry(None),
    };
    vec![decided]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_component_fails_the_status_decides_and_chance_rejects_nothing() {
        let failed = |kind, status| {
            let fault = Fault { who: "sink `probe`".into(), what: "failed".into(), kind };
            verdicts(Err(fault), status)
        };
        for kind in [FaultKind::Transient, FaultKind::Deterministic] {
            assert_eq!(failed(kind, 204), [DeliveryVerdict::Delivered]);
            for status in [408, 425, 429, 500, 503] {
                assert_eq!(failed(kind, status), [DeliveryVerdict::Retry(None)], "{status}");
            }
        }
        for status in [301, 404, 410] {
            let why = format!("the receiver answered {status}; sink `probe` failed");
            assert_eq!(failed(FaultKind::Deterministic, status), [DeliveryVerdict::Rejected(why)]);
        }
        assert_eq!(failed(FaultKind::Transient, 404), [DeliveryVerdict::Retry(None)]);
    }
}
