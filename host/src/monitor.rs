//! What those who watch the process ask it by HTTP: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever restarts it or waits
//! for it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use metrics::{SetRecorderError, with_local_recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use streamgauge_common::{crash, panics::Attended};
use tokio::{
    runtime::{Builder, Runtime},
    select,
    sync::watch,
    time::interval,
};
use tokio_native_tls::TlsAcceptor;

use crate::{
    deliver::scrape::{ListenError, Scrape, ScrapeLimits},
    metrics::{Kind, METRICS, describe},
};

/// Bounds of the buckets of times, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];
/// How often what was recorded is added up, where nobody asks for it: until then each value takes memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// The media type of words.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// That of a page of metrics: the text format of Prometheus.
pub const METRICS_PAGE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether everything that should be read is; an error says what is not. It may not block.
pub type Ready = dyn Fn() -> Result<(), String> + Send + Sync;

/// Why the process cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// Its address is not to be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The process counts for somebody else already.
    #[error("metrics are recorded elsewhere already: {0}")]
    Recorder(#[from] SetRecorderError<PrometheusRecorder>),
    /// A bug in the buckets.
    #[error("metrics cannot be recorded: {0}")]
    Buckets(#[from] BuildError),
    /// The system gives no thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// Answers on a thread of its own until it is dropped.
pub struct Monitor {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Attended,
}

/// Records the metrics of the whole process from now on.
///
/// # Errors
/// Somebody else does.
pub fn record() -> Result<PrometheusHandle, MonitorError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    Ok(handle)
}

/// A recorder of the metrics that [`crate::metrics`] names.
fn recorder() -> Result<PrometheusRecorder, MonitorError> {
    let mut builder = PrometheusBuilder::new();
    for metric in METRICS.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &SECONDS)?;
    }
    Ok(builder.build_recorder())
}

/// What is counted of one part of the process, which may go before the process does.
pub struct Registry {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Registry {
    /// Nothing is counted yet.
    ///
    /// # Errors
    /// A bug in the buckets.
    pub fn new() -> Result<Self, MonitorError> {
        let recorder = recorder()?;
        with_local_recorder(&recorder, describe);
        let handle = recorder.handle();
        Ok(Self { recorder, handle })
    }

    /// The handles of metrics that `work` makes count here.
    pub fn count<T>(&self, work: impl FnOnce() -> T) -> T {
        with_local_recorder(&self.recorder, work)
    }

    /// What was counted.
    pub fn recorded(&self) -> &PrometheusHandle {
        &self.handle
    }
}

impl Monitor {
    /// Takes an address and answers there: with what `recorded` has, and with whether the process is `ready`.
    ///
    /// # Errors
    /// The address is taken; the system gives no thread.
    pub fn start(
        listen: SocketAddr,
        limits: ScrapeLimits,
        recorded: PrometheusHandle,
        ready: Arc<Ready>,
    ) -> Result<Self, MonitorError> {
        let pages = pages(recorded.clone(), ready);
        Self::with_routes("monitor", listen, limits, None, pages, move || recorded.run_upkeep())
    }

    /// The same with other pages, on a thread of this name. With a certificate it answers by TLS: a connection gets the one that holds
    /// when it is made. `upkeep` adds up what was recorded.
    ///
    /// # Errors
    /// The address is taken; the system gives no thread.
    pub fn with_routes(
        name: &'static str,
        listen: SocketAddr,
        limits: ScrapeLimits,
        certificate: Option<watch::Receiver<TlsAcceptor>>,
        routes: Router,
        upkeep: impl Fn() + Send + 'static,
    ) -> Result<Self, MonitorError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let scrape = runtime.block_on(Scrape::with_routes(&listen.to_string(), limits, routes))?;
        let scrape = match certificate {
            Some(certificate) => scrape.with_tls(certificate),
            None => scrape,
        };
        let address = scrape.address();
        let (stop, stopped) = watch::channel(false);
        let thread = Attended::start(name, move || answer(&runtime, scrape, stopped, upkeep))?;
        Ok(Self { address, stop, thread })
    }

