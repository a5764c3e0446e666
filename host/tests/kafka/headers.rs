//! Headers of a Kafka sink, from the binary to a real broker.

use std::{fs, process::Command};

use rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    message::Headers as _,
};

use super::{
    broker::{broker, topic},
    *,
};

const SQL: &str = "
CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = 'unused:1', topic = 'unused');
CREATE SINK k WITH (connector = 'kafka', brokers = env('BROKERS'), topic = env('TOPIC'), control_topic = env('TOPIC') || '-control',
                    headers = (stage = env('STAGE'), \"X-Team\" = 'équipe ' || '\u{1F680}', empty = ''));
INSERT INTO k SELECT n FROM s;";

/// The headers of each record, and its value.
fn records(connection: &Connection, topic: &str, count: usize) -> Vec<(Vec<(String, String)>, String)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &connection.brokers).set("group.id", "unused");
    config.set("isolation.level", "read_committed").set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut list = rdkafka::TopicPartitionList::new();
    list.add_partition_offset(topic, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let since = Stopwatch::start();
    let mut records = Vec::new();
    while records.len() < count {
        assert!(since.elapsed() < PATIENCE, "{records:?}");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.unwrap();
        let headers = message.headers().unwrap().iter();
        let headers = headers.map(|header| (header.key.to_owned(), text(header.value.unwrap())));
        records.push((headers.collect(), text(message.payload().unwrap())));
    }
    records
}

/// Rows that a run decided while it did not reach Kafka have the headers that they were decided with, and those of the next run
/// its own.
#[test]
fn headers_of_records_are_those_that_their_rows_were_decided_with() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "headers", 1);
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), SQL).unwrap();
    let run = |events: &str, state: &str, stage: &str, arguments: &[&str]| {
        fs::write(folder.path().join("events.jsonl"), events).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
        command
            .current_dir(folder.path())
            .env("TOPIC", &topic)
            .env("STAGE", stage)
            .env("BROKERS", &connection.brokers);
        command.args(["run", "query.sql", "--input", "s=events.jsonl", "--state", state]).args(arguments);
        let done = command.output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let away = ["--set", "BROKERS=127.0.0.1:1", "--drain-timeout", "300ms"];
    let (exit, said) = run("{\"n\":1}\n{\"n\":2}\n", "state", "dév", &away);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("rows not delivered within 300ms: 2"), "{said}");
    let (exit, said) = run("{\"n\":1}\n{\"n\":2}\n", "state", "staging", &[]);
    assert_eq!(exit, Some(0), "{said}");
    let (exit, said) = run("{\"n\":3}\n", "other", "prod", &[]);
    assert_eq!(exit, Some(0), "{said}");

    let found = records(&connection, &topic, 3);
    let rows: Vec<&str> = found.iter().map(|(_, row)| row.as_str()).collect();
    assert_eq!(rows, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}"]);
    for ((headers, row), stage) in found.iter().zip(["dév", "dév", "prod"]) {
        let [(key, _), own @ ..] = headers.as_slice() else { panic!("{headers:?}") };
        assert_eq!(key, "idempotency-key");
        let own: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(own, [("stage", stage), ("X-Team", "équipe \u{1F680}"), ("empty", "")], "{row}");
    }
}
