//! The commands that ask a host: how it is reached, and what its answers mean here.

pub(super) mod accept_topic;
pub(super) mod change;
pub(super) mod dead_letters;
pub(super) mod deploy;
pub(super) mod drop;
pub(super) mod follow;
pub(super) mod health;
pub(super) mod list;
pub(super) mod logs;
pub(super) mod plan;
pub(super) mod rollback;
pub(super) mod show;
pub(super) mod tail;

use std::{fs, path::PathBuf, time::Duration};

use clap::Args;
use reqwest::{Certificate, Client, Method, RequestBuilder, Response, Url};
use serde_json::Value;
use streamgauge_sql::{Diagnostic, Severity, SourceText};
use tokio::runtime::{Builder, Runtime};

use super::Failure;

const CONNECT_TIME: Duration = Duration::from_secs(10);
/// A change may wait for deliveries, and `--wait` for sources.
const ANSWER_TIME: Duration = Duration::from_secs(300);

/// The options of every command that calls a host: its URL, the token and the certificate.
#[derive(Debug, Args)]
pub(super) struct HostOptions {
    /// The host
    #[arg(
        long,
        value_name = "URL",
        env = "STREAMGAUGE_HOST",
        default_value = "http://127.0.0.1:8420",
        hide_env_values = true
    )]
    host: String,
    /// The token, where the host needs one
    #[arg(long, value_name = "TOKEN", env = "STREAMGAUGE_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A certificate in PEM that the host's is signed with, beside those that the system trusts
    #[arg(long, value_name = "FILE", env = "STREAMGAUGE_CA_CERT")]
    ca_cert: Option<PathBuf>,
}

/// A host that is asked.
pub(super) struct Remote {
    waiting: Runtime,
    client: Client,
    base: Url,
    token: Option<String>,
}

/// What the host answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) json: Value,
    /// The same as it came: an object's fields in their order.
    pub(super) text: String,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    /// The parts of the path.
    pub(super) path: &'a [&'a str],
    pub(super) query: &'a [(&'a str, String)],
    pub(super) body: Option<(&'static str, Vec<u8>)>,
}

impl<'a> Request<'a> {
    pub(super) fn get(path: &'a [&'a str]) -> Self {
        Self { method: Method::GET, path, query: &[], body: None }
    }
}

