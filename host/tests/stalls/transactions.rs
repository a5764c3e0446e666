//! A transaction stays open: for those who read what is committed, its partition looks as if it had ended there.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use streamgauge_kafka::Connection;

use crate::{
    brokers::{broker, topic},
    host::{Host, prepare},
    pause,
    traffic::{Events, close, send},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A producer of transactions.
fn transactional(kafka: &Connection, topic: &str) -> BaseProducer {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &kafka.brokers)
        .set("transactional.id", topic)
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer
}

/// Events of a transaction that is open for longer than the idle time-out, while another partition goes on.
fn stays_open(commits: bool) {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "transactions", 2);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, "1 second");
    let transactions = transactional(&kafka, &topic);
    let mut host = Host::start(&folder, &[]);
    let plain = streamgauge_kafka::Producer::new(&kafka, &topic).unwrap();
    let mut events = Events::default();
    transactions.begin_transaction().unwrap();
    for step in 0..60 {
        if step == 10 {
            // Nothing of it is committed for five seconds.
            for _ in 0..5 {
                let event = if commits { events.next() } else { events.lost() };
                let record = BaseRecord::<(), str>::to(&topic).partition(0).payload(&event);
                transactions.send(record).map_err(|(error, _)| error).unwrap();
            }
            transactions.flush(PATIENCE).unwrap();
        }
        send(&plain, 1, &events.next());
        pause(Duration::from_millis(100));
    }
    host.until("the reason", |host| host.said().contains("a transaction is open in partition 0 of topic"));
    assert_eq!(host.rows().len(), 0, "windows wait for it: {}", host.said());
    match commits {
        true => transactions.commit_transaction(PATIENCE).unwrap(),
        false => transactions.abort_transaction(PATIENCE).unwrap(),
    }
    host.until("that it goes on", |host| host.said().contains("goes on"));
    // Partition 0 is idle now, and holds nobody back.
    for _ in 0..40 {
        send(&plain, 1, &events.next());
        pause(Duration::from_millis(100));
    }
    host.until("rows past an idle partition", |host| host.rows().len() > 3);
    close(&kafka, &topic, 2, &events);
    host.assert_exact(&events);
}

#[test]
fn what_a_transaction_commits_after_the_idle_time_out_is_not_late() {
    stays_open(true);
}

#[test]
fn a_transaction_that_is_aborted_holds_nobody_back_any_more() {
    stays_open(false);
}

#[test]
fn a_bounded_run_reads_what_is_committed_behind_an_open_transaction() {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "bounded", 1);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, "1 second");
    let transactions = transactional(&kafka, &topic);
    transactions.begin_transaction().unwrap();
    let mut events = Events::default();
    let in_transaction = events.next();
    transactions
        .send(BaseRecord::<(), str>::to(&topic).partition(0).payload(&in_transaction))
        .map_err(|(error, _)| error)
        .unwrap();
    transactions.flush(PATIENCE).unwrap();
    let plain = streamgauge_kafka::Producer::new(&kafka, &topic).unwrap();
    (0..10).for_each(|_| send(&plain, 0, &events.next()));
    plain.flush(PATIENCE).unwrap();
    let mut host = Host::start(&folder, &["--bounded"]);
    host.until("the reason", |host| host.said().contains("reading waits until it is committed or aborted"));
    // It is written after the ends were fixed.
    send(&plain, 0, &events.lost());
    plain.flush(PATIENCE).unwrap();
    transactions.commit_transaction(PATIENCE).unwrap();
    let status = host.end();
    assert!(status.success(), "{}", host.said());
    assert_eq!(host.rows(), *events.windows(), "{}", host.said());
}
