//! A sender against a receiver that misbehaves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use streamgauge::deliver::http::{client::Client, sender::Settings};
use streamgauge_common::{
    clock::Stopwatch,
    message::{Message, Payload},
};
use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};
use tokio::{sync::watch, time::timeout};

use super::{
    harness::{Memory, PATIENCE, client, drain, full, limits, message, quick, sender},
    receiver::{Behaviour, Receipt, Receiver, answer, status},
};

/// The number in a body made by [`message`].
fn number(receipt: &Receipt) -> u64 {
    let body = std::str::from_utf8(&receipt.body).unwrap();
    body.strip_prefix("{\"row\":").unwrap().strip_suffix('}').unwrap().parse().unwrap()
}

/// Of each lane, what came for the first time came in order. A repeat may be late: what was given up may still be on its
/// way when the next message comes, and its key tells that it is one.
fn assert_in_order(receipts: &[Receipt]) {
    let mut seen = BTreeSet::new();
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for receipt in receipts {
        let number = number(receipt);
        if seen.insert(number) {
            let last = last.entry(receipt.header("x-lane")).or_default();
            assert!(*last < number, "{number} came behind {last} of its lane");
            *last = number;
        }
    }
}

/// Each message came, under one key with one body.
fn assert_all_once_or_more(receipts: &[Receipt], count: u64) {
    let mut bodies: BTreeMap<&str, BTreeSet<&[u8]>> = BTreeMap::new();
    for receipt in receipts {
        bodies.entry(receipt.header("idempotency-key")).or_default().insert(&receipt.body);
    }
    assert_eq!(bodies.len() as u64, count);
    for (key, bodies) in bodies {
        let number = key.trim_matches('"').strip_prefix("key-").unwrap();
        assert_eq!(bodies.into_iter().collect::<Vec<_>>(), [format!("{{\"row\":{number}}}").as_bytes()]);
    }
}

