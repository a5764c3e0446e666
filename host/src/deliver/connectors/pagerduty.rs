//! The connector `pagerduty`: events to the Events API v2 of PagerDuty.

use std::time::Duration;

use super::http::HttpConnector;

/// The option that says which service an event is for. Whoever knows it can raise alerts.
const ROUTING_KEY: &str = "routing_key";

/// Events of different groups are under way at the same time.
pub fn pagerduty() -> HttpConnector {
    HttpConnector {
        name: "pagerduty",
        own: Vec::new,
        secrets: &[ROUTING_KEY],
        in_one_lane: false,
        gap: Duration::ZERO,
    }
}
