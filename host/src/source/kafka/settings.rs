//! What a source says about its Kafka, checked: an allow-list of client properties.

use std::collections::BTreeMap;

use streamgauge_sql::manifest::OptionValue;

use crate::source::SourceError;

/// Where a topic is, and how to speak with its brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// Properties of the client, as librdkafka spells them; all from the allow-list.
    pub properties: BTreeMap<String, String>,
}

/// The properties that may be set, as the SQL front end has them too; the others could run programs, load code, write files, or change what the source
/// promises about offsets.
const ALLOWED: &[&str] = &[
    "acks",
    "batch.size",
    "broker.address.family",
    "check.crcs",
    "client.id",
    "client.rack",
    "compression.type",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.id",
    "isolation.level",
    "linger.ms",
    "max.partition.fetch.bytes",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
];
/// The options that are not properties.
const OWN: &[&str] = &["brokers", "bootstrap_servers", "topic", "connector", "format"];

impl Connection {
    /// Reads `brokers` and the client's properties from a source's options, secrets filled in, and gives the topic
    /// beside them.
    ///
    /// A property is written as `sasl_username` or `kafka.sasl.username`.
    pub fn from_options<E: ToString>(
        options: &BTreeMap<String, OptionValue>,
        secret: impl Fn(&str) -> Result<String, E>,
    ) -> Result<(Self, String), SourceError> {
        let text = |value: &OptionValue| match value {
            OptionValue::Text(text) => Ok(text.clone()),
            OptionValue::Secret(name) => secret(name)
                .map_err(|why| SourceError::Setting(format!("secret '{name}': {}", why.to_string()))),
        };
        let required = |names: &[&str]| {
            let value = names.iter().find_map(|&name| options.get(name));
            let missing = || {
                SourceError::Setting(format!("a kafka source needs the option '{}'", names.join("' or '")))
            };
            value.ok_or_else(missing).and_then(text)
        };
        let brokers = required(&["brokers", "bootstrap_servers"])?;
        let topic = required(&["topic"])?;
        let mut properties = BTreeMap::new();
        for (name, value) in options.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            let property = name.strip_prefix("kafka.").unwrap_or(name).replace('_', ".");
            if !ALLOWED.contains(&property.as_str()) {
                return Err(SourceError::Setting(format!("the client property '{property}' may not be set")));
            }
            properties.insert(property, text(value)?);
        }
        Ok((Self { brokers, properties }, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<(Connection, String), SourceError> {
        let value = |text: &str| match text.strip_prefix('$') {
            Some(name) => OptionValue::Secret(name.into()),
            None => OptionValue::Text(text.into()),
        };
        let options = options.iter().map(|&(name, text)| (name.to_string(), value(text))).collect();
        Connection::from_options(&options, |name| {
            if name == "PW" { Ok("hush".to_string()) } else { Err("there is none") }
        })
    }

    #[test]
    fn properties_come_by_either_spelling_with_secrets_filled_in() {
        let (connection, topic) = read(&[
            ("bootstrap_servers", "a:1,b:2"),
            ("topic", "t"),
            ("format", "json"),
            ("sasl_username", "me"),
            ("kafka.sasl.password", "$PW"),
        ])
        .unwrap();
        assert_eq!((connection.brokers.as_str(), topic.as_str()), ("a:1,b:2", "t"));
        let properties: Vec<(&str, &str)> =
            connection.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(properties, [("sasl.password", "hush"), ("sasl.username", "me")]);
    }

    #[test]
    fn what_is_not_allowed_or_missing_is_named() {
        let message = |options: &[(&str, &str)]| read(options).unwrap_err().to_string();
        let base = [("brokers", "a:1"), ("topic", "t")];
        for property in [
            "plugin.library.paths",
            "sasl.kerberos.kinit.cmd",
            "auto.offset.reset",
            "ssl.keystore.location",
            "debug",
        ] {
            let told = message(&[base[0], base[1], (&format!("kafka.{property}"), "x")]);
            assert_eq!(told, format!("the client property '{property}' may not be set"));
        }
        assert_eq!(
            message(&[("topic", "t")]),
            "a kafka source needs the option 'brokers' or 'bootstrap_servers'"
        );
        assert_eq!(message(&[base[0], base[1], ("sasl_password", "$X")]), "secret 'X': there is none");
    }
}
