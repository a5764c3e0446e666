//! The connector `kafka`: rows as records of a topic.

use std::collections::BTreeMap;

use streamgauge_common::message::Payload;
use streamgauge_component::{check::Refused, plugins::Plugins};
use streamgauge_kafka::{Connection, Control, Depth, Role, wrong_property};
use streamgauge_sql::{
    catalog::WrongOption,
    column_list::{ColumnList, WrongColumns},
    connector::{OptionKind, OptionSpec},
    header::{Header, HeaderPart, HeaderRules, HeaderText},
    manifest::{Manifest, OptionValue, Sink},
};
use streamgauge_state::outbox::Outbox;

use crate::deliver::{
    connector::{Destination, OutboxBinding, Route, SinkConnector, SinkContext, SinkError, SinkWorker},
    encode::{KEY_HEADER, RecordKey, Records},
    kafka::KafkaSink,
    permissions::{check_resolved, look_up},
    rejected::RejectedRows,
    workers::Workers,
};

/// Rows to a topic.
#[derive(Clone, Copy, Debug)]
pub struct KafkaConnector;

fn topic() -> OptionSpec {
    OptionSpec::new("topic", OptionKind::Topic, "the topic that rows go to").required("name")
}

fn control_topic() -> OptionSpec {
    let docs = "the compacted topic that says up to which number rows are delivered";
    OptionSpec::new("control_topic", OptionKind::Topic, docs).or("streamgauge-control")
}

/// Headers that each record has, from when its row is decided.
fn headers() -> OptionSpec {
    let rules = HeaderRules { values: HeaderText::Utf8, reserved: &[KEY_HEADER] };
    OptionSpec::new("headers", OptionKind::Headers(rules), "headers that each record has")
}

/// What the key of a row's record is.
fn key() -> OptionSpec {
    let docs = "the columns that are a record's key: of one column its value as text, of several a JSON object; without it the \
                group's keys as a JSON array, and no key where rows have no group";
    OptionSpec::new("key", OptionKind::Columns, docs)
}

/// The key as a sink declares it, for the rows of a query.
fn record_key(sink: &Sink, query: &Manifest) -> Result<RecordKey, SinkError> {
    let key = key();
    let Some(text) = key.text(&sink.options) else { return Ok(RecordKey::Group) };
    let columns: Vec<&str> = query.output.iter().map(|output| output.name.as_str()).collect();
    let positions = ColumnList::parse(text).and_then(|list| list.positions(&query.name, &columns));
    let wrong = |wrong: WrongColumns| SinkError::Columns(format!("`{}` {}", key.name, wrong.message));
    Ok(match positions.map_err(wrong)?.as_slice() {
        [column] => RecordKey::Column(*column),
        columns => RecordKey::Object(columns.to_vec()),
    })
}

impl SinkConnector for KafkaConnector {
    fn name(&self) -> &'static str {
        "kafka"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Ok(vec![
            super::format(),
            OptionSpec::new("brokers", OptionKind::Brokers, "where the brokers are").required("host:9092"),
            topic(),
            OptionSpec::new("kafka", OptionKind::ClientProperties, "properties of librdkafka"),
            control_topic(),
            headers(),
            key(),
        ])
    }

    fn wrong_option(&self, options: &BTreeMap<String, OptionValue>, depth: Depth) -> Option<WrongOption> {
        let control = control_topic();
        let is_given = options.contains_key(&*control.name);
        if is_given && control.text(options) == topic().text(options) {
            return Some(WrongOption {
                key: control.name.into_owned(),
                message: "`control_topic` is the topic that rows go to".to_owned(),
                help: "give it a topic of its own, or leave it out".to_owned(),
            });
        }
        let (key, message) = wrong_property(options, Role::Sink, depth)?;
        let help = "the documentation of librdkafka says what it can be".to_owned();
        Some(WrongOption { key, message, help })
    }

    fn open(
        &self,
        sink: &Sink,
        route: &Route<'_>,
        context: &mut SinkContext<'_>,
    ) -> Result<Destination, SinkError> {
        let (connection, topic) = Connection::from_options(&sink.options, |name| (context.secrets)(name))?;
        if context.permissions.is_some() {
            check_resolved(&format!("sink '{}'", sink.name), &connection.brokers, look_up)?;
        }
        let remembered = control_topic();
        let control = route.name().zip(remembered.text(&sink.options));
        let control = control.map(|(id, topic)| Control { topic: topic.to_owned(), id });
        let worker = KafkaSink { connection, topic, control };
        let (headers, key) = (constants(&sink.options), record_key(sink, route.query)?);
        let records = Records { keys: route.keys.clone(), key, headers };
        Ok(Destination::Outbox(OutboxBinding::new(records, worker)))
    }
}

/// Names and values of the headers that WITH gives; there is no secret in them.
fn constants(options: &BTreeMap<String, OptionValue>) -> Vec<(String, Vec<u8>)> {
    let constant = |header: &Header| {
        let texts = header.value.iter().map(|part| match part {
            HeaderPart::Text(text) => text.as_str(),
            HeaderPart::Secret(_) => unreachable!("the option takes no secrets"),
        });
        (header.name.clone(), texts.collect::<String>().into_bytes())
    };
    headers().headers(options).iter().map(constant).collect()
}

impl SinkWorker for KafkaSink {
    fn takes(&self, payload: &Payload) -> bool {
        matches!(payload, Payload::Record(_))
    }

    fn start(
        self: Box<Self>,
        outbox: Outbox,
        rejected: RejectedRows,
        workers: &mut Workers,
    ) -> Result<(), SinkError> {
        let rejected = rejected.at(&self.connection.brokers);
        let left = outbox.clone();
        Ok(workers.thread("to kafka", &left, move |stop| self.deliver(&outbox, stop, &rejected))?)
    }
}
