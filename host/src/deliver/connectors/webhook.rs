//! The connector `webhook`: requests to any URL, signed where the sink says so.

use std::time::Duration;

use super::http::{HttpConnector, signing_secret};

/// Requests of different groups are under way at the same time.
pub fn webhook() -> HttpConnector {
    HttpConnector { name: "webhook", own: || vec![signing_secret()], in_one_lane: false, gap: Duration::ZERO }
}
