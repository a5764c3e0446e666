//! What connectors share whose component makes HTTP requests: the options of the host, the check of addresses, and the worker.

mod response_classifier;

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use reqwest::Url;
use streamgauge_common::message::{Message, Payload};
use streamgauge_component::{
    check::Refused,
    plugins::Plugins,
    sink::{Encoder, SinkInstance},
};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    catalog::WrongOption,
    connector::{OptionKind, OptionSpec, SecretUse},
    header::{Header, HeaderPart, HeaderRules, HeaderText},
    manifest::{Manifest, OptionValue, Sink},
    types::DataType,
};
use streamgauge_state::outbox::Outbox;
use tracing::info;

use self::response_classifier::ResponseClassifier;
use super::component;
use crate::deliver::permissions::Permissions;
use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
    encode::Requests,
    http::{
        address::forbidden_host,
        client::Client,
        declared::{Declared, URL, thawed},
        secrets::{self, Lookup},
        sender::{OnAmbiguous, Sender, Settings},
        signature::SigningSecret,
    },
    rejected::RejectedRows,
    workers::{DeliveryLimits, Workers},
};

/// A connector whose component makes HTTP requests. The component describes its own options; the host states those that it
/// reads itself.
#[derive(Clone, Copy, Debug)]
pub struct HttpConnector {
    /// The connector's name, and that of its component; empty for components of users.
    pub(super) name: &'static str,
    /// What WITH takes of the host beside what all such connectors take.
    pub(super) own: fn() -> Vec<OptionSpec>,
    /// Options of the component that must be secrets.
    pub(super) secrets: &'static [&'static str],
    /// Whether all messages leave one after the other, whatever group they are of.
    pub(super) in_one_lane: bool,
    /// The least time between the starts of two requests.
    pub(super) gap: Duration,
}

/// The secret that the host signs each request with.
pub(super) fn signing_secret() -> OptionSpec {
    let docs = "signs each request as Standard Webhooks says";
    OptionSpec::new("signing_secret", OptionKind::Literal(DataType::Text), docs).secret(SecretUse::Required)
}

/// What values of headers are made of.
const HEADER_TEXT: HeaderText = HeaderText::VisibleAscii;

/// Headers that are no matter of the WITH: the client sets them, or the sink for each message.
const RESERVED_HEADERS: &[&str] = &[
    "content-length",
    "host",
    "transfer-encoding",
    "connection",
    "expect",
    "te",
    "trailer",
    "upgrade",
    "proxy-authorization",
    "content-type",
    "idempotency-key",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
];

/// What is added to each request when it is sent.
pub(super) fn headers() -> OptionSpec {
    let rules = HeaderRules { values: HEADER_TEXT, reserved: RESERVED_HEADERS };
    let docs = "headers that each request has, resolved when it is sent";
    OptionSpec::new("headers", OptionKind::Headers(rules), docs).secret(SecretUse::Allowed)
}

/// What to do with a request that was sent and has no answer.
pub(super) fn on_ambiguous() -> OptionSpec {
    let docs = "what becomes of a message that was sent and has no answer";
    OptionSpec::new("on_ambiguous", OptionKind::Word(&["resend", "drop"]), docs).or("resend")
}

/// How long an answer such as 403 is tried again, because an operator may correct the receiver.
fn reject_after() -> OptionSpec {
    let docs = "how long 401, 403, 407 and 410 are tried again before messages become dead letters";
    OptionSpec::new("reject_after", OptionKind::Duration, docs).or("10 minutes")
}

fn allow_private() -> OptionSpec {
    let docs = "whether addresses that are not public may be sent to";
    OptionSpec::new("allow_private", OptionKind::Word(&["true", "false"]), docs).or("false")
}

