//! What a client would refuse in the options of a source or sink, known without brokers and without secrets.

use std::collections::BTreeMap;

use rdkafka::{ClientConfig, consumer::BaseConsumer, error::KafkaError, producer::BaseProducer};
use streamgauge_sql::manifest::OptionValue;

use crate::{
    client::{consumer_config, plain},
    settings::Connection,
};

/// What a client is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To read.
    Source,
    /// To write.
    Sink,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At each property by itself.
    Quick,
    /// At all of them together, by making a client, which takes some milliseconds.
    Thorough,
}

/// The option that a client refuses, and why; none where it refuses none. Files that options name are not looked for: they may
/// be on another machine.
pub fn wrong_property(
    options: &BTreeMap<String, OptionValue>,
    role: Role,
    depth: Depth,
) -> Option<(String, String)> {
    let mut properties = BTreeMap::new();
    for (key, value) in options {
        let Some(property) = key.strip_prefix("kafka.") else { continue };
        match value {
            OptionValue::Text(text) => {
                let alone = ClientConfig::new().set(property, text).create_native_config();
                if let Err(error) = alone {
                    return Some((key.clone(), words(&error)));
                }
                properties.insert(property.to_owned(), text.clone());
            }
            // Any text is a password; not any is a key.
            OptionValue::Secret(name) if property.starts_with("sasl.") => {
                properties.insert(property.to_owned(), name.clone());
            }
            OptionValue::Secret(_) | OptionValue::Headers(_) => {}
        }
    }
    if depth == Depth::Quick || properties.is_empty() {
        return None;
    }
    let of_files = |property: &String| property.starts_with("ssl.") && property.ends_with(".location");
    properties.retain(|property, _| !of_files(property));
    let blamed =
        ["sasl.mechanism", "security.protocol"].into_iter().find(|name| properties.contains_key(*name));
    let blamed = blamed.map_or_else(|| "brokers".to_owned(), |name| format!("kafka.{name}"));
    // Without brokers nothing is connected to.
    let connection = Connection { brokers: String::new(), properties };
    let made = match role {
        Role::Source => consumer_config(&connection, &[]).create::<BaseConsumer>().map(drop),
        Role::Sink => plain(&connection).create::<BaseProducer>().map(drop),
    };
    made.err().map(|error| (blamed, words(&error)))
}

/// What librdkafka says, without what the wrapper says around it.
fn words(error: &KafkaError) -> String {
    let why = match error {
        KafkaError::ClientConfig(_, why, ..) | KafkaError::ClientCreation(why) => why.clone(),
        other => other.to_string(),
    };
    format!("the Kafka client does not take it: {}", why.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(role: Role, options: &[(&str, &str)]) -> Option<String> {
        let value = |text: &str| match text.strip_prefix('$') {
            Some(name) => OptionValue::Secret(name.into()),
            None => OptionValue::Text(text.into()),
        };
        let options = options.iter().map(|&(name, text)| (name.to_string(), value(text))).collect();
        wrong_property(&options, role, Depth::Thorough).map(|(key, _)| key)
    }

    #[test]
    fn what_a_client_refuses_is_known_before_there_is_one() {
        for role in [Role::Source, Role::Sink] {
            for (key, value) in [
                ("kafka.fetch.min.bytes", "many"),
                ("kafka.security.protocol", "TLS"),
                ("kafka.linger.ms", "-7"),
                ("kafka.acks", "some"),
            ] {
                assert_eq!(wrong(role, &[("brokers", "a:1"), (key, value)]).as_deref(), Some(key), "{value}");
            }
            let sasl = [("kafka.security.protocol", "SASL_SSL"), ("kafka.sasl.mechanism", "SCRAM-SHA-9")];
            assert_eq!(wrong(role, &sasl).as_deref(), Some("kafka.sasl.mechanism"));
        }
    }

    #[test]
    fn what_only_another_machine_can_know_is_not_refused() {
        let options = [
            ("brokers", "a:1"),
            ("kafka.security.protocol", "SASL_SSL"),
            ("kafka.sasl.mechanism", "SCRAM-SHA-512"),
            ("kafka.sasl.username", "me"),
            ("kafka.sasl.password", "$PW"),
            ("kafka.ssl.ca.location", "/nowhere/ca.pem"),
            ("kafka.ssl.key.pem", "$KEY"),
        ];
        for role in [Role::Source, Role::Sink] {
            assert_eq!(wrong(role, &options), None);
        }
    }
}
