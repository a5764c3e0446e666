//! An outbox as its worker, the pipeline and whoever waits for either see it.

use std::thread;

use metrics::GaugeFn;
use streamgauge_common::{clock::Stopwatch, message::Payload};

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn message(sequence: u64) -> Arc<Message> {
    let payload = Payload::Lines(vec![0; 10]);
    Arc::new(Message { sequence, key: sequence.to_string(), lane: 0, rows: 2, payload })
}

#[test]
fn what_is_settled_is_a_number_and_a_few_behind_it() {
    let mut acknowledged = Acknowledged::default();
    [2, 4, 1, 4].into_iter().for_each(|sequence| acknowledged.add(sequence));
    assert_eq!(acknowledged, Acknowledged { upto: 2, beyond: [(4, 4)].into() });
    [9, 7, 8, 5].into_iter().for_each(|sequence| acknowledged.add(sequence));
    assert_eq!(acknowledged, Acknowledged { upto: 2, beyond: [(4, 5), (7, 9)].into() });
    assert!(acknowledged.has(8) && !acknowledged.has(6) && !acknowledged.has(10));
    acknowledged.add(3);
    assert_eq!(acknowledged, Acknowledged { upto: 5, beyond: [(7, 9)].into() });
    acknowledged.add_upto(6);
    assert_eq!(acknowledged, Acknowledged { upto: 9, beyond: BTreeMap::new() });
}

#[test]
fn there_is_room_until_what_was_taken_is_settled() {
    let outbox = Outbox::new(Bounds { rows_max: 4, ..Bounds::default() }, Acknowledged::default(), |_| {});
    outbox.push([message(1), message(2)]);
    assert!(!outbox.has_room());
    let taken = outbox.take_next(10, &Stop::default());
    assert_eq!(taken.iter().map(|message| message.sequence).collect::<Vec<_>>(), [1, 2]);
    assert!(!outbox.has_room(), "it is still in the outbox");
    outbox.acknowledge(taken.iter().map(|message| &**message).skip(1));
    assert!(outbox.has_room());
    assert!(!outbox.is_empty());
    outbox.acknowledge(taken.iter().map(|message| &**message).take(1));
    outbox.close();
    assert!(outbox.is_drained());
    assert_eq!(outbox.acknowledged().upto, 2);
}

/// The oldest is the one behind all that is acknowledged, in whatever order the others are.
#[test]
fn the_oldest_message_that_waits_has_an_age() {
    let outbox = Outbox::new(Bounds::default(), Acknowledged { upto: 1, ..Acknowledged::default() }, |_| {});
    let age = outbox.age();
    assert_eq!(age.oldest(), Some(Duration::ZERO));
    outbox.push([message(1)]);
    assert_eq!(age.oldest(), Some(Duration::ZERO), "it is acknowledged already");
    let since = Stopwatch::start();
    outbox.push([message(2)]);
    // So that the next one has an entry of its own.
    let nobody = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    nobody.pause(Duration::from_millis(120), &Stop::default());
    outbox.push([message(3)]);
    let taken = outbox.take(2);
    let second = Stopwatch::start();
    outbox.acknowledge([&*taken[1]]);
    assert!(age.oldest().unwrap() >= Duration::from_millis(120) && age.oldest().unwrap() <= since.elapsed());
    outbox.push([message(4)]);
    outbox.acknowledge([&*taken[0]]);
    assert!(
        age.oldest().unwrap() <= second.elapsed() + Duration::from_millis(120),
        "only the last one waits"
    );
    outbox.acknowledge(outbox.take(1).iter().map(|message| &**message));
    assert_eq!(age.oldest(), Some(Duration::ZERO));
    drop(outbox);
    assert_eq!(age.oldest(), None, "it does not keep the outbox");
}