impl SinkConnector for HttpConnector {
    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self, plugins: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        let described = component::described(plugins, self.name, SecretUse::Refused)?;
        let described = described.into_iter().map(|spec| {
            let secret = match &*spec.name {
                URL => SecretUse::Allowed,
                name if self.secrets.contains(&name) => SecretUse::Required,
                _ => SecretUse::Refused,
            };
            spec.secret(secret)
        });
        Ok(described.chain(self.host_options()).collect())
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, _: Depth) -> Option<WrongOption> {
        let wrong = |key: Cow<'_, str>, why: &str, help: &str| WrongOption {
            message: format!("`{key}` {why}"),
            key: key.into_owned(),
            help: help.to_owned(),
        };
        let headers = headers();
        if headers.headers(options).iter().any(has_placeholder) {
            let why = format!("cannot have '{}' in a value", secrets::OPENING);
            let help = "write secret('NAME'), which `||` joins with texts";
            return Some(wrong(headers.bound_name(), &why, help));
        }
        let Some(OptionValue::Text(url)) = options.get(URL) else { return None };
        if url.contains(secrets::OPENING) {
            let why = format!("cannot have '{}' in it: no secret is filled in there", secrets::OPENING);
            return Some(wrong(
                URL.into(),
                &why,
                "put the whole address into a secret and write url = secret('NAME')",
            ));
        }
        let (why, help) = wrong_url(url, allows_private(options))?;
        Some(wrong(URL.into(), &why, help))
    }

    fn wrong_rows(&self, sink: &Sink, query: &Manifest, _: bool, plugins: &Plugins) -> Option<String> {
        component::wrong_rows(sink, query, plugins)
    }

    fn open(
        &self,
        sink: &Sink,
        route: &Route<'_>,
        context: &mut SinkContext<'_>,
    ) -> Result<Destination, SinkError> {
        let instance = component::instance(sink, context, |_, _| {
            self.tell_unsigned(sink);
            Ok(())
        })?;
        let encoder = component::encoder(&instance, sink, route.query).map_err(SinkError::Encoder)?;
        let encoder = Arc::new(encoder);
        check_address(sink, &**context.secrets, context.permissions)?;
        check_headers(sink, &**context.secrets)?;
        self.check_secrets(sink, &**context.secrets)?;
        let client = context.workers.client(allows_private(&sink.options), context.permissions.is_some())?;
        let requests =
            Requests { encoder: encoder.clone(), keys: route.keys.clone(), in_one_lane: self.in_one_lane };
        let worker = HttpWorker {
            encoder,
            client,
            settings: settings(sink, self.gap, context.workers.limits()),
            declared: Declared::of(&sink.options).with_body_options(body_options(&instance)),
            secrets: context.secrets.clone(),
            signing_name: match sink.options.get(&*signing_secret().name) {
                Some(OptionValue::Secret(name)) => Some(name.clone()),
                _ => None,
            },
        };
        Ok(Destination::Outbox(OutboxBinding::new(requests, worker)))
    }
}

/// The options of a component that may stand in its bodies: all that it describes but the address, which rows may hold as well.
fn body_options(instance: &SinkInstance) -> Vec<String> {
    let options = instance.described().options.iter();
    options.map(|option| option.name.clone()).filter(|name| name != URL).collect()
}

impl HttpConnector {
    /// What WITH takes of the host.
    pub(super) fn host_options(&self) -> impl Iterator<Item = OptionSpec> {
        (self.own)().into_iter().chain([reject_after(), allow_private()])
    }

    /// Refuses secrets of the component's options before the first row that cannot be looked up.
    fn check_secrets(&self, sink: &Sink, secrets: &Lookup) -> Result<(), SinkError> {
        for option in self.secrets {
            if let Some(OptionValue::Secret(name)) = sink.options.get(*option) {
                secrets(name).map_err(|why| SinkError::Secret { name: name.clone(), why })?;
            }
        }
        Ok(())
    }

    /// Says that whoever knows the address can send what the sink sends.
    fn tell_unsigned(&self, sink: &Sink) {
        let option = signing_secret().name;
        let takes_one = (self.own)().iter().any(|spec| spec.name == option);
        if takes_one && !sink.options.contains_key(&*option) {
            let name = &sink.name;
            info!(
                sink = name,
                "sink '{name}': requests are not signed; {option} = secret('NAME') lets the receiver verify them"
            );
        }
    }
}

/// Sends the requests of one query.
struct HttpWorker {
    encoder: Arc<Encoder>,
    client: Client,
    settings: Settings,
    declared: Declared,
    secrets: Arc<Lookup>,
    /// The secret that requests are signed with.
    signing_name: Option<String>,
}

impl SinkWorker for HttpWorker {
    fn takes(&self, payload: &Payload) -> bool {
        matches!(payload, Payload::Request(_))
    }

    fn resume(&self, message: Arc<Message>) -> Result<Arc<Message>, String> {
        let message = thawed(message);
        if let Payload::Request(request) = &message.payload {
            self.declared.fill(request)?;
        }
        Ok(message)
    }

