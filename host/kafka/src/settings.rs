//! What a source or sink says about its Kafka, checked: an allow-list of client properties.

use std::collections::BTreeMap;

use streamgauge_sql::manifest::{KAFKA_PROPERTIES, OptionValue};

use crate::error::ClientError;

/// Where a topic is, and how to speak with its brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// `host:port`, several with commas.
    pub brokers: String,
    /// Properties of the client, as librdkafka spells them; all from the allow-list.
    pub properties: BTreeMap<String, String>,
}

/// The options that are not properties.
const OWN: &[&str] =
    &["brokers", "bootstrap_servers", "topic", "control_topic", "connector", "format", "headers", "key"];

impl Connection {
    /// Reads `brokers` and the client's properties from the options of a source or sink, secrets filled in, and gives the topic
    /// beside them.
    ///
    /// A property is written as `sasl_username` or `kafka.sasl.username`.
    pub fn from_options<E: ToString>(
        options: &BTreeMap<String, OptionValue>,
        secret: impl Fn(&str) -> Result<String, E>,
    ) -> Result<(Self, String), ClientError> {
        let text = |value: &OptionValue| match value {
            OptionValue::Text(text) => Ok(text.clone()),
            OptionValue::Secret(name) => secret(name)
                .map_err(|why| ClientError::Setting(format!("secret '{name}': {}", why.to_string()))),
            OptionValue::Headers(_) => {
                Err(ClientError::Setting("a list is no property of the client".to_owned()))
            }
        };
        let required = |names: &[&str]| {
            let value = names.iter().find_map(|&name| options.get(name));
            let missing =
                || ClientError::Setting(format!("Kafka needs the option '{}'", names.join("' or '")));
            value.ok_or_else(missing).and_then(text)
        };
        let brokers = required(&["brokers", "bootstrap_servers"])?;
        let topic = required(&["topic"])?;
        let mut properties = BTreeMap::new();
        for (name, value) in options.iter().filter(|(name, _)| !OWN.contains(&name.as_str())) {
            let property = name.strip_prefix("kafka.").unwrap_or(name).replace('_', ".");
            if !KAFKA_PROPERTIES.contains(&property.as_str()) {
                return Err(ClientError::Setting(format!("the client property '{property}' may not be set")));
            }
            properties.insert(property, text(value)?);
        }
        Ok((Self { brokers, properties }, topic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<(Connection, String), ClientError> {
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
            ("control_topic", "c"),
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
        assert_eq!(message(&[("topic", "t")]), "Kafka needs the option 'brokers' or 'bootstrap_servers'");
        assert_eq!(message(&[base[0], base[1], ("sasl_password", "$X")]), "secret 'X': there is none");
    }
}