    /// Where it answers.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its thread panicked with, if it did.
    pub fn panicked(&self) -> Option<String> {
        self.thread.panicked()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

fn answer(runtime: &Runtime, scrape: Scrape, stopped: watch::Receiver<bool>, upkeep: impl Fn()) {
    let keep_up = async {
        let mut due = interval(UPKEEP_EVERY);
        loop {
            due.tick().await;
            upkeep();
        }
    };
    runtime.block_on(async {
        select! {
            () = scrape.serve(stopped) => {}
            () = keep_up => {}
        }
    });
}

fn pages(recorded: PrometheusHandle, ready: Arc<Ready>) -> Router {
    let text = || [(CONTENT_TYPE, TEXT)];
    let metrics = move || async move {
        crash::point("monitor.render");
        ([(CONTENT_TYPE, METRICS_PAGE)], recorded.render())
    };
    let readyz = move || async move {
        match ready() {
            Ok(()) => (StatusCode::OK, text(), "ready\n".to_owned()).into_response(),
            Err(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, text(), format!("not ready: {why}\n")).into_response()
            }
        }
    };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(move || async move { (text(), "alive\n") }))
        .route("/readyz", get(readyz))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        sync::atomic::{AtomicBool, Ordering::SeqCst},
    };

    use super::*;
    use crate::metrics::{QueryMetrics, checkpoints};

    /// The status and the body of a page.
    fn ask(monitor: &Monitor, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(monitor.address()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    #[test]
    fn each_page_answers_as_things_are_now() {
        let recorder = recorder().unwrap();
        let (recorded, is_ready) = (recorder.handle(), Arc::new(AtomicBool::new(false)));
        let asked = is_ready.clone();
        let ready =
            move || if asked.load(SeqCst) { Ok(()) } else { Err("source 's' is not read".to_owned()) };
        let any = "127.0.0.1:0".parse().unwrap();
        let monitor = Monitor::start(any, ScrapeLimits::default(), recorded, Arc::new(ready)).unwrap();
        with_local_recorder(&recorder, || {
            describe();
            QueryMetrics::new("d", "a \"quoted\" name").rows.increment(3);
            checkpoints("d", "q").seconds.record(0.02);
        });
        let (status, page) = ask(&monitor, "/metrics");
        assert_eq!(status, 200);
        for line in [
            "# TYPE streamgauge_rows_total counter",
            "# HELP streamgauge_rows_total rows that went to the query's sink",
            "streamgauge_rows_total{deployment=\"d\",query=\"a \\\"quoted\\\" name\"} 3",
            "# TYPE streamgauge_checkpoint_seconds histogram",
            "streamgauge_checkpoint_seconds_bucket{deployment=\"d\",query=\"q\",le=\"0.01\"} 0",
            "streamgauge_checkpoint_seconds_bucket{deployment=\"d\",query=\"q\",le=\"0.05\"} 1",
            "streamgauge_checkpoint_seconds_count{deployment=\"d\",query=\"q\"} 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
        assert_eq!(ask(&monitor, "/livez"), (200, "alive\n".to_owned()));
        assert_eq!(ask(&monitor, "/readyz"), (503, "not ready: source 's' is not read\n".to_owned()));
        is_ready.store(true, SeqCst);
        assert_eq!(ask(&monitor, "/readyz"), (200, "ready\n".to_owned()));
        assert_eq!(ask(&monitor, "/else").0, 404);
        let taken = Monitor::start(
            monitor.address(),
            ScrapeLimits::default(),
            recorder.handle(),
            Arc::new(|| Ok(())),
        );
        let why = taken.err().unwrap().to_string();
        assert!(why.starts_with("cannot listen on '127.0.0.1:"), "{why}");
    }
}