    fn start(
        self: Box<Self>,
        outbox: Outbox,
        rejected: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError> {
        let Self { encoder, client, settings, declared, secrets, signing_name } = *self;
        let signing = signing_name.map(|name| signing(name, &*secrets)).transpose()?;
        let left = outbox.clone();
        let requests = rejected.requests();
        let sink = Arc::new(ResponseClassifier::new(encoder, rejected));
        let sender = Sender { outbox, client, settings, declared, sink, secrets, signing, requests };
        Ok(workers.task(&left, |stop| sender.run(stop))?)
    }
}

fn settings(sink: &Sink, gap: Duration, limits: &DeliveryLimits) -> Settings {
    let on_ambiguous = match on_ambiguous().text(&sink.options) {
        Some("drop") => OnAmbiguous::Drop,
        _ => OnAmbiguous::Resend,
    };
    let settings = Settings {
        in_flight_max: limits.requests_in_flight,
        retry_after_max: limits.retry_after_max,
        gap,
        on_ambiguous,
        ..Settings::default()
    };
    let reject_after = reject_after().micros(&sink.options).and_then(|micros| u64::try_from(micros).ok());
    let reject_after = reject_after.map_or(settings.reject_after, Duration::from_micros);
    Settings { reject_after, ..settings }
}

fn signing(name: String, secrets: &Lookup) -> Result<SigningSecret, SinkError> {
    match secrets(&name) {
        Ok(value) => SigningSecret::new(&value).map_err(|why| SinkError::Signing { name, why }),
        Err(why) => Err(SinkError::Secret { name, why }),
    }
}

fn allows_private(options: &BTreeMap<String, OptionValue>) -> bool {
    allow_private().text(options) == Some("true")
}

/// Refuses an address before the first row that the client would refuse at each request.
fn check_address(sink: &Sink, secrets: &Lookup, permissions: Option<&Permissions>) -> Result<(), SinkError> {
    let url = match sink.options.get(URL) {
        Some(OptionValue::Text(url)) => url.clone(),
        Some(OptionValue::Secret(name)) => {
            secrets(name).map_err(|why| SinkError::Secret { name: name.clone(), why })?
        }
        Some(OptionValue::Headers(_)) | None => return Ok(()),
    };
    match wrong_url(&url, allows_private(&sink.options)) {
        Some((why, help)) => Err(SinkError::Url { why, help }),
        None => Ok(permissions.map_or(Ok(()), |permissions| permissions.check_url(sink, &url))?),
    }
}

/// Whether a text of a header looks like a secret that the client fills in.
fn has_placeholder(header: &Header) -> bool {
    let is_one =
        |part: &HeaderPart| matches!(part, HeaderPart::Text(text) if text.contains(secrets::OPENING));
    header.value.iter().any(is_one)
}

/// Refuses secrets before the first row that no header can hold.
fn check_headers(sink: &Sink, secrets: &Lookup) -> Result<(), SinkError> {
    for Header { name: header, value } in headers().headers(&sink.options) {
        for part in value {
            let HeaderPart::Secret(name) = part else { continue };
            let refused = |why| SinkError::Secret { name: name.clone(), why };
            let value = secrets(name).map_err(refused)?;
            if let Some(why) = HEADER_TEXT.wrong(&value) {
                return Err(refused(format!("it {why}, so it cannot be in the header `{header}`")));
            }
        }
    }
    Ok(())
}

/// Why a URL is not sent to, and what to do about it; none where it is. The text does not show it: it may be a secret.
fn wrong_url(url: &str, allows_private: bool) -> Option<(String, &'static str)> {
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Some((format!("is none: {error}"), "write url = 'https://...'")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some(("must begin with https:// or http://".to_owned(), "write url = 'https://...'"));
    }
    let Some(host) = url.host_str() else {
        return Some(("names no host".to_owned(), "write url = 'https://...'"));
    };
    let kind = forbidden_host(host).filter(|_| !allows_private)?;
    Some((format!("leads to {kind} address"), "write allow_private = 'true' if that is meant"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::http::client::OWN_HEADERS;

    #[test]
    fn what_the_client_refuses_is_refused_where_it_stands() {
        for header in OWN_HEADERS {
            assert!(RESERVED_HEADERS.contains(&header.as_str()), "{header}");
        }
    }
}
