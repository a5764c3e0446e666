//! The keys of the records that a Kafka sink writes, by the whole program.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, Output},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::Message,
};

use super::{
    broker::{broker, topic},
    *,
};

const PARTITIONS: i32 = 3;

/// Two tenants, three models, one of which is NULL.
const EVENTS: &str = r#"{"tenant":"a","model":"x","ts":"2026-01-01T00:00:01Z"}
{"tenant":"a","model":"y","ts":"2026-01-01T00:00:02Z"}
{"tenant":"b","model":"x","ts":"2026-01-01T00:00:03Z"}
{"tenant":"b","ts":"2026-01-01T00:00:04Z"}
"#;

/// Runs a query that sends a row a tenant and model to a topic; `key` is what the sink says of keys.
fn run(connection: &Connection, topic: &str, key: &str, folder: &Path, crash: Option<&str>) -> Output {
    let sql = format!(
        "CREATE SOURCE s (tenant TEXT, model TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'file', path = '{}');
         CREATE SINK k WITH (connector = 'kafka', brokers = '{}', topic = '{topic}'{key});
         INSERT INTO k SELECT window_end, tenant, model AS \"Model\", count(*) AS n
         FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end, tenant, model;",
        folder.join("events.jsonl").display(),
        connection.brokers
    );
    fs::write(folder.join("events.jsonl"), EVENTS).unwrap();
    fs::write(folder.join("q.sql"), sql).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.arg("run").arg(folder.join("q.sql")).arg("--state").arg(folder.join("state"));
    command.envs(crash.map(|point| ("STREAMGAUGE_CRASH", point)));
    command.output().unwrap()
}

/// The committed records of a topic: partition and key of each, by tenant and model.
fn records(connection: &Connection, topic: &str) -> BTreeMap<String, (i32, Option<String>)> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &connection.brokers)
        .set("group.id", "keys")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let mut partitions = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        partitions.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&partitions).unwrap();
    let (mut records, mut ended) = (BTreeMap::new(), 0);
    while ended < PARTITIONS {
        match consumer.poll(PATIENCE).unwrap() {
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("{error}"),
            Ok(record) => {
                let row: serde_json::Value = serde_json::from_slice(record.payload().unwrap()).unwrap();
                let key = record.key().map(|key| String::from_utf8(key.to_vec()).unwrap());
                let name = format!("{} {}", row["tenant"], row["Model"]).replace('"', "");
                let before = records.insert(name.clone(), (record.partition(), key));
                assert_eq!(before, None, "{name} is there twice");
            }
        }
    }
    records
}

/// What the keys of a topic are, in the order of the rows' names.
fn keys(records: &BTreeMap<String, (i32, Option<String>)>) -> Vec<&str> {
    let names: Vec<&str> = records.keys().map(String::as_str).collect();
    assert_eq!(names, ["a x", "a y", "b null", "b x"], "each row once");
    records.values().map(|(_, key)| key.as_deref().unwrap_or("no key")).collect()
}

#[test]
fn the_key_of_a_record_is_what_the_sink_says() {
    let Some(connection) = broker() else { return };
    for (key, expected) in [
        ("", [r#"["a","x"]"#, r#"["a","y"]"#, r#"["b",null]"#, r#"["b","x"]"#]),
        (", key = '\"Model\"'", ["x", "y", "no key", "x"]),
        (", key = 'N'", ["1", "1", "1", "1"]),
        (
            ", key = 'model, tenant'",
            [
                r#"{"Model":"x","tenant":"a"}"#,
                r#"{"Model":"y","tenant":"a"}"#,
                r#"{"Model":null,"tenant":"b"}"#,
                r#"{"Model":"x","tenant":"b"}"#,
            ],
        ),
    ] {
        let topic = topic(&connection, "keys", PARTITIONS as u32);
        let folder = tempfile::tempdir().unwrap();
        let output = run(&connection, &topic, key, folder.path(), None);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let records = records(&connection, &topic);
        assert_eq!(keys(&records), expected, "{key}");
        let partition_of = |wanted: &str| {
            let mut partitions: Vec<i32> = records
                .values()
                .filter(|(_, key)| key.as_deref() == Some(wanted))
                .map(|record| record.0)
                .collect();
            partitions.dedup();
            partitions.len()
        };
        assert!(expected.iter().all(|key| partition_of(key) <= 1), "a key has one partition");
    }
}

#[test]
fn a_row_keeps_the_key_that_it_was_decided_with() {
    let Some(connection) = broker() else { return };
    for point in ["kafka.before_commit", "kafka.after_commit"] {
        let topic = topic(&connection, "kept-keys", PARTITIONS as u32);
        let folder = tempfile::tempdir().unwrap();
        let killed = run(&connection, &topic, ", key = '\"Model\"'", folder.path(), Some(point));
        assert_eq!(killed.status.signal(), Some(6), "{point}: {}", String::from_utf8_lossy(&killed.stderr));
        let output = run(&connection, &topic, ", key = 'tenant'", folder.path(), None);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(keys(&records(&connection, &topic)), ["x", "y", "no key", "x"], "{point}");
    }
}
