//! A sink that is down for a while.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use streamgauge::deliver::http::{
    backoff::Backoff,
    client::{Client, Limits},
    resolver::Resolver,
    sender::{OnAmbiguous, Settings, SinkHealth},
};
use streamgauge_common::clock::Stopwatch;
use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};
use tokio::{sync::watch, time::timeout};

use super::{
    harness::{Memory, PATIENCE, client, drain, full, message, quick, sender},
    receiver::{Behaviour, Receiver, status},
};

/// A client for which `hooks.example` is where nobody listens, until it is told to be up.
#[derive(Clone, Default)]
struct Switch {
    up: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Switch {
    fn client(&self) -> Client {
        let Self { up, asked } = self.clone();
        let resolver = Resolver::with_lookup(true, move |_| {
            asked.fetch_add(1, SeqCst);
            // The receiver listens on 127.0.0.1 only.
            let last = if up.load(SeqCst) { 1 } else { 2 };
            Box::pin(async move { Ok(vec![Ipv4Addr::new(127, 0, 0, last).into()]) })
        });
        Client::with_resolver(resolver, Limits::default()).unwrap()
    }
}

fn url(receiver: &Receiver) -> String {
    format!("http://hooks.example:{}/", receiver.address.port())
}

struct Running {
    memory: Arc<Memory>,
    work: tokio::task::JoinHandle<()>,
    _keep: watch::Sender<bool>,
}

fn run(outbox: &Outbox, client: Client, settings: Settings) -> Running {
    let memory = Arc::new(Memory::default());
    let (keep, stop) = watch::channel(false);
    let work = tokio::spawn(sender(outbox, client, &memory, settings).run(stop));
    Running { memory, work, _keep: keep }
}

#[tokio::test]
async fn nothing_is_lost_and_it_is_told_twice() {
    let receiver = Receiver::kind().await;
    let switch = Switch::default();
    let outbox = full(60, 6, &url(&receiver));
    let running = run(&outbox, switch.client(), quick());
    timeout(PATIENCE, running.memory.told.notified()).await.expect("told that it is down");
    // It goes on for a while, and nothing more is told.
    let tries = switch.asked.load(SeqCst);
    asked(&switch, tries + 20).await;
    assert_eq!((outbox.rows(), running.memory.troubles.lock().unwrap().len()), (60, 1));
    switch.up.store(true, SeqCst);
    timeout(PATIENCE, running.work).await.expect("drained in time").unwrap();

    let bodies: Vec<_> = receiver.receipts().into_iter().map(|receipt| receipt.body).collect();
    assert_eq!(bodies.len(), 60, "what never left is not sent twice");
    assert_eq!(*running.memory.rejected.lock().unwrap(), []);
    let troubles = running.memory.troubles.lock().unwrap();
    let [SinkHealth::Began { why, rows: 60 }, SinkHealth::Over] = troubles.as_slice() else {
        panic!("{troubles:?}")
    };
    let address = format!("http://hooks.example:{}", receiver.address.port());
    assert!(why.starts_with(&format!("{address} cannot be reached: ")) && why.contains("refused"), "{why}");
}

/// Waits until the switch was asked so often.
async fn asked(switch: &Switch, times: usize) {
    let enough = async {
        while switch.asked.load(SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, enough).await.expect("tries");
}

#[tokio::test]
async fn an_answer_wakes_all_who_wait_for_one() {
    let receiver = Receiver::kind().await;
    let switch = Switch::default();
    let hour = Duration::from_secs(3600);
    let unanswered = Backoff { base: hour, cap: hour };
    // One after the other: when the ninth is looked up, eight are waiting.
    let silent_gap = Duration::from_millis(100);
    let settings = Settings { unanswered, in_flight_max: 1, silent_gap, ..quick() };
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    outbox.push((1..=9).map(|sequence| message(sequence, sequence, &url(&receiver))));
    let running = run(&outbox, switch.client(), settings);
    asked(&switch, 9).await;
    switch.up.store(true, SeqCst);
    // Nor is it spared any longer: these would take 40 seconds.
    outbox.push((10..=409).map(|sequence| message(sequence, sequence, &url(&receiver))));
    outbox.close();
    timeout(PATIENCE, running.work).await.expect("not after an hour").unwrap();
    assert_eq!(receiver.receipts().len(), 409);
}

#[tokio::test]
async fn a_silent_receiver_is_not_asked_for_every_lane() {
    let receiver = Receiver::kind().await;
    let switch = Switch::default();
    let outbox = full(1000, 1000, &url(&receiver));
    let step = Duration::from_millis(20);
    let settings = Settings { silent_gap: step, ..quick() };
    let watch = Stopwatch::start();
    let running = run(&outbox, switch.client(), settings);
    asked(&switch, 40).await;
    // 16 are under way before the first one fails; a few more begin before silence is sure.
    assert!(watch.elapsed() >= step * 15, "{:?}", watch.elapsed());
    running.work.abort();
}

#[tokio::test]
async fn a_receiver_that_answers_no_is_told_of_as_well() {
    let receiver = Receiver::start(|seen| status(if seen.receipts.len() < 6 { 503 } else { 200 })).await;
    let memory = drain(&full(2, 1, &receiver.url()), client(), quick()).await;
    let troubles = memory.troubles.lock().unwrap();
    let why = format!("http://127.0.0.1:{} answers 503", receiver.address.port());
    let began = SinkHealth::Began { why, rows: 2 };
    assert_eq!(*troubles, [began, SinkHealth::Over]);
}

#[tokio::test]
async fn what_may_have_arrived_is_dropped_if_that_is_wanted_and_what_cannot_have_is_not() {
    let receiver = Receiver::start(|seen| match seen.receipts.len() % 2 {
        0 => Behaviour::CutRead,
        _ => status(200),
    })
    .await;
    let switch = Switch::default();
    let outbox = full(10, 1, &url(&receiver));
    let running = run(&outbox, switch.client(), Settings { on_ambiguous: OnAmbiguous::Drop, ..quick() });
    timeout(PATIENCE, running.memory.told.notified()).await.expect("told that it is down");
    switch.up.store(true, SeqCst);
    timeout(PATIENCE, running.work).await.expect("drained in time").unwrap();
    assert_eq!(receiver.receipts().len(), 10, "each was sent once");
    let rejected = running.memory.rejected.lock().unwrap();
    assert_eq!(rejected.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>(), [1, 3, 5, 7, 9]);
    assert!(rejected.iter().all(|(_, why)| why.contains("may have arrived")), "{rejected:?}");
}

#[tokio::test]
async fn what_may_have_arrived_is_sent_again_otherwise() {
    let receiver = Receiver::start(|seen| match seen.receipts.len() % 2 {
        0 => Behaviour::CutRead,
        _ => status(200),
    })
    .await;
    let memory = drain(&full(10, 1, &receiver.url()), client(), quick()).await;
    assert_eq!((receiver.receipts().len(), memory.rejected.lock().unwrap().len()), (20, 0));
}
