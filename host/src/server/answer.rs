//! Answers requests: finds the route, checks who asks and what, reads the body, and lets the route answer.
//!
//! What routes do may block, so it is done on threads for that; `/livez` is answered without one, whatever else goes on.

mod follow;
mod matching;

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};
use tracing::{
    Dispatch,
    dispatcher::{get_default, with_default},
    info, warn,
};

use self::matching::{find, query};
use super::{
    access::{Denied, Tokens},
    deployments::Deployments,
    logs::Logs,
    metrics, openapi,
    problem::Problem,
    routes::{Asked, BodyKind, Reply, Route},
};
use crate::monitor::TEXT;

/// How many requests that only look, and how many that change something, are worked on at the same time. Those that look wait for their
/// turn; the others are refused beyond it, so that their bodies take no memory.
const LOOKS_MAX: usize = 32;
const CHANGES_MAX: usize = 16;

/// The kind of problem of those that are refused.
const BUSY: &str = "urn:streamgauge:problem:busy";
/// After how many seconds they should ask again: a change takes less where nothing waits for deliveries.
const RETRY_AFTER_S: &str = "1";

/// The API of a host.
pub struct Api {
    deployments: Arc<Deployments>,
    /// None = everybody who reaches the address may do everything.
    tokens: RwLock<Option<Tokens>>,
    /// Whether only this machine should be asked: a page of a browser may not, under whatever name it reaches the address.
    is_local: bool,
    body_bytes_max: usize,
    plugin_bytes_max: usize,
    body_timeout: Duration,
    recorded: PrometheusHandle,
    logs: Logs,
    openapi: Bytes,
    dispatch: Dispatch,
    looks: Arc<Semaphore>,
    changes: Arc<Semaphore>,
}

impl Api {
    /// Of these deployments. What it tells is told where this thread tells.
    pub fn new(
        deployments: Arc<Deployments>,
        tokens: Option<Tokens>,
        recorded: PrometheusHandle,
        logs: Logs,
    ) -> Self {
        let config = deployments.config();
        let server = &config.server;
        let is_local = server.listen.ip().is_loopback() && tokens.is_none() && !server.insecure;
        Self {
            is_local,
            tokens: RwLock::new(tokens),
            body_bytes_max: server.body_bytes_max,
            plugin_bytes_max: server.plugin_bytes_max,
            body_timeout: server.body_timeout,
            deployments,
            recorded,
            logs,
            openapi: openapi::document().to_string().into(),
            dispatch: get_default(Clone::clone),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
            changes: Arc::new(Semaphore::new(CHANGES_MAX)),
        }
    }

