//! Connections of those who ask: a bounded number, none of which keeps a newer one out.

use std::{
    collections::BTreeMap,
    future::pending,
    panic::resume_unwind,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    select,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_native_tls::TlsAcceptor;

/// What bounds the connections of those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrapeLimits {
    /// `scrape_connections`: connections at a time, at least one.
    pub connections_max: usize,
    /// `scrape_first_request_timeout`: how long the head of the first request may be waited for.
    pub first_request_time: Duration,
    /// `scrape_request_timeout`: how long the head of each further request may be waited for: more than a minute, which is how often
    /// Prometheus asks if it is not told otherwise.
    pub request_time: Duration,
    /// `scrape_head_bytes`: the head of a request, at least 8 KiB.
    pub head_bytes_max: usize,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            first_request_time: Duration::from_secs(5),
            request_time: Duration::from_secs(75),
            head_bytes_max: 16 << 10,
        }
    }
}

/// How long a connection may be used, and how long it may then take to send what it sends.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
const LAST_RESPONSE_TIME: Duration = Duration::from_secs(10);

/// Headers of a request.
const REQUEST_HEADERS_MAX: usize = 64;

/// The connections that are open. When it is dropped, they are closed.
pub(super) struct Connections {
    router: Router,
    limits: ScrapeLimits,
    tls: Option<watch::Receiver<TlsAcceptor>>,
    tasks: JoinSet<u64>,
    /// By their numbers, in the order in which they were made.
    open: BTreeMap<u64, Open>,
    /// The number of the last connection.
    last: u64,
    /// Counts requests of all connections.
    requests: Arc<AtomicU64>,
}

struct Open {
    task: AbortHandle,
    /// The number of its last request among those of all connections; 0 = it has not sent a whole one yet.
    request: Arc<AtomicU64>,
}

impl Connections {
    pub(super) fn new(
        router: Router,
        limits: ScrapeLimits,
        tls: Option<watch::Receiver<TlsAcceptor>>,
    ) -> Self {
        let (tasks, open) = (JoinSet::new(), BTreeMap::new());
        Self { router, limits, tls, tasks, open, last: 0, requests: Arc::default() }
    }

    /// Serves one more. Where there are too many the one is closed that has been silent for longest, of those that never asked
    /// for anything first: who only holds connections open does not keep out those who ask.
    pub(super) fn add(&mut self, stream: TcpStream) {
        if self.open.len() >= self.limits.connections_max {
            let longest =
                self.open.iter().min_by_key(|(number, open)| (open.request.load(Relaxed), **number));
            if let Some((&number, open)) = longest {
                open.task.abort();
                self.open.remove(&number);
            }
        }
        self.last += 1;
        let (number, request, requests) = (self.last, Arc::new(AtomicU64::new(0)), self.requests.clone());
        let asked = request.clone();
        let note = move || asked.store(requests.fetch_add(1, Relaxed) + 1, Relaxed);
        let limits = self.limits;
        let tls = self.tls.as_ref().map(|tls| tls.borrow().clone());
        let (router, seen) = (self.router.clone(), request.clone());
        let task = self.tasks.spawn(async move {
            match tls {
                None => serve(stream, router, &limits, note, &seen).await,
                // Who does not shake hands in time is gone.
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(limits.first_request_time, tls.accept(stream)).await {
                        serve(stream, router, &limits, note, &seen).await;
                    }
                }
            }
            number
        });
        self.open.insert(number, Open { task, request });
    }

    /// Waits until one has ended; for ever where there is none.
    ///
    /// # Panics
    /// Where the one that has ended did: whoever serves is to know.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(number)) => drop(self.open.remove(&number)),
            Some(Err(error)) => {
                // One that was closed is forgotten already.
                if let Ok(panic) = error.try_into_panic() {
                    resume_unwind(panic);
                }
            }
            None => pending().await,
        }
    }
}

/// Answers on one connection. Its errors are the other side's.
async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    limits: &ScrapeLimits,
    note: impl Fn(),
    request: &AtomicU64,
) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        note();
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.request_time)
        .max_headers(REQUEST_HEADERS_MAX)
        .max_buf_size(limits.head_bytes_max)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    select! {
        used = timeout(CONNECTION_TIME, connection.as_mut()) => if used.is_ok() { return },
        () = silent(request, limits.first_request_time) => return,
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(LAST_RESPONSE_TIME, connection).await);
}

/// Waits until the first request takes too long; for ever where there is one in time.
async fn silent(request: &AtomicU64, first_request_time: Duration) {
    sleep(first_request_time).await;
    if request.load(Relaxed) > 0 {
        pending().await
    }
}
