//! The connector `alertmanager`: alerts to the API v2 of a Prometheus Alertmanager.

use std::time::Duration;

use super::http::{HttpConnector, headers};

/// Alerts of different groups are under way at the same time. An Alertmanager behind a proxy asks for headers.
pub fn alertmanager() -> HttpConnector {
    HttpConnector {
        name: "alertmanager",
        own: || vec![headers()],
        secrets: &[],
        in_one_lane: false,
        gap: Duration::ZERO,
    }
}
