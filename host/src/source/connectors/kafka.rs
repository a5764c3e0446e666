//! The connector `kafka`: the records of a topic.

use std::collections::BTreeMap;

use streamgauge_kafka::{ClientError, Connection, Depth, Role, wrong_property};
use streamgauge_sql::{
    catalog::WrongOption,
    connector::{OptionKind, OptionSpec},
    manifest::{OptionValue, Source},
};

use crate::source::connector::{Secrets, SourceConnector, SourceInput};

/// Records from a topic.
#[derive(Clone, Copy, Debug)]
pub struct KafkaConnector;

impl SourceConnector for KafkaConnector {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![
            OptionSpec::new("brokers", OptionKind::Brokers, "where the brokers are").required("host:9092"),
            OptionSpec::new("topic", OptionKind::Topic, "the topic that is read").required("name"),
            OptionSpec::new("kafka", OptionKind::ClientProperties, "properties of librdkafka"),
        ]
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, depth: Depth) -> Option<WrongOption> {
        let (key, message) = wrong_property(options, Role::Source, depth)?;
        let help = "the documentation of librdkafka says what it can be".to_owned();
        Some(WrongOption { key, message, help })
    }

    fn open(&self, source: &Source, secrets: Secrets<'_>) -> Result<SourceInput, ClientError> {
        let (connection, topic) = Connection::from_options(&source.options, secrets)?;
        Ok(SourceInput::Topic(connection, topic))
    }
}
