//! Transactions against a real broker: what is read as committed, and who may write.

use std::{cell::Cell, sync::Arc};

use streamgauge_common::message::{Message, Payload};
use streamgauge_kafka::{Control, Transactions, WriteError};

use super::{
    broker::{broker, topic},
    sink::Process,
    *,
};

/// A message whose value says its number.
pub(crate) fn message(sequence: u64) -> Arc<Message> {
    sized(sequence, 0)
}

/// The same, longer.
pub(crate) fn sized(sequence: u64, bytes: usize) -> Arc<Message> {
    let record = streamgauge_common::message::Record {
        key: Some(format!("group {}", sequence % 7).into_bytes()),
        value: Some(format!("{{\"n\":{sequence}}}{}", " ".repeat(bytes)).into_bytes()),
        headers: Vec::new(),
    };
    let key = format!("key-{sequence}");
    Arc::new(Message { sequence, key, lane: sequence % 7, rows: 1, payload: Payload::Record(record) })
}

pub(crate) fn messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<Arc<Message>> {
    numbers.map(message).collect()
}

/// The numbers in a topic, in the order of each partition, as a reader of that isolation sees them.
pub(crate) fn numbers(connection: &Connection, topic: &str, isolation: &str) -> Vec<u64> {
    let mut connection = connection.clone();
    connection.properties.insert("isolation.level".into(), isolation.into());
    let mut source = open(&connection, Reading { bounded: true, ..reading(topic) });
    let seen =
        read_until(&mut source, |seen| !seen.started.is_empty() && seen.done.len() == seen.started.len());
    let values = seen.records.into_values().flatten().map(|(_, value)| value);
    values
        .map(|value| value.trim_end().strip_prefix("{\"n\":").unwrap().trim_end_matches('}').parse().unwrap())
        .collect()
}

/// Says that each number up to this one is there once, and each group's in order.
pub(crate) fn assert_exact(connection: &Connection, topic: &str, last: u64) {
    let seen = numbers(connection, topic, "read_committed");
    for group in 0..7 {
        let of_group: Vec<u64> = seen.iter().copied().filter(|number| number % 7 == group).collect();
        let expected: Vec<u64> = (1..=last).filter(|number| number % 7 == group).collect();
        assert!(of_group == expected, "group {group}: {} of {} numbers", of_group.len(), expected.len());
    }
    assert_eq!(seen.len() as u64, last);
}

/// A writer that nobody else has.
pub(crate) fn control(topic: &str) -> Control {
    Control { topic: format!("{topic}-control"), id: "state/query/sink".into() }
}

pub(crate) fn patiently(_: Duration, _: &str) -> bool {
    true
}

fn start(connection: &Connection, topic: &str, control: &Control) -> (Transactions, u64) {
    Transactions::open(connection, topic, control, &patiently).unwrap()
}

#[test]
fn the_last_number_is_known_to_whoever_opens_next() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "next", 3);
    let control = control(&topic);
    let (mut first, delivered) = start(&connection, &topic, &control);
    assert_eq!(delivered, 0);
    first.write(&messages(1..=10), &patiently).unwrap();
    first.write(&[message(12)], &patiently).unwrap();
    assert_eq!(first.reopen(&patiently), Ok(12), "by itself");
    first.write(&messages(13..=14), &patiently).unwrap();
    assert_eq!(first.reopen(&patiently), Ok(14));
    assert_eq!(first.reopen(&patiently), Ok(14), "with nothing written since");
    drop(first);
    let (mut second, delivered) = start(&connection, &topic, &control);
    assert_eq!(delivered, 14);
    second.write(&[message(15)], &patiently).unwrap();
    let mut seen = numbers(&connection, &topic, "read_committed");
    seen.sort_unstable();
    assert_eq!(seen, (1..=10).chain(12..=15).collect::<Vec<_>>());
}

#[test]
fn names_of_one_control_topic_do_not_know_each_other() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "names", 1);
    let [a, b, c] = ["a", "a/b", ""].map(|id| Control { id: id.into(), ..control(&topic) });
    let mut writers = [&a, &b].map(|control| start(&connection, &topic, control).0);
    for (writer, numbers) in writers.iter_mut().zip([1..=3, 1..=5]) {
        writer.write(&messages(numbers), &patiently).unwrap();
    }
    assert_eq!([&a, &b, &c].map(|control| start(&connection, &topic, control).1), [3, 5, 0]);
}