/// All that a receiver can do wrong, at random, half of the time.
fn chaos(seed: u64) -> impl FnMut() -> Behaviour + Send {
    let mut random = fastrand::Rng::with_seed(seed);
    move || match random.u8(0..20) {
        0 => status(500),
        1 => status(503),
        2 => answer(429, &[("Retry-After", "0")], b""),
        3 => answer(429, &[("Retry-After", "never")], b"slow down"),
        4 => answer(302, &[("Location", "http://127.0.0.1:9/")], b""),
        5 => Behaviour::CutUnread,
        6 => Behaviour::CutRead,
        7 => Behaviour::Trickle(b"HTTP/1.1 200 OK\r\n".to_vec(), vec![b'x'; 20]),
        8 => Behaviour::Answer(b"what?\r\n\r\n".to_vec()),
        9 => answer(200, &[], &vec![b'x'; 10 << 20]),
        10 => Behaviour::Trickle(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n".to_vec(), Vec::new()),
        _ => status(200),
    }
}

#[tokio::test]
async fn every_message_arrives_in_its_lanes_order_whatever_the_receiver_does() {
    for seed in 0..3 {
        let mut behave = chaos(seed);
        let receiver = Receiver::start(move |_| behave()).await;
        let outbox = full(150, 10, &receiver.url());
        let memory = drain(&outbox, Client::new(true, limits(100)).unwrap(), quick()).await;
        assert_eq!(*memory.rejected.lock().unwrap(), []);
        assert_eq!(outbox.acknowledged(), Acknowledged { upto: 150, ..Acknowledged::default() });
        let receipts = receiver.receipts();
        assert!(receipts.len() > 150, "some came twice");
        assert_all_once_or_more(&receipts, 150);
        assert_in_order(&receipts);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_runs_on_many_threads_as_well() {
    let mut behave = chaos(7);
    let receiver = Receiver::start(move |_| behave()).await;
    let outbox = full(100, 5, &receiver.url());
    let url = receiver.url();
    // More comes while it sends.
    let late = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    let (_keep, stop) = watch::channel(false);
    let memory = Arc::new(Memory::default());
    let client = Client::new(true, limits(100)).unwrap();
    let work = tokio::spawn(sender(&late, client.clone(), &memory, quick()).run(stop));
    for message in outbox.take(100) {
        late.push([message]);
        tokio::task::yield_now().await;
    }
    late.push([message(101, 1, &url)]);
    late.close();
    timeout(PATIENCE, work).await.expect("drained in time").unwrap();
    assert!(late.is_drained());
    assert_all_once_or_more(&receiver.receipts(), 101);
    assert_in_order(&receiver.receipts());
}

#[tokio::test]
async fn what_the_receiver_will_never_take_is_rejected_and_the_rest_goes_on() {
    let receiver = Receiver::start(|_| status(200)).await;
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    let gone = Receiver::start(|_| status(404)).await;
    let no_request = Payload::Lines(b"line\n".to_vec());
    outbox.push([
        message(1, 0, &gone.url()),
        message(2, 0, &receiver.url()),
        message(3, 0, "{option:hook}"),
        Arc::new(Message { sequence: 4, key: "key-4".into(), lane: 0, rows: 1, payload: no_request }),
        message(5, 0, &receiver.url()),
    ]);
    outbox.close();
    let memory = drain(&outbox, client(), quick()).await;
    let rejected = memory.rejected.lock().unwrap();
    let rejected: Vec<_> = rejected.iter().map(|(sequence, why)| (*sequence, why.as_str())).collect();
    assert_eq!(
        rejected,
        [(1, "it answers 404"), (3, "there is no secret 'HOOK'"), (4, "the sink made no request of it")]
    );
    assert_eq!(gone.receipts().len(), 1);
    assert_eq!(receiver.receipts().iter().map(number).collect::<Vec<_>>(), [2, 5]);
}

#[tokio::test]
async fn a_lane_that_fails_holds_back_only_itself() {
    // Lane 0 is refused until all others are through.
    let receiver = Receiver::start(|_| status(200)).await;
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    let others = 40;
    let stubborn = {
        let outbox = outbox.clone();
        Receiver::start(move |_| {
            let acknowledged = outbox.acknowledged();
            let through = (1..=others + 2).filter(|&sequence| acknowledged.has(sequence)).count() as u64;
            status(if through >= others { 200 } else { 503 })
        })
        .await
    };
    outbox.push([message(1, 0, &stubborn.url()), message(2, 0, &stubborn.url())]);
    outbox.push((3..3 + others).map(|sequence| message(sequence, sequence % 4 + 1, &receiver.url())));
    outbox.close();
    drain(&outbox, client(), quick()).await;
    assert_in_order(&receiver.receipts());
    assert_in_order(&stubborn.receipts());
    assert_eq!(receiver.receipts().len() as u64, others);
}

#[tokio::test]
async fn no_more_requests_are_under_way_than_allowed_and_one_of_a_lane() {
    for (lanes, in_flight_max) in [(1, 16), (30, 3), (30, 16)] {
        let receiver = Receiver::kind().await;
        let outbox = full(90, lanes, &receiver.url());
        drain(&outbox, client(), Settings { in_flight_max, ..quick() }).await;
        assert_eq!(receiver.receipts().len(), 90);
        let allowed = in_flight_max.min(lanes as usize);
        assert!(receiver.inside_max() <= allowed, "{} of {allowed}", receiver.inside_max());
        assert!(lanes == 1 || receiver.inside_max() > 1, "lanes go side by side");
    }
}

#[tokio::test]
async fn requests_keep_their_distance() {
    let receiver = Receiver::kind().await;
    let outbox = full(6, 6, &receiver.url());
    let watch = Stopwatch::start();
    drain(&outbox, client(), Settings { gap: Duration::from_millis(40), ..quick() }).await;
    assert!(watch.elapsed() >= Duration::from_millis(200), "{:?}", watch.elapsed());
    assert_eq!(receiver.receipts().len(), 6);
}

#[tokio::test]
async fn a_receiver_that_asks_for_time_gets_it() {
    let mut first = true;
    let receiver = Receiver::start(move |_| {
        let asks = std::mem::take(&mut first);
        if asks { answer(429, &[("retry-after", "1")], b"") } else { status(200) }
    })
    .await;
    let watch = Stopwatch::start();
    drain(&full(1, 1, &receiver.url()), client(), quick()).await;
    assert!(watch.elapsed() >= Duration::from_secs(1), "{:?}", watch.elapsed());
    assert_eq!(receiver.receipts().len(), 2);
}

#[tokio::test]
async fn a_sender_that_is_stopped_leaves_the_rest_to_the_next_one() {
    let receiver = Receiver::start(|seen| match seen.receipts.len() {
        0..2 => status(200),
        2 => Behaviour::Hang,
        _ => status(200),
    })
    .await;
    let outbox = full(4, 1, &receiver.url());
    let memory = Arc::new(Memory::default());
    let (stop, stopped) = watch::channel(false);
    let work = tokio::spawn(sender(&outbox, client(), &memory, quick()).run(stopped));
    let third_is_in = async {
        while receiver.receipts().len() < 3 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, third_is_in).await.expect("three requests");
    stop.send(true).unwrap();
    timeout(Duration::from_secs(5), work).await.expect("at once, not after the time-out").unwrap();
    let acknowledged = outbox.acknowledged();
    assert_eq!(acknowledged, Acknowledged { upto: 2, ..Acknowledged::default() });

    let after = Outbox::new(Bounds::default(), acknowledged, |_| {});
    after.push((1..=4).map(|sequence| message(sequence, 0, &receiver.url())));
    after.close();
    drain(&after, client(), quick()).await;
    assert_eq!(receiver.receipts().iter().map(number).collect::<Vec<_>>(), [1, 2, 3, 3, 4]);
    assert_all_once_or_more(&receiver.receipts(), 4);
}