#[test]
fn who_waits_for_room_wakes_when_there_is_some_or_never_will_be() {
    let full = || {
        let bounds = Bounds { rows_max: 2, ..Bounds::default() };
        let outbox = Outbox::new(bounds, Acknowledged::default(), |_| {});
        outbox.push([message(1)]);
        outbox
    };
    let changes: [fn(&Outbox); 4] = [
        |outbox| outbox.acknowledge(outbox.take(1).iter().map(|message| &**message)),
        Outbox::close,
        Outbox::abandon,
        |outbox| outbox.fail("its disk is gone".to_owned()),
    ];
    for change in changes {
        let outbox = full();
        assert!(!outbox.has_room());
        let wakeup = Arc::new(Wakeup::default());
        outbox.add_listener(&wakeup);
        let before = outbox.lock().life.clone();
        thread::scope(|scope| {
            let waits = scope.spawn(|| wakeup.wait_until(PATIENCE, || outbox.lock().life.clone() != before));
            change(&outbox);
            assert!(waits.join().unwrap());
        });
    }
}

#[test]
fn a_worker_that_waits_wakes_for_a_message_for_the_end_and_when_it_is_to_stop() {
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    let other = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    let stop = Stop::default();
    thread::scope(|scope| {
        let waits = scope.spawn(|| outbox.take_next(9, &stop));
        outbox.push([message(1)]);
        assert_eq!(waits.join().unwrap().len(), 1);
        let waits = scope.spawn(|| outbox.take_next(9, &stop));
        outbox.close();
        // What was taken is not acknowledged: the worker has something left to do, but nothing to take.
        outbox.acknowledge([&*message(1)]);
        assert!(waits.join().unwrap().is_empty());
        assert!(outbox.is_drained());
        let waits = scope.spawn(|| {
            let taken = other.take_next(9, &stop);
            other.pause(PATIENCE, &stop);
            taken
        });
        stop.set();
        assert!(waits.join().unwrap().is_empty());
    });
}

#[test]
fn what_nobody_reads_is_not_kept_and_holds_nothing_up() {
    let outbox = Outbox::new(Bounds { rows_max: 4, ..Bounds::default() }, Acknowledged::default(), |_| {});
    outbox.push([message(1), message(2)]);
    assert!(!outbox.has_room());
    outbox.abandon();
    outbox.push((3..=99).map(message));
    assert!(outbox.has_room());
    assert_eq!((outbox.rows(), outbox.take(99).len()), (0, 2));
    assert_eq!(outbox.acknowledged(), Acknowledged::default(), "the next run sends them");
}

#[test]
fn a_decision_that_becomes_durable_after_it_was_closed_is_sent() {
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    outbox.close();
    assert!(outbox.is_drained());
    outbox.push([message(1)]);
    assert!(!outbox.is_drained());
    outbox.acknowledge(outbox.take(1).iter().map(|message| &**message));
    assert!(outbox.is_drained());
}

#[test]
fn what_was_settled_before_is_passed_over() {
    let acknowledged = Acknowledged { upto: 1, beyond: [(3, 3)].into() };
    let outbox = Outbox::new(Bounds::default(), acknowledged, |_| {});
    outbox.push((1..=4).map(message));
    assert_eq!(outbox.take(9).iter().map(|message| message.sequence).collect::<Vec<_>>(), [2, 4]);
}

/// A gauge that keeps all that it was set to.
#[derive(Default)]
struct Shown(Mutex<Vec<f64>>);

impl GaugeFn for Shown {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.0.lock().unwrap().push(value);
    }
}

#[test]
fn a_gauge_shows_the_rows_that_are_waited_for() {
    let shown = Arc::new(Shown::default());
    let new = |keeps_last| {
        let bounds = Bounds { keeps_last, ..Bounds::default() };
        Outbox::new(bounds, Acknowledged::default(), |_| {}).shown_in(Gauge::from_arc(shown.clone()))
    };
    let outbox = new(false);
    outbox.push((1..=3).map(message));
    let worker = outbox.clone();
    worker.acknowledge(worker.take(2).iter().map(|message| &**message));
    outbox.abandon();
    assert_eq!(std::mem::take(&mut *shown.0.lock().unwrap()), [0.0, 6.0, 2.0, 0.0]);
    new(true).push([message(1)]);
    assert_eq!(*shown.0.lock().unwrap(), [0.0, 0.0], "what is only kept is not waited for");
}
