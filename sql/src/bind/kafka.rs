//! The kinds of options that belong to Kafka: brokers, topics, and which client properties may be set.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Span;

use super::options::{Options, no_text};
use super::value::{GivenOption, OptionText};
use crate::connector::OptionSpec;
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::manifest::{KAFKA_PROPERTIES, KAFKA_SECRETS, OptionValue};
use crate::parse::name::nearest;
use crate::parse::options::plain_secret;
use crate::parse::secret::is_secret;

/// Reads the addresses of brokers, under either name.
pub(super) fn brokers<'a>(spec: &OptionSpec, options: &mut Options<'a>) -> Checked<Option<&'a str>> {
    let other = options.take_any(|key| matches!(key, "bootstrap_servers" | "bootstrap.servers"));
    let (brokers, span) = match (options.text(&spec.name)?, other) {
        (Some(found), None) => found,
        (None, Some(option)) => (super::options::text(option)?, option.span),
        (Some(_), Some(option)) => {
            return Err(Problem::new(option.key_span, "the brokers are given twice")
                .help(format!("{} alone", spec.help())));
        }
        (None, None) if spec.required => return Err(options.missing(&spec.name, &spec.help())),
        (None, None) => return Ok(None),
    };
    if brokers.trim().is_empty() {
        let problem = Problem::new(span, format!("the option `{}` is empty", spec.name));
        return Err(problem.help(spec.help()));
    }
    let given = brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty());
    let wrong = given.into_iter().find(|broker| !is_address(broker));
    match wrong {
        Some(broker) => {
            Err(Problem::new(span, format!("`{broker}` is no address of a broker")).help(spec.help()))
        }
        None => Ok(Some(brokers)),
    }
}

/// Whether a text is `host`, `host:port` or `PROTOCOL://host:port`, as librdkafka takes them; what is no port it would take for another one.
fn is_address(broker: &str) -> bool {
    let protocols = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];
    let rest = match broker.split_once("://") {
        Some((protocol, rest)) if protocols.iter().any(|known| known.eq_ignore_ascii_case(protocol)) => rest,
        Some(_) => return false,
        None => broker,
    };
    match rest.rsplit_once(':') {
        // An IPv6 address stands in brackets; without a port it ends with one.
        Some((host, _)) if host.starts_with('[') && rest.ends_with(']') => true,
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => !rest.is_empty(),
    }
}

/// Reads all client properties that are left into `found`, as `kafka.<property of librdkafka>`.
pub(super) fn properties(
    options: &mut Options<'_>,
    found: &mut BTreeMap<String, OptionValue>,
    errors: &mut Errors,
) {
    while let Some(option) = options.take_any(|key| property(key).is_some()) {
        let name = property(&option.key).unwrap_or_default();
        if let Some(value) = errors.keep(check(&name, option)) {
            found.insert(format!("kafka.{name}"), value);
        }
    }
}

pub(super) fn check_topic(topic: &str, span: Span) -> Checked<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if topic.is_empty() || topic.len() > 249 || !topic.chars().all(fits) || matches!(topic, "." | "..") {
        return Err(Problem::new(span, format!("'{topic}' cannot be the name of a topic"))
            .help("use up to 249 letters, digits, `.`, `_` and `-`"));
    }
    Ok(())
}

/// The property that a key means: `kafka.fetch.min.bytes`, or `sasl_username` for short.
pub(super) fn property(key: &str) -> Option<String> {
    if let Some(property) = key.strip_prefix("kafka.") {
        return Some(canonical(property));
    }
    let dotted = canonical(key);
    (KAFKA_PROPERTIES.contains(&dotted.as_str()) || reason(&dotted).is_some()).then_some(dotted)
}

fn canonical(key: &str) -> String {
    match key.replace('_', ".") {
        key if key == "sasl.mechanisms" => "sasl.mechanism".to_owned(),
        key if key == "compression.codec" => "compression.type".to_owned(),
        key => key,
    }
}

fn check(name: &str, option: &GivenOption) -> Checked<OptionValue> {
    if !KAFKA_PROPERTIES.contains(&name) {
        let problem = Problem::new(option.key_span, format!("the client property `{name}` may not be set"));
        return Err(match reason(name) {
            Some(reason) => problem.help(reason),
            None => match nearest(name, KAFKA_PROPERTIES.iter().copied()) {
                Some(near) => problem.suggest(Some(near)),
                None => problem.help("only properties on the list of the documentation may be set"),
            },
        });
    }
    match &option.value {
        OptionText::Secret(secret) if KAFKA_SECRETS.contains(&name) => {
            Ok(OptionValue::Secret(secret.clone()))
        }
        OptionText::Secret(_) | OptionText::List(_) => Err(no_text(option)),
        OptionText::Interval(_) => Err(Problem::new(option.span, format!("`{}` is no duration", option.key))
            .help("write it as librdkafka does, in milliseconds")),
        OptionText::Text(_) if is_secret(name) => Err(plain_secret(&option.key, option.span)),
        OptionText::Text(text) => Ok(OptionValue::Text(text.clone())),
    }
}

/// Why a property is not on the list.
fn reason(name: &str) -> Option<&'static str> {
    Some(match name {
        "bootstrap.servers" | "metadata.broker.list" => "write brokers = 'host:9092'",
        "plugin.library.paths" | "ssl.engine.location" | "ssl.engine.id" | "ssl.providers" => {
            "it would load a library into the host"
        }
        "auto.offset.reset" => "write start = 'earliest' or start = 'latest'",
        "enable.auto.commit"
        | "enable.auto.offset.store"
        | "auto.commit.interval.ms"
        | "group.instance.id"
        | "enable.partition.eof"
        | "transactional.id"
        | "enable.idempotence" => "the host keeps offsets and transactions itself",
        "enable.ssl.certificate.verification" => {
            "certificates are always verified: name yours with ssl_ca_location"
        }
        "queued.max.messages.kbytes" | "queued.min.messages" | "queue.buffering.max.messages" => {
            "the host bounds its queues itself"
        }
        name if name.starts_with("sasl.kerberos.") => "it would run a command on the host",
        name if name.starts_with("sasl.oauthbearer.") => {
            "OAUTHBEARER is not there yet; use SCRAM or PLAIN over TLS"
        }
        name if name.ends_with(".location") => "only certificates and their keys are read from files",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_is_a_host_and_a_port() {
        for broker in
            ["localhost:9092", "kafka", "SSL://kafka-1:9093", "sasl_ssl://k:1", "[::1]:9092", "[::1]"]
        {
            assert!(is_address(broker), "{broker}");
        }
        for wrong in ["localhost:99999", "http://a:1", "a:0", "a:", ":9092", "", "a:b", "a:-1"] {
            assert!(!is_address(wrong), "{wrong}");
        }
    }
}
