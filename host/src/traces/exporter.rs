//! Sends spans that have ended, on a thread of its own: OpenTelemetry's batch processor and its exporter, over our HTTP client.

use std::{
    fmt, io,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    time::Duration,
};

use ::metrics::Counter;
use async_trait::async_trait;
use opentelemetry::{InstrumentationScope, Key, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter as OtlpExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanExporter, SpanProcessor as _},
};
use reqwest::{Client, redirect};
use tokio::runtime::{Builder, Runtime};
use tracing::{Dispatch, dispatcher, info, warn};

use super::Destination;
use crate::metrics::SpanMetrics;

/// Spans that wait or are under way; beyond it they are lost.
const WAITING_MAX: usize = 2048;
/// Spans of one request.
const REQUEST_MAX: usize = 512;
/// How long a span waits for others.
const DELAY: Duration = Duration::from_secs(1);
/// How long a request may take, with its retries.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no HTTP client.
    #[error("cannot make an HTTP client: {0}")]
    Client(reqwest::Error),
    /// The system gives too little.
    #[error("cannot start the sending of traces: {0}")]
    Runtime(#[from] io::Error),
    /// The exporter is set up wrongly, by a variable of the environment that it reads itself.
    #[error("cannot send traces: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// Takes spans and never waits.
pub(super) struct Exporter {
    processor: BatchSpanProcessor,
    waiting: Arc<AtomicUsize>,
    dropped: Counter,
}

impl Exporter {
    pub(super) fn start(destination: &Destination, metrics: SpanMetrics) -> Result<Self, StartError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        // A redirect could lead the headers to somebody else.
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(TIMEOUT).no_proxy();
        let client = client.build().map_err(|error| StartError::Client(error.without_url()))?;
        let inner = OtlpExporter::builder()
            .with_http()
            .with_http_client(OwnThread { client, runtime })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(destination.url())
            .with_headers(destination.headers().clone())
            .with_timeout(TIMEOUT)
            .build()?;
        let SpanMetrics { sent, failed, dropped } = metrics;
        let waiting = Arc::new(AtomicUsize::new(0));
        let counting = Counting {
            inner,
            place: destination.url().to_owned(),
            sent,
            failed,
            waiting: waiting.clone(),
            is_down: AtomicBool::new(false),
            tell: dispatcher::get_default(Clone::clone),
        };
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_max_export_batch_size(REQUEST_MAX)
            .with_scheduled_delay(DELAY)
            .build();
        let mut processor = BatchSpanProcessor::builder(counting).with_batch_config(config).build();
        processor.set_resource(&resource());
        Ok(Self { processor, waiting, dropped })
    }

    /// Takes a span, or loses it where too many wait.
    pub(super) fn send(&self, span: SpanData) {
        let room = |waiting| (waiting < WAITING_MAX).then_some(waiting + 1);
        match self.waiting.fetch_update(AcqRel, Relaxed, room) {
            Ok(_) => self.processor.on_end(span),
            Err(_) => self.dropped.increment(1),
        }
    }

    pub(super) fn shut_down(&self, patience: Duration) {
        // What could not be sent was told and counted.
        let _ = self.processor.shutdown_with_timeout(patience);
    }
}

/// Who makes the spans.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("streamgauge").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// What the spans are of: as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, else this program, and a number for this process.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let name = given.get(&Key::from_static_str("service.name"));
    let is_named = name.is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let instance = uuid(fastrand::u128(..));
    let own = [
        ("service.name", "streamgauge".to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id", instance),
    ];
    let lacking = own.into_iter().filter(|(key, _)| match *key {
        "service.name" => !is_named,
        key => given.get(&Key::from_static_str(key)).is_none(),
    });
    let lacking = lacking.map(|(key, value)| KeyValue::new(key, value));
    Resource::builder().with_attributes(lacking.collect::<Vec<_>>()).build()
}

/// Random bits as a UUID of version 4.
fn uuid(bits: u128) -> String {
    let fixed: u128 = (0xf << 76) | (0x3 << 62);
    let bits = (bits & !fixed) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// Counts what becomes of spans, and tells once that they do not arrive.
struct Counting {
    inner: OtlpExporter,
    /// For people.
    place: String,
    sent: Counter,
    failed: Counter,
    waiting: Arc<AtomicUsize>,
    /// Whether people know that nothing arrives.
    is_down: AtomicBool,
    /// Where they are told.
    tell: Dispatch,
}

impl SpanExporter for Counting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let done = self.inner.export(batch).await;
        self.waiting.fetch_sub(spans, AcqRel);
        let counter = if done.is_ok() { &self.sent } else { &self.failed };
        counter.increment(spans as u64);
        let was_down = self.is_down.swap(done.is_err(), Relaxed);
        dispatcher::with_default(&self.tell, || match &done {
            Err(error) if !was_down => {
                warn!(
                    "traces do not arrive at {}: {error}; queries go on, and the spans are lost",
                    self.place
                );
            }
            Ok(()) if was_down => info!("traces arrive at {} again", self.place),
            _ => {}
        });
        done
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counting").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Our client, run by the processor's own thread, which is none of tokio's.
#[derive(Debug)]
struct OwnThread {
    client: Client,
    runtime: Runtime,
}

#[async_trait]
impl HttpClient for OwnThread {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        self.runtime.block_on(self.client.send_bytes(request))
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, sync::atomic::AtomicU64};

    use super::*;
    use crate::traces::{RandomIdGenerator, Tracer, Traces};

    #[test]
    fn too_many_spans_are_dropped_and_counted_while_nobody_waits() {
        // It takes connections and never answers.
        let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = Destination::new(&format!("http://{}", deaf.local_addr().unwrap())).unwrap();
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Counter::from_arc(dropped.clone());
        let metrics = SpanMetrics { sent: Counter::noop(), failed: Counter::noop(), dropped: counter };
        let exporter = Exporter::start(&place, metrics).unwrap();
        let tracer = Tracer { exporter, ratio: 1.0, ids: RandomIdGenerator::default() };
        let traces = Traces(Some(Arc::new(tracer)));
        for _ in 0..WAITING_MAX + 100 {
            traces.begin("batch").unwrap().end(|_| {});
        }
        assert_eq!(dropped.load(Relaxed), 100);
    }

    #[test]
    fn a_process_has_a_number_as_the_conventions_want_it() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