impl Remote {
    pub(super) fn new(options: &HostOptions) -> Result<Self, Failure> {
        let usage = |why: String| Failure::Usage(format!("error: --host {}: {why}", options.host));
        let host = match options.host.contains("://") {
            true => options.host.clone(),
            false => format!("http://{}", options.host),
        };
        let base = Url::parse(&host).map_err(|error| usage(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(usage("write it as http://127.0.0.1:8420".to_owned()));
        }
        let failed = |error: &dyn std::fmt::Display| Failure::Runtime(format!("error: {error}"));
        let mut client = Client::builder()
            .connect_timeout(CONNECT_TIME)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if let Some(path) = &options.ca_cert {
            let wrong = |error: &dyn std::fmt::Display| {
                Failure::Input(format!("error: --ca-cert {}: {error}", path.display()))
            };
            let bytes = fs::read(path).map_err(|error| wrong(&error))?;
            client =
                client.add_root_certificate(Certificate::from_pem(&bytes).map_err(|error| wrong(&error))?);
        }
        let waiting = Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error))?;
        let client = client.build().map_err(|error| failed(&error))?;
        Ok(Self { waiting, client, base, token: options.token.clone() })
    }

    /// Asks, and gives what is answered where all is well; where it is not, a failure that says so.
    pub(super) fn ask(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let answer = self.ask_all(request)?;
        match answer.status {
            200..300 => Ok(answer),
            _ => Err(self.failure(&answer, &[])),
        }
    }

    /// The status and the words of a probe.
    pub(super) fn probe(&self, name: &str) -> Result<(u16, String), Failure> {
        let mut url = self.base.clone();
        url.set_path(name);
        self.waiting.block_on(async {
            let response = self.client.get(url).timeout(CONNECT_TIME).send().await;
            let response = response.map_err(|error| self.unreachable(&error))?;
            let status = response.status().as_u16();
            Ok((status, response.text().await.map_err(|error| self.unreachable(&error))?))
        })
    }

    /// Asks, and gives whatever is answered.
    pub(super) fn ask_all(&self, request: Request<'_>) -> Result<Answer, Failure> {
        self.waiting.block_on(async {
            let response = self.send(request, ANSWER_TIME).await?;
            let status = response.status().as_u16();
            let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let json = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_str()));
            Ok(Answer { status, json, text })
        })
    }

    async fn send(&self, request: Request<'_>, time: Duration) -> Result<Response, Failure> {
        self.asking(request).timeout(time).send().await.map_err(|error| self.unreachable(&error))
    }

    /// The same for a stream, which goes on behind the event that came last.
    async fn send_after(&self, request: Request<'_>, last: Option<&str>) -> Result<Response, Failure> {
        let mut asking = self.asking(request);
        if let Some(last) = last {
            asking = asking.header("last-event-id", last);
        }
        asking.send().await.map_err(|error| self.unreachable(&error))
    }

    fn asking(&self, request: Request<'_>) -> RequestBuilder {
        let Request { method, path, query, body } = request;
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("v1").extend(path);
        }
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        let mut asking = self.client.request(method, url);
        if let Some(token) = &self.token {
            asking = asking.bearer_auth(token);
        }
        if let Some((kind, bytes)) = body {
            asking = asking.header("content-type", kind).body(bytes);
        }
        asking
    }

    /// The whole names of the queries that are meant: the one that is given, or all of the deployment that is given.
    pub(super) fn queries(&self, given: &str) -> Result<Vec<String>, Failure> {
        if given.contains('.') {
            return Ok(vec![given.to_owned()]);
        }
        let answer = self.ask(Request::get(&["deployments", given]))?;
        let queries = answer.json.get("queries").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let names: Vec<String> =
            queries.iter().filter_map(|query| Some(query.get("name")?.as_str()?.to_owned())).collect();
        match names.is_empty() {
            true => Err(Failure::Input(format!("error: deployment '{given}' has no query that runs"))),
            false => Ok(names),
        }
    }

    /// The whole name of a query, of which the name of its deployment alone may be given where it has one query.
    pub(super) fn query(&self, given: &str) -> Result<String, Failure> {
        match self.queries(given)?.as_slice() {
            [only] => Ok(only.clone()),
            names => Err(Failure::Usage(format!(
                "error: deployment '{given}' has several queries\nhelp: name one: {}",
                names.join(", ")
            ))),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(found) = cause {
            why = found.to_string();
            cause = found.source();
        }
        Failure::Runtime(format!(
            "error: the host at {} cannot be asked: {why}\nhelp: start it with `streamgauge serve`, or name another with --host or \
             STREAMGAUGE_HOST",
            self.base
        ))
    }

    /// What a problem document means. `texts` are the files that were sent: mistakes are shown with their lines.
    pub(super) fn failure(&self, answer: &Answer, texts: &[SourceText]) -> Failure {
        let text = |name: &str| answer.json.get(name).and_then(Value::as_str).unwrap_or_default();
        let mistakes = answer.json.get("diagnostics").and_then(Value::as_array);
        if let Some(mistakes) = mistakes.filter(|mistakes| !mistakes.is_empty()) {
            return Failure::Wrong(mistakes.iter().map(|mistake| diagnostic(mistake, texts)).collect());
        }
        let detail = match text("detail") {
            "" => format!("the host at {} answered {}", self.base, answer.status),
            detail => detail.to_owned(),
        };
        let help = match answer.status {
            401 => "\nhelp: give the token with --token or STREAMGAUGE_TOKEN",
            _ => "",
        };
        let message = format!("error: {detail}{help}");
        match answer.status {
            500.. => Failure::Runtime(message),
            _ => Failure::Input(message),
        }
    }
}

fn diagnostic(mistake: &Value, texts: &[SourceText]) -> Diagnostic {
    let text = |name: &str| mistake.get(name).and_then(Value::as_str).map(str::to_owned);
    let number = |name: &str| {
        mistake.get(name).and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok()).unwrap_or(1)
    };
    let (file, line) = (text("file").unwrap_or_default(), number("line"));
    // The host calls the file by the deployment's name.
    let sent = texts.first();
    let source_line = sent.and_then(|sent| sent.text.lines().nth(line.saturating_sub(1))).unwrap_or_default();
    Diagnostic {
        file: sent.map_or(file, |sent| sent.name.clone()),
        line,
        column: number("column"),
        severity: if text("severity").as_deref() == Some("warning") {
            Severity::Warning
        } else {
            Severity::Error
        },
        message: text("message").unwrap_or_default(),
        help: text("help"),
        source_line: source_line.to_owned(),
        width: number("width"),
    }
}
