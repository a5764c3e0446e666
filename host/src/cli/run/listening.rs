//! `--listen`: what is answered while a run goes on, and whether it is ready.

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use streamgauge_common::wakeup::Stop;
use tracing::info;

use crate::{
    cli::Failure,
    limits::Limits,
    monitor::{self, Monitor, MonitorError},
    query::Subscription,
};

/// What a run reads, as soon as it is put together.
pub(super) type Reading = Arc<OnceLock<Vec<Arc<Subscription>>>>;

/// `127.0.0.1:9464`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write it as 127.0.0.1:9464 or [::1]:9464".to_owned())
}

/// Answers at an address from now on, and records what is counted: before anything that counts is put together.
pub(super) fn answer(
    listen: SocketAddr,
    limits: &Limits,
    stop: &Stop,
    reading: &Reading,
) -> Result<Monitor, Failure> {
    let failed = |error: MonitorError| match error {
        MonitorError::Listen(error) => Failure::Input(format!("error: --listen: {error}")),
        error => Failure::Runtime(format!("error: {error}")),
    };
    let (stop, reading) = (stop.clone(), reading.clone());
    let ready = Arc::new(move || is_ready(&stop, &reading));
    let recorded = monitor::record().map_err(failed)?;
    let monitor = Monitor::start(listen, limits.delivery().scrape, recorded, ready).map_err(failed)?;
    info!("answers at http://{0}/metrics, http://{0}/livez and http://{0}/readyz", monitor.address());
    Ok(monitor)
}

/// Whether all sources are read.
fn is_ready(stop: &Stop, reading: &Reading) -> Result<(), String> {
    if stop.is_set() {
        return Err("the run is ending".to_owned());
    }
    let Some(subscriptions) = reading.get() else { return Err("the run is being put together".to_owned()) };
    match subscriptions.iter().find(|subscription| !subscription.progress.has_begun()) {
        Some(subscription) => Err(format!("source '{}' is not read yet", subscription.source)),
        None => Ok(()),
    }
}