#[test]
fn who_is_replaced_is_told_so_and_writes_nothing() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "zombie", 2);
    let control = control(&topic);
    let (mut old, _) = start(&connection, &topic, &control);
    old.write(&messages(1..=10), &patiently).unwrap();
    let (mut new, delivered) = start(&connection, &topic, &control);
    assert_eq!(delivered, 10);
    let refused = old.write(&messages(11..=20), &patiently).unwrap_err();
    assert_eq!(refused, WriteError::Superseded(topic.clone()));
    let told = format!("another streamgauge with this state writes to topic '{topic}': stop one of them");
    assert_eq!(refused.to_string(), told);
    assert_eq!(old.reopen(&patiently), Err(WriteError::Superseded(topic.clone())), "and stays so");
    new.write(&messages(11..=15), &patiently).unwrap();
    assert!(old.write(&messages(16..=20), &patiently).is_err());
    assert_exact(&connection, &topic, 15);
    drop(old);
    new.write(&messages(16..=17), &patiently).unwrap();
    assert_exact(&connection, &topic, 17);
}

#[test]
fn who_is_fenced_by_one_that_died_before_it_was_open_goes_on() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "fenced", 1);
    let control = control(&topic);
    let (mut writer, _) = start(&connection, &topic, &control);
    writer.write(&messages(1..=10), &patiently).unwrap();
    Process::new(&connection, &topic, Some(&control), 30).crash("kafka.after_fence");
    let error = writer.write(&messages(11..=20), &patiently).unwrap_err();
    assert!(matches!(error, WriteError::Away(_)), "{error}");
    assert_eq!(writer.reopen(&patiently), Ok(10));
    writer.write(&messages(11..=20), &patiently).unwrap();
    assert_exact(&connection, &topic, 20);
}

#[test]
fn what_was_not_committed_is_never_seen() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "aborted", 2);
    let control = control(&topic);
    Process::new(&connection, &topic, Some(&control), 30).crash("kafka.before_commit");
    let (mut writer, delivered) = start(&connection, &topic, &control);
    assert_eq!(delivered, 0);
    assert_eq!(numbers(&connection, &topic, "read_committed"), [0; 0]);
    assert_eq!(
        numbers(&connection, &topic, "read_uncommitted").len(),
        2,
        "the first transaction was written"
    );
    writer.write(&messages(1..=40), &patiently).unwrap();
    assert_exact(&connection, &topic, 40);
}

#[test]
fn an_open_transaction_of_another_name_does_not_hide_the_last_number() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "hidden", 1);
    let ours = control(&topic);
    let other = Control { id: "other".into(), ..ours.clone() };
    let (mut writer, _) = start(&connection, &topic, &ours);
    // From here on readers of what is committed see nothing more, until the other's transaction is ended.
    Process::new(&connection, &topic, Some(&other), 30).crash("kafka.before_commit");
    writer.write(&messages(1..=10), &patiently).unwrap();
    drop(writer);
    let ended = Cell::new(false);
    let end_the_other = |quiet: Duration, _: &str| {
        if quiet >= Duration::from_secs(1) && !ended.replace(true) {
            start(&connection, &topic, &other);
        }
        true
    };
    let (_, delivered) = Transactions::open(&connection, &topic, &ours, &end_the_other).unwrap();
    assert_eq!((delivered, ended.get()), (10, true));
}

#[test]
fn a_control_topic_that_forgets_is_refused() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "forgets", 1);
    let control = Control { topic: topic.clone(), id: "a".into() };
    let refused = Transactions::open(&connection, &topic, &control, &patiently).err();
    let told = format!(
        "control topic '{topic}' has cleanup.policy 'delete' and would forget what was delivered: set it to 'compact'"
    );
    assert_eq!(refused, Some(WriteError::Setting(told)));
}

#[test]
fn waiting_ends_when_it_is_told_to() {
    let connection = Connection { brokers: "127.0.0.1:1".into(), ..Connection::default() };
    let control = control("t");
    let asked = Cell::new(0);
    let five_times = |_: Duration, _: &str| asked.replace(asked.get() + 1) < 5;
    let stopped = Transactions::open(&connection, "t", &control, &five_times).err();
    assert_eq!(stopped, Some(WriteError::Stopped));
}
