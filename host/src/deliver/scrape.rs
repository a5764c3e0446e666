//! Answers those who ask instead of being told: `GET /metrics`, for Prometheus.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::message::Response;

/// Connections at a time; the next ones wait.
const CONNECTIONS_MAX: usize = 64;

/// How long the head of a request may be waited for, on a new connection and on one that is kept: more than a minute, which
/// is how often Prometheus asks if it is not told otherwise.
const REQUEST_TIME: Duration = Duration::from_secs(75);

/// How long a connection may be used, and how long it may then take to send what it sends.
const CONNECTION_TIME: Duration = Duration::from_secs(600);
const LAST_RESPONSE_TIME: Duration = Duration::from_secs(10);

/// The head of a request.
const REQUEST_BYTES_MAX: usize = 16 << 10;
const REQUEST_HEADERS_MAX: usize = 64;

/// Between two tries to accept a connection where the machine has no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Makes the answer to a scrape. It may not block for long.
pub type Render = dyn Fn() -> Response + Send + Sync;

/// The address is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on '{listen}': {cause}; give another address and port in `listen`")]
pub struct ListenError {
    listen: String,
    cause: io::Error,
}

/// Listens for scrapes.
pub struct Scrape {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Scrape {
    /// Takes an address, `127.0.0.1:9464` and the like; port 0 takes a free one.
    pub async fn bind(listen: &str, render: Arc<Render>) -> Result<Self, ListenError> {
        let refused = |cause| ListenError { listen: listen.to_owned(), cause };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let router = Router::new().route("/metrics", get(move || async move { answer(render()) }));
        Ok(Self { listener, address, router })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is true or gone: then all connections are closed.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve_one(stream, self.router.clone()));
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
    }
}

/// Answers on one connection. Its errors are the other side's.
async fn serve_one(stream: TcpStream, router: Router) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME)
        .max_headers(REQUEST_HEADERS_MAX)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    if timeout(CONNECTION_TIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        drop(timeout(LAST_RESPONSE_TIME, connection).await);
    }
}

fn answer(response: Response) -> axum::http::Response<Body> {
    let mut answer = axum::http::Response::new(Body::from(response.body));
    *answer.status_mut() = StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in &response.headers {
        // What no header can be is left out: the sink made it.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
