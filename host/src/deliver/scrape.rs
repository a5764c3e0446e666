//! Answers those who ask instead of being told, by HTTP: `GET /metrics` of a sink for Prometheus, and what the process itself is asked.

mod connections;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode},
    routing::get,
};
use streamgauge_common::message::Response;
use tokio::{net::TcpListener, select, sync::watch, time::sleep};
use tokio_native_tls::TlsAcceptor;

use self::connections::Connections;
pub use self::connections::ScrapeLimits;

/// Between two tries to accept a connection where the machine has no room for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Makes the answer to a scrape. It may not block for long.
pub type Render = dyn Fn() -> Response + Send + Sync;

/// The address is not to be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on '{listen}': {cause}; give another address or port to listen on")]
pub struct ListenError {
    listen: String,
    cause: io::Error,
}

/// Listens for scrapes.
pub struct Scrape {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    limits: ScrapeLimits,
    tls: Option<watch::Receiver<TlsAcceptor>>,
}

impl Scrape {
    /// Takes an address, `127.0.0.1:9464` and the like; port 0 takes a free one.
    pub async fn bind(listen: &str, limits: ScrapeLimits, render: Arc<Render>) -> Result<Self, ListenError> {
        let router = Router::new().route("/metrics", get(move || async move { answer(render()) }));
        Self::with_routes(listen, limits, router).await
    }

    /// The same with other pages.
    pub async fn with_routes(
        listen: &str,
        limits: ScrapeLimits,
        router: Router,
    ) -> Result<Self, ListenError> {
        let refused = |cause| ListenError { listen: listen.to_owned(), cause };
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address, router, limits, tls: None })
    }

    /// The same, by TLS: a connection gets the certificate that holds when it is made.
    #[must_use]
    pub fn with_tls(self, tls: watch::Receiver<TlsAcceptor>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is true or gone: then all connections are closed.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) {
        let mut connections = Connections::new(self.router, self.limits, self.tls);
        loop {
            select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                () = connections.ended() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => connections.add(stream),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
            }
        }
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
