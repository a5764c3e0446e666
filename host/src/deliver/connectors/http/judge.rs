//! A sink's component judges the responses to its requests.

use std::{sync::Arc, time::Duration};

use streamgauge_common::message::{Message, Request, Response};
use streamgauge_component::sink::{Encoder, Outcome};

use crate::deliver::{
    http::sender::{DeliveryVerdict, Sink, SinkHealth},
    rejected::RejectedRows,
};

/// Asks the component what a response means, and reports rejected messages.
pub(in crate::deliver::connectors) struct ResponseClassifier {
    pub(in crate::deliver::connectors) encoder: Arc<Encoder>,
    pub(in crate::deliver::connectors) rejected: RejectedRows,
}

impl Sink for ResponseClassifier {
    fn judge(&self, request: &Request, rows: u32, response: &Response) -> Vec<DeliveryVerdict> {
        let verdict = |outcome| match outcome {
            Outcome::Delivered => DeliveryVerdict::Delivered,
            Outcome::Retry(wait_ms) => DeliveryVerdict::Retry(wait_ms.map(Duration::from_millis)),
            Outcome::Rejected(why) => DeliveryVerdict::Rejected(why),
        };
        match self.encoder.judge(request, rows, response) {
            Ok(outcomes) => outcomes.into_iter().map(verdict).collect(),
            // Its words are lost, the answer is not: 2xx is a receipt whatever the component says.
            Err(_) if (200..300).contains(&response.status) => vec![DeliveryVerdict::Delivered],
            // Judging is stateless, and its instance is gone: the receiver's answer decides alone.
            Err(fault) if (400..500).contains(&response.status) && response.status != 429 => {
                vec![DeliveryVerdict::Rejected(format!("the receiver answered {}; {fault}", response.status))]
            }
            Err(_) => vec![DeliveryVerdict::Retry(None)],
        }
    }

    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.rejected.tell(message, why)
    }

    fn trouble(&self, trouble: SinkHealth) {
        self.rejected.trouble(trouble);
    }
}
