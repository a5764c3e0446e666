//! The connector `webhook`: requests to any URL, signed where the sink says so, with the headers that the sink names.

use std::time::Duration;

use super::http::{HttpConnector, headers, signing_secret};

/// Requests of different groups are under way at the same time.
pub fn webhook() -> HttpConnector {
    let own = || vec![signing_secret(), headers()];
    HttpConnector { name: "webhook", own, secrets: &[], in_one_lane: false, gap: Duration::ZERO }
}
