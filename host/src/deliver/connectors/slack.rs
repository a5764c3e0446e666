//! The connector `slack`: messages to an incoming webhook of Slack, which people read in order.

use std::time::Duration;

use super::http::{HttpConnector, on_ambiguous};

/// Slack takes one message a second.
const GAP: Duration = Duration::from_secs(1);

/// One message after the other.
pub fn slack() -> HttpConnector {
    HttpConnector { name: "slack", own: || vec![on_ambiguous()], in_one_lane: true, gap: GAP }
}
