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
    net::TcpStream,
    select,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;

/// How long the head of the first request may be waited for.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(5);

/// How long the head of each further request may be waited for: more than a minute, which is how often Prometheus asks if it
/// is not told otherwise.
const REQUEST_TIME: Duration = Duration::from_secs(75);

/// How long a connection may be used, and how long it may then take to send what it sends.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
const LAST_RESPONSE_TIME: Duration = Duration::from_secs(10);

/// The head of a request.
const REQUEST_BYTES_MAX: usize = 16 << 10;
const REQUEST_HEADERS_MAX: usize = 64;

/// The connections that are open. When it is dropped, they are closed.
pub(super) struct Connections {
    router: Router,
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
    pub(super) fn new(router: Router) -> Self {
        let (tasks, open) = (JoinSet::new(), BTreeMap::new());
        Self { router, tasks, open, last: 0, requests: Arc::default() }
    }

    /// Serves one more. Where there are too many the one is closed that has been silent for longest, of those that never asked
    /// for anything first: who only holds connections open does not keep out those who ask.
    pub(super) fn add(&mut self, stream: TcpStream) {
        if self.open.len() >= CONNECTIONS_MAX {
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
        let (router, seen) = (self.router.clone(), request.clone());
        let task = self.tasks.spawn(async move {
            serve(stream, router, note, &seen).await;
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
async fn serve(stream: TcpStream, router: Router, note: impl Fn(), request: &AtomicU64) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |request| {
        note();
        service.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME)
        .max_headers(REQUEST_HEADERS_MAX)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    select! {
        used = timeout(CONNECTION_TIME, connection.as_mut()) => if used.is_ok() { return },
        () = silent(request) => return,
    }
    connection.as_mut().graceful_shutdown();
    drop(timeout(LAST_RESPONSE_TIME, connection).await);
}

/// Waits until the first request takes too long; for ever where there is one in time.
async fn silent(request: &AtomicU64) {
    sleep(FIRST_REQUEST_TIME).await;
    if request.load(Relaxed) > 0 {
        pending().await
    }
}
