//! The connector `slack`: messages to an incoming webhook of Slack, one after the other.

use std::time::Duration;

use super::http::{HttpConnector, on_ambiguous};

/// Slack takes one message a second.
const GAP: Duration = Duration::from_secs(1);

/// All messages of a query are in one lane, since people read a channel in order.
pub fn slack() -> HttpConnector {
    let own = || vec![on_ambiguous()];
    HttpConnector { name: "slack", own, secrets: &[], in_one_lane: true, gap: GAP }
}