    /// Whether there are tokens.
    pub fn has_tokens(&self) -> bool {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Other tokens from now on.
    pub fn set_tokens(&self, tokens: Option<Tokens>) {
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = tokens;
    }

    /// Answers everything.
    pub fn router(self: Arc<Self>) -> Router {
        Router::new().fallback(move |request: Request| {
            let api = self.clone();
            async move { api.answer(request).await.unwrap_or_else(problem) }
        })
    }

    async fn answer(self: &Arc<Self>, request: Request) -> Result<Response, Problem> {
        let (head, body) = request.into_parts();
        let (path, method) = (head.uri.path(), head.method.as_str());
        let (route, parts) = find(method, path)?;
        if route.path == "/livez" {
            return Ok(page(StatusCode::OK, TEXT, "alive\n".into()));
        }
        let told = |problem: &Problem| self.note_refused("nobody", method, path, problem);
        let who = self.check(route, &head.headers).inspect_err(told)?;
        let told = |problem: &Problem| self.note_refused(&who, method, path, problem);
        let query = query(route, head.uri.query().unwrap_or_default()).inspect_err(told)?;
        let permit = self.permit(route).await.inspect_err(told)?;
        let body = self.body(route, &head.headers, body).await.inspect_err(told)?;
        let last_event = head.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let asked = Asked {
            deployments: self.deployments.clone(),
            logs: self.logs.clone(),
            metrics: {
                let recorded = self.recorded.clone();
                Arc::new(move |deployments| metrics::page(&recorded, deployments))
            },
            openapi: self.openapi.clone(),
            path: parts,
            query,
            body,
            last_event,
        };
        let is_plan = asked.is_set("plan");
        let (handler, dispatch) = (route.handler, self.dispatch.clone());
        let work = move || {
            // Held as long as it works, also where nobody waits for the answer any more.
            let _permit = permit;
            with_default(&dispatch, || handler(&asked))
        };
        let done = spawn_blocking(work).await;
        let done = done.map_err(|error| Problem::new(500, "bug", "A bug", error.to_string()))?;
        if route.method != "GET" {
            self.note(&who, method, path, is_plan, &done);
        }
        Ok(match done? {
            Reply::Json(status, text) => page(status_of(status), super::routes::JSON, text.into()),
            Reply::Page(status, kind, bytes) => page(status_of(status), kind, bytes),
            Reply::Empty => page(StatusCode::NO_CONTENT, "", Bytes::new()),
            Reply::Follow(following) => self.follow(following),
        })
    }

    /// A request's turn.
    async fn permit(&self, route: &Route) -> Result<Option<OwnedSemaphorePermit>, Problem> {
        if route.method == "GET" {
            return Ok(self.looks.clone().acquire_owned().await.ok());
        }
        self.changes.clone().try_acquire_owned().map(Some).map_err(|_| {
            let detail = format!("{CHANGES_MAX} changes are being made; ask again when one is done");
            Problem::new(503, "busy", "The host is busy", detail)
        })
    }

    /// Who changed what: the audit log.
    fn note(&self, who: &str, method: &str, path: &str, is_plan: bool, done: &Result<Reply, Problem>) {
        match done {
            Ok(_) if is_plan => with_default(&self.dispatch, || {
                info!(
                    audit = true,
                    token = who,
                    method,
                    path,
                    plan = true,
                    "{who}: {method} {path}: a plan, which changes nothing"
                );
            }),
            Ok(_) => with_default(&self.dispatch, || {
                info!(audit = true, token = who, method, path, "{who}: {method} {path}");
            }),
            Err(problem) => self.note_refused(who, method, path, problem),
        }
    }

    /// The same of what was refused; who only looks is not told of.
    fn note_refused(&self, who: &str, method: &str, path: &str, problem: &Problem) {
        if matches!(method, "GET" | "HEAD") {
            return;
        }
        with_default(&self.dispatch, || {
            let (status, detail) = (problem.status, &problem.detail);
            warn!(
                audit = true,
                token = who,
                method,
                path,
                status,
                "{who}: {method} {path} was refused ({status}): {detail}"
            );
        });
    }

    /// Whether a request may be made; gives whose token it has.
    fn check(&self, route: &Route, headers: &HeaderMap) -> Result<String, Problem> {
        let Some(scope) = route.scope else { return Ok(String::new()) };
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        let Some(tokens) = &*tokens else {
            let is_foreign = self.is_local && !headers.get(header::HOST).is_some_and(is_local_host);
            if is_foreign || (self.is_local && headers.contains_key(header::ORIGIN)) {
                let detail = "without tokens only programs of this machine may ask, by its loopback address";
                return Err(Problem::new(403, "forbidden", "It is not allowed", detail));
            }
            return Ok("anyone".to_owned());
        };
        let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
        tokens.check(given, scope).map(str::to_owned).map_err(|denied| match denied {
            Denied::Missing => {
                let detail = "the request needs the header `Authorization: Bearer TOKEN`";
                Problem::new(401, "token", "A token is needed", detail)
            }
            Denied::Unknown => Problem::new(401, "token", "A token is needed", "the token is not known"),
            Denied::Scope(name, has) => {
                let detail = format!("token '{name}' allows {}, and this needs {}", has.name(), scope.name());
                Problem::new(403, "scope", "The token does not allow it", detail)
            }
        })
    }

    /// The body of a request. It is never larger in memory than it may be.
    async fn body(&self, route: &Route, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let Some(kind) = route.body else { return Ok(Bytes::new()) };
        let given = headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
        let given =
            given.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let takes: &[&str] = kind.takes();
        if let Some(given) = given.filter(|given| !takes.contains(&given.as_str())) {
            let detail = format!("the body is {given}; it can be {}", takes.join(" or "));
            return Err(Problem::new(415, "content-type", "The body is of another kind", detail));
        }
        let most = match kind {
            BodyKind::Sql => self.body_bytes_max,
            BodyKind::Component => self.plugin_bytes_max,
        };
        let too_large = || {
            let detail = format!("the body is larger than {most} bytes");
            Problem::new(413, "too-large", "The body is too large", detail)
        };
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > most as u64) {
            return Err(too_large());
        }
        let read = async {
            let (mut bytes, mut parts) = (BytesMut::new(), body.into_data_stream());
            while let Some(part) = parts.next().await {
                let part =
                    part.map_err(|error| Problem::bad_request(format!("the body ended early: {error}")))?;
                if bytes.len() + part.len() > most {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&part);
            }
            Ok(bytes.freeze())
        };
        let late = |_| {
            let detail = format!("the body did not arrive within {} s", self.body_timeout.as_secs_f64());
            Problem::new(408, "timeout", "The body took too long", detail)
        };
        timeout(self.body_timeout, read).await.map_err(late)?
    }
}

impl BodyKind {
    /// The media types of such a body.
    pub(super) fn takes(self) -> &'static [&'static str] {
        match self {
            Self::Sql => &["application/sql", "text/plain"],
            Self::Component => &["application/wasm", "application/octet-stream"],
        }
    }
}

/// Whether the host that a request names is this machine, by a name that no name server gives to others.
fn is_local_host(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn page(status: StatusCode, kind: &'static str, bytes: Bytes) -> Response {
    let mut answer = Response::new(Body::from(bytes));
    *answer.status_mut() = status;
    if !kind.is_empty() {
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

fn problem(problem: Problem) -> Response {
    let text = serde_json::to_string(&problem).unwrap_or_default();
    let mut answer = page(status_of(problem.status), "application/problem+json", text.into());
    if problem.kind == BUSY {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    }
    if problem.status == 401 {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if problem.status == 405
        && let Some((_, allowed)) = problem.detail.rsplit_once(" takes ")
        && let Ok(allowed) = HeaderValue::from_str(allowed)
    {
        answer.headers_mut().insert(header::ALLOW, allowed);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_as_the_host_is_busy_is_told_when_to_ask_again() {
        let retry_after = |kind: &str| {
            let answer = problem(Problem::new(503, kind, "", ""));
            answer.headers().get(header::RETRY_AFTER).map(|after| after.to_str().unwrap().to_owned())
        };
        assert_eq!(retry_after("busy").as_deref(), Some("1"));
        assert_eq!(retry_after("over"), None, "it is ending");
    }

    #[test]
    fn only_names_of_this_machine_are_local() {
        for (host, is_local) in [
            ("localhost", true),
            ("LocalHost:8420", true),
            ("127.0.0.1:8420", true),
            ("[::1]:8420", true),
            ("localhost.evil.example", false),
            ("evil.example:8420", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_local_host(&HeaderValue::from_str(host).unwrap()), is_local, "{host}");
        }
    }
}
