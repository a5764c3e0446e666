//! What only a real broker does. Its address is in `STREAMGAUGE_KAFKA`.

use std::time::{SystemTime, UNIX_EPOCH};

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewPartitions},
    client::DefaultClientContext,
};
use streamgauge_kafka::{create_topic, delete_topic};

use super::*;

pub(crate) use crate::real_broker::broker;

/// A topic that no other run has used.
#[expect(clippy::disallowed_methods, reason = "names differ from run to run")]
pub(crate) fn topic(connection: &Connection, name: &str, partitions: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let topic = format!("{name}-{now}");
    create_topic(connection, &topic, partitions).unwrap();
    topic
}

#[test]
fn every_partition_is_read_in_order_to_its_end() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "order", 4);
    for partition in 0..4 {
        write(&connection, &topic, partition, 0..20_000);
    }
    let mut source = open(&connection, Reading { bounded: true, ..reading(&topic) });
    let seen = read_until(&mut source, |seen| seen.done.len() == 4);
    for partition in 0..4 {
        assert_eq!(seen.started[&partition], (0, Some(20_000)));
        assert!(seen.records[&partition] == numbered(0..20_000), "partition {partition}");
    }
}

#[test]
fn reading_starts_at_a_time() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "time", 2);
    write(&connection, &topic, 0, 0..100);
    write(&connection, &topic, 1, 0..10);
    // Between two milliseconds: the record of the earlier one comes along.
    let start = StartAt::Time(1_700_000_000_050_400);
    let mut source = open(&connection, Reading { start, ..reading(&topic) });
    let mut seen = read_until(&mut source, |seen| seen.ended.len() == 2);
    assert_eq!(seen.started, BTreeMap::from([(0, (50, None)), (1, (10, None))]));
    write(&connection, &topic, 1, 10..12);
    read_on(&mut source, &mut seen, |seen| seen.records.contains_key(&1));
    assert_eq!(seen.records[&0], numbered(0..100).split_off(50));
    assert_eq!(seen.records[&1][0].0, 10);
}

#[test]
fn a_topic_that_is_missing_is_told_once_and_waited_for() {
    let Some(connection) = broker() else { return };
    let name = topic(&connection, "before", 1) + "-later";
    let mut source = open(&connection, reading(&name));
    let Event::Waiting { message } = next(&mut source) else { panic!("it is missing") };
    assert_eq!(message, format!("topic '{name}' does not exist; waiting for it"));
    assert_quiet(&mut source, Duration::from_secs(2), "told once");
    create_topic(&connection, &name, 1).unwrap();
    write(&connection, &name, 0, 0..3);
    loop {
        match next(&mut source) {
            Event::Records(chunk) => break assert_eq!(chunk.len(), 3),
            Event::Started(_) | Event::Resumed | Event::ReachedEnd { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_ends_the_source() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "deleted", 1);
    write(&connection, &topic, 0, 0..10);
    let mut source = open(&connection, reading(&topic));
    let seen = read_until(&mut source, |seen| seen.ended.len() == 1);
    assert_eq!(seen.records[&0], numbered(0..10));
    delete_topic(&connection, &topic).unwrap();
    let message = loop {
        match next(&mut source) {
            Event::Failed { message } => break message,
            Event::Waiting { .. } | Event::Resumed => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(
        message.starts_with(&format!("topic '{topic}' was deleted, its offsets are lost; ")),
        "{message}"
    );
    assert!(message.contains("state accept-topic"), "{message}");
    // Made anew, it does not have the offset to go on with.
    create_topic(&connection, &topic, 1).unwrap();
    let mut source =
        open(&connection, Reading { offsets: BTreeMap::from([(0, Offset(10))]), ..reading(&topic) });
    let message = loop {
        match next(&mut source) {
            Event::Failed { message } => break message,
            Event::Waiting { .. } | Event::Resumed => {}
            other => panic!("{other:?}"),
        }
    };
    assert!(message.contains("or the topic was made anew"), "{message}");
}

#[test]
fn partitions_that_a_topic_gets_while_it_is_read_are_read_from_their_start() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "grows", 1);
    write(&connection, &topic, 0, 0..10);
    let mut source = open(&connection, reading(&topic));
    let mut seen = read_until(&mut source, |seen| seen.ended.len() == 1);
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &connection.brokers).create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let more = NewPartitions::new(&topic, 3);
    runtime.block_on(admin.create_partitions([&more], &AdminOptions::new())).unwrap()[0].as_ref().unwrap();
    while !matches!(std::panic::catch_unwind(|| write(&connection, &topic, 2, 0..5)), Ok(())) {}
    // Nothing is said of it: it is no trouble.
    read_on(&mut source, &mut seen, |seen| seen.count() == 15 && seen.ended.len() >= 3);
    assert_eq!(seen.records[&2], numbered(0..5));
    assert_eq!(seen.started[&1], (0, None));
}

#[test]
fn a_bounded_reading_does_not_wait_for_ever() {
    let Some(connection) = broker() else { return };
    let nobody = Connection { brokers: "127.0.0.1:1".into(), ..Connection::default() };
    let missing = topic(&connection, "before", 1) + "-later";
    let of_missing = format!("topic '{missing}' does not exist; waiting for it");
    for (connection, told) in [(&nobody, "Kafka does not answer: "), (&connection, of_missing.as_str())] {
        let bounded =
            Reading { bounded: true, connect_timeout: Some(Duration::from_secs(2)), ..reading(&missing) };
        let mut source = open(connection, bounded);
        let Event::Waiting { message } = next(&mut source) else { panic!("it is not there") };
        assert!(message.starts_with(told), "{message}");
        let since = Stopwatch::start();
        let Event::Failed { message } = next(&mut source) else { panic!("it gives up") };
        assert!(
            message.starts_with(told) && message.ends_with("; given up after 2s (--connect-timeout)"),
            "{message}"
        );
        assert!(since.elapsed() > Duration::from_secs(1));
    }
}

#[test]
fn a_topic_has_an_id_that_another_one_of_its_name_has_not() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "id", 1);
    let id = || {
        let mut source = open(&connection, reading(&topic));
        loop {
            if let Some(Event::Topic { id }) = source.next(Duration::from_millis(100)) {
                return id.unwrap();
            }
        }
    };
    let first = id();
    assert_eq!(id(), first);
    delete_topic(&connection, &topic).unwrap();
    while create_topic(&connection, &topic, 1).is_err() {}
    let second = id();
    assert_ne!(second, first);
    let mut source =
        open(&connection, Reading { topic_id: Some(first), source: "s".into(), ..reading(&topic) });
    let message = loop {
        match next(&mut source) {
            Event::Failed { message } => break message,
            Event::Waiting { .. } | Event::Resumed => {}
            other => panic!("{other:?}"),
        }
    };
    let why = format!("it was deleted and made anew (its id was {first} and is {second})");
    assert!(message.contains(&why) && message.contains("state accept-topic s"), "{message}");
}

#[test]
fn brokers_that_nobody_runs_are_told() {
    let connection = Connection { brokers: "127.0.0.1:1".into(), ..Connection::default() };
    let mut source = open(&connection, reading("t"));
    let Event::Waiting { message } = next(&mut source) else { panic!("nobody is there") };
    assert!(message.starts_with("Kafka does not answer: "), "{message}");
}
