//! Sends one request and says what came of it.
//!
//! No redirects, no proxies, no cookies, no second tries: what a request reaches is what its URL says. A connection that
//! stays open is used again, and was checked when it was made.

use std::{error::Error, time::Duration};

use reqwest::{
    Method, Url,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    redirect, retry,
};
use streamgauge_common::{clock, message::Response};
use tokio::{pin, select, time::sleep};

use super::{
    address,
    outgoing::{Body, Outgoing, Template},
    resolver::{Resolver, Unresolved},
    secrets::{Filled, Lookup},
    signature::SigningSecret,
};

const USER_AGENT: &str = concat!("streamgauge/", env!("CARGO_PKG_VERSION"));

/// How long a connection may be unused and still be used again: less than what common servers wait before they close.
const IDLE_TIME: Duration = Duration::from_secs(4);

/// Connections kept for later, of one client.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// Bytes of response headers that are passed on.
const RESPONSE_HEADER_BYTES_MAX: usize = 16 << 10;

/// Response headers; an answer with more is none.
const RESPONSE_HEADERS_MAX: usize = 100;

/// Characters of a cause in an error's text.
const CAUSE_CHARS_MAX: usize = 300;

/// Headers that are the client's own: a guest that set them could smuggle a second request behind the first.
pub(crate) const OWN_HEADERS: [HeaderName; 9] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
];

/// How long and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// To look the host up and connect, TLS included; at most half of `request_time`.
    pub connect_time: Duration,
    /// For all of a request, from looking up to the last byte of the response.
    pub request_time: Duration,
    /// Bytes of a response's body; the rest is not read.
    pub response_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_time: Duration::from_secs(5),
            request_time: Duration::from_secs(10),
            response_bytes_max: 64 << 10,
        }
    }
}

/// Why there is no response. The texts hold no secret and no URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nothing reached the receiver; it may be another time.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The receiver may have got the request.
    #[error("gave no answer: {0}")]
    Unanswered(String),
    /// Nothing was sent, nor will it ever be.
    #[error("{0}")]
    Impossible(String),
}

/// The system's TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client")]
pub struct ClientError(#[source] reqwest::Error);

/// Sends requests. A clone shares its connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    allow_private: bool,
    limits: Limits,
}

impl Client {
    /// A client that looks hosts up through the system; `allow_private` lets it reach addresses that are not public.
    pub fn new(allow_private: bool, limits: Limits) -> Result<Self, ClientError> {
        Self::with_resolver(Resolver::new(allow_private), limits)
    }

    /// A client that looks hosts up otherwise.
    pub fn with_resolver(resolver: Resolver, limits: Limits) -> Result<Self, ClientError> {
        let allow_private = resolver.allows_private();
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .http1_max_headers(RESPONSE_HEADERS_MAX)
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            // So that the whole request never ends while it still connects: the receiver would be said to have got it.
            .connect_timeout(limits.connect_time.min(limits.request_time / 2))
            .dns_resolver(resolver)
            .build()
            .map_err(|cause| ClientError(cause.without_url()))?;
        Ok(Self { http, allow_private, limits })
    }

    /// Sends a request with its secrets filled in, signed as message `id` where there is a key.
    ///
    /// Once the status has come this is a response, whatever becomes of its body: cut at the limit, at the time-out, or
    /// where the connection broke. Secrets in it are replaced by their names.
    pub async fn send(
        &self,
        request: &Outgoing<'_>,
        secrets: &Lookup,
        signing: Option<&SigningSecret>,
        id: &str,
    ) -> Result<Response, SendError> {
        let mut filled = Filled::default();
        let outgoing =
            self.outgoing(request, &mut filled, secrets, signing, id).map_err(SendError::Impossible)?;
        let over = sleep(self.limits.request_time);
        pin!(over);
        let mut incoming = select! {
            result = self.http.execute(outgoing) => result.map_err(|error| self.error(&error, &filled))?,
            () = &mut over => return Err(SendError::Unanswered(self.too_late())),
        };
        let status = incoming.status().as_u16();
        let headers = received(incoming.headers(), &filled);
        let mut body = Vec::new();
        while body.len() < self.limits.response_bytes_max {
            let chunk = select! {
                chunk = incoming.chunk() => chunk,
                () = &mut over => break,
            };
            let Ok(Some(chunk)) = chunk else { break };
            body.extend_from_slice(&chunk);
        }
        body.truncate(self.limits.response_bytes_max);
        Ok(Response { status, headers, body: filled.hide(body) })
    }

