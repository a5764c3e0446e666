//! A topic is deleted and made anew: the offsets up to which it was read mean nothing in the new one.

use std::{process::Command, time::Duration};

use streamgauge_common::clock;
use streamgauge_kafka::{Connection, Producer, create_topic, delete_topic};

use crate::{
    brokers::{broker, topic},
    host::{Host, prepare},
    pause,
    traffic::{Events, send},
};

const PATIENCE: Duration = Duration::from_secs(30);
/// How many events the first topic has.
const BEFORE: usize = 1_000;

/// Writes events, the last of which closes the windows of the others.
fn write(kafka: &Connection, topic: &str, count: usize, events: &mut Events) {
    let producer = Producer::new(kafka, topic).unwrap();
    (1..count).for_each(|_| send(&producer, 0, &events.next()));
    send(&producer, 0, &events.closing());
    producer.flush(PATIENCE).unwrap();
}

/// Deletes a topic and makes it again; brokers need a moment between the two.
fn make_anew(kafka: &Connection, topic: &str) {
    delete_topic(kafka, topic).unwrap();
    while create_topic(kafka, topic, 1).is_err() || !is_empty(kafka, topic) {
        pause(Duration::from_millis(20));
    }
}

fn is_empty(kafka: &Connection, topic: &str) -> bool {
    use rdkafka::consumer::{BaseConsumer, Consumer as _};
    let client: BaseConsumer =
        rdkafka::ClientConfig::new().set("bootstrap.servers", &kafka.brokers).create().unwrap();
    matches!(client.fetch_watermarks(topic, 0, Duration::from_secs(5)), Ok((0, 0)))
}

fn assert_refused(host: &mut Host, topic: &str, rows: usize) {
    let status = host.end();
    let said = host.said();
    assert_eq!(status.code(), Some(3), "{said}");
    let named = said.contains(&format!("topic '{topic}' is another one now: it was deleted and made anew"))
        || said.contains(&format!("topic '{topic}' was deleted, its offsets are lost"));
    assert!(named, "{said}");
    assert_eq!(host.rows().len(), rows, "nothing is decided of the new topic: {said}");
}

#[test]
fn a_topic_that_was_made_anew_while_the_host_was_away_is_refused() {
    let Some(kafka) = broker() else { return };
    // Shorter, as long and longer than what was read.
    for after in [BEFORE / 2, BEFORE, 2 * BEFORE] {
        let topic = topic(&kafka, "remade", 1);
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder, &kafka.brokers, &topic, "1 hour");
        write(&kafka, &topic, BEFORE, &mut Events::default());
        let mut host = Host::start_with_state(&folder);
        // The last event is read when its window closes those before.
        host.until("all is read", |host| !host.rows().is_empty());
        host.interrupt();
        let rows = host.rows().len();
        make_anew(&kafka, &topic);
        write(&kafka, &topic, after, &mut Events::default());
        let mut host = Host::start_with_state(&folder);
        assert_refused(&mut host, &topic, rows);
        assert!(host.said().contains("state accept-topic events"), "{}", host.said());
    }
}

/// The first checkpoint fixes the ends of a bounded run and the topic's id, which are known when the topic is open.
#[test]
fn nothing_is_kept_before_it_is_known_what_is_read() {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "before", 1) + "-later";
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, "1 hour");
    let mut host = Host::start_with_state(&folder);
    host.until("it waits", |host| host.said().contains("does not exist; waiting for it"));
    // Several checkpoint intervals.
    pause(Duration::from_secs(1));
    let kept = || {
        let names = std::fs::read_dir(folder.path().join("state/counted")).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    assert!(!kept().iter().any(|name| name.starts_with("checkpoint-")), "{:?}", kept());
    create_topic(&kafka, &topic, 1).unwrap();
    write(&kafka, &topic, BEFORE, &mut Events::default());
    host.until("rows", |host| !host.rows().is_empty());
    host.interrupt();
    assert!(kept().iter().any(|name| name.starts_with("checkpoint-")), "{:?}", kept());
    let said = host.said();
    assert!(!said.contains("does not say which topic it has read"), "{said}");
}

#[test]
fn a_topic_that_was_made_anew_is_read_where_its_user_says_so() {
    let Some(kafka) = broker() else { return };
    for from_start in [false, true] {
        // The new topic has one partition, so one may be gone.
        let topic = topic(&kafka, "accepted", if from_start { 2 } else { 1 });
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder, &kafka.brokers, &topic, "1 hour");
        let mut before = Events::default();
        write(&kafka, &topic, BEFORE, &mut before);
        if from_start {
            let producer = Producer::new(&kafka, &topic).unwrap();
            send(&producer, 1, &before.closing());
            producer.flush(PATIENCE).unwrap();
        }
        let mut host = Host::start_with_state(&folder);
        host.until("all is read", |host| !host.rows().is_empty());
        host.interrupt();
        make_anew(&kafka, &topic);
        // Beyond the time of the event that closed the windows of the old topic.
        let producer = Producer::new(&kafka, &topic).unwrap();
        let now_ms = clock::now_us() / 1000;
        let later = |seconds: i64| format!("{{\"id\":1,\"ts\":{}}}", now_ms + 1000 * seconds);
        (0..2 * BEFORE).for_each(|_| send(&producer, 0, &later(100)));
        send(&producer, 0, &later(130));
        producer.flush(PATIENCE).unwrap();
        let mut host = Host::start_with_state(&folder);
        let rows = host.rows().len();
        assert_refused(&mut host, &topic, rows);
        let state = folder.path().join("state");
        let mut accept = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
        accept.args(["state", "accept-topic", "EVENTS", "--state", state.to_str().unwrap()]);
        accept.args(from_start.then_some("--from-start"));
        let accepted = accept.output().unwrap();
        let said = String::from_utf8(accepted.stderr).unwrap();
        assert!(
            accepted.status.success() && said.contains("query 'counted' goes on with the topic"),
            "{said}"
        );
        let mut host = Host::start_with_state(&folder);
        // The windows of the old topic's last events, and then that of the new events.
        let end = (now_ms / 1000 + 101) * 1000;
        host.until("the new topic's rows", |host| host.rows().contains_key(&end));
        host.interrupt();
        let expected = if from_start { 2 * BEFORE } else { BEFORE };
        assert_eq!(host.rows()[&end].n as usize, expected, "{}", host.said());
        assert!(host.said().contains("its state does not say which topic it has read"), "{}", host.said());
        let gone = "partition 1 of source 'events', which it has read, is not there any more";
        assert_eq!(host.said().contains(gone), from_start, "{}", host.said());
    }
}

#[test]
fn a_topic_that_is_made_anew_while_it_is_read_is_refused() {
    let Some(kafka) = broker() else { return };
    for with_state in [true, false] {
        let topic = topic(&kafka, "remade", 1);
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder, &kafka.brokers, &topic, "1 hour");
        let producer = Producer::new(&kafka, &topic).unwrap();
        let mut events = Events::default();
        (0..BEFORE).for_each(|_| send(&producer, 0, &events.next()));
        producer.flush(PATIENCE).unwrap();
        let mut host = if with_state { Host::start_with_state(&folder) } else { Host::start(&folder, &[]) };
        // Windows close only by later events, so a row would be one of the new topic.
        pause(Duration::from_secs(2));
        make_anew(&kafka, &topic);
        write(&kafka, &topic, 2 * BEFORE, &mut Events::default());
        assert_refused(&mut host, &topic, 0);
    }
}