    /// The request as it goes out; the error says what is wrong with it.
    fn outgoing(
        &self,
        request: &Outgoing<'_>,
        filled: &mut Filled,
        secrets: &Lookup,
        signing: Option<&SigningSecret>,
        id: &str,
    ) -> Result<reqwest::Request, String> {
        let method = method(request.method)?;
        let url = self.url(&request.url, filled, secrets)?;
        if let Some(within) = &request.within {
            let within = self.url(within, filled, secrets)?;
            if within.origin() != url.origin() {
                return Err("the sink's component sends to another host than the option `url` names".into());
            }
        }
        let mut headers = headers(&request.headers, filled, secrets)?;
        let body = body(&request.body, filled, secrets)?;
        if let Some(signing) = signing {
            let timestamp_s = clock::now_us().div_euclid(1_000_000);
            let signature = signing.sign(id, timestamp_s, &body);
            headers.insert("webhook-id", value("webhook-id", id)?);
            headers.insert("webhook-timestamp", HeaderValue::from(timestamp_s));
            headers.insert("webhook-signature", value("webhook-signature", &signature)?);
        }
        let builder = self.http.request(method, url).headers(headers).body(body);
        builder.build().map_err(|_| "the url cannot be sent to".into())
    }

    fn url(&self, template: &Template, filled: &mut Filled, secrets: &Lookup) -> Result<Url, String> {
        let text = filled.fill(template, secrets)?;
        let url = Url::parse(&text).map_err(|cause| format!("the url is none: {cause}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the url must begin with 'https://' or 'http://'".into());
        }
        let host = url.host_str().ok_or("the url has no host")?;
        if let Some(kind) = address::forbidden_host(host).filter(|_| !self.allow_private) {
            return Err(format!(
                "the url leads to {kind} address; set allow_private = true if that is meant"
            ));
        }
        if template.has_secret() {
            // A receiver that says where it was asked says a part of the URL, as it was sent.
            let path = url.path().to_owned();
            filled.note("{the url's path}".into(), path);
            filled.note("{the url's query}".into(), url.query().unwrap_or_default());
        }
        Ok(url)
    }

    fn error(&self, error: &reqwest::Error, filled: &Filled) -> SendError {
        let cause = cause(error);
        if let Some(unresolved) = cause.downcast_ref::<Unresolved>() {
            return SendError::Unreachable(unresolved.to_string());
        }
        let connecting = error.is_connect();
        let text = match (error.is_timeout(), connecting) {
            (true, true) => "no connection in time".into(),
            (true, false) => self.too_late(),
            _ => filled.hide_text(cause.to_string()).chars().take(CAUSE_CHARS_MAX).collect(),
        };
        if connecting { SendError::Unreachable(text) } else { SendError::Unanswered(text) }
    }

    fn too_late(&self) -> String {
        format!("nothing came within {:?}", self.limits.request_time)
    }
}

/// The innermost cause: what is around it says where in the client it was, and has the URL.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

fn method(name: &str) -> Result<Method, String> {
    let method = Method::from_bytes(name.as_bytes()).map_err(|_| format!("'{name:.60}' is no method"))?;
    match method {
        Method::CONNECT | Method::TRACE => Err(format!("method '{name:.60}' is not for sinks")),
        _ => Ok(method),
    }
}

/// The body, with its first member filled in as a JSON text.
fn body(body: &Body<'_>, filled: &mut Filled, secrets: &Lookup) -> Result<Vec<u8>, String> {
    let Some((text, template)) = &body.front else { return Ok(body.rest.to_vec()) };
    let value = serde_json::Value::String(filled.fill(template, secrets)?).to_string();
    // A receiver that says what it was sent may say it as JSON.
    filled.note(template.shown(), value.trim_matches('"'));
    Ok([text.as_bytes(), value.as_bytes(), body.rest].concat())
}

fn headers(pairs: &[(String, Template)], filled: &mut Filled, secrets: &Lookup) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, template) in pairs {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("'{name:.60}' is no header's name"))?;
        if OWN_HEADERS.contains(&header) {
            return Err(format!("header '{header}' is set by the host; leave it out"));
        }
        let text = filled.fill(template, secrets)?;
        let mut value = value(name, &text)?;
        value.set_sensitive(template.has_secret());
        headers.append(header, value);
    }
    Ok(headers)
}

fn value(name: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text)
        .map_err(|_| format!("header '{name:.60}' has a value that no header can have"))
}

/// The headers of a response, as many as fit.
fn received(headers: &HeaderMap, filled: &Filled) -> Vec<(String, String)> {
    let mut bytes = 0;
    let pairs = headers.iter().map(|(name, value)| {
        let value = filled.hide_text(String::from_utf8_lossy(value.as_bytes()).into_owned());
        (name.as_str().to_owned(), value)
    });
    pairs
        .take_while(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= RESPONSE_HEADER_BYTES_MAX
        })
        .collect()
}
