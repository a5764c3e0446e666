//! A receiver that may not be sent to, for a while or for good.

use std::time::Duration;

use streamgauge::deliver::http::sender::{Settings, SinkHealth};
use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};

use super::{
    harness::{Memory, PATIENCE, client, drain, full, message, quick, sender},
    receiver::{Receiver, Seen, status},
};

const REFUSALS: [u16; 4] = [401, 403, 407, 410];

#[tokio::test]
async fn what_is_refused_for_a_while_is_delivered_and_it_is_told_at_once() {
    for refusal in REFUSALS {
        // Requests come side by side: each is counted once.
        let mut asked = 0;
        let decide = move |_: &Seen| {
            asked += 1;
            status(if asked <= 7 { refusal } else { 200 })
        };
        let receiver = Receiver::start(decide).await;
        let memory = drain(&full(12, 3, &receiver.url()), client(), quick()).await;
        assert_eq!(*memory.rejected.lock().unwrap(), []);
        assert_eq!(receiver.receipts().len(), 12 + 7);
        let troubles = memory.troubles.lock().unwrap();
        let [SinkHealth::Began { why, rows: 12 }, SinkHealth::Over] = troubles.as_slice() else {
            panic!("{troubles:?}")
        };
        let address = format!("http://127.0.0.1:{}", receiver.address.port());
        assert!(
            why.starts_with(&format!("{address} answers {refusal}, and it is tried again for 600s")),
            "{why}"
        );
    }
}

#[tokio::test]
async fn it_is_told_with_the_first_answer() {
    let receiver = Receiver::start(|_| status(403)).await;
    let outbox = full(1, 1, &receiver.url());
    let memory = std::sync::Arc::new(Memory::default());
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let hour = Duration::from_secs(3600);
    let backoff = streamgauge::deliver::http::backoff::Backoff { base: hour, cap: hour };
    let work = tokio::spawn(sender(&outbox, client(), &memory, Settings { backoff, ..quick() }).run(stop));
    tokio::time::timeout(PATIENCE, memory.told.notified()).await.expect("told at once");
    assert_eq!(receiver.receipts().len(), 1);
    work.abort();
}

#[tokio::test]
async fn what_is_refused_for_longer_is_rejected_and_then_each_row_at_its_first_answer() {
    let receiver = Receiver::start(|_| status(403)).await;
    let reject_after = Duration::from_millis(100);
    let memory = drain(&full(200, 2, &receiver.url()), client(), Settings { reject_after, ..quick() }).await;
    let rejected = memory.rejected.lock().unwrap();
    assert_eq!(rejected.len(), 200);
    assert!(rejected.iter().all(|(_, why)| why == "it answers 403"), "{rejected:?}");
    // The first of each lane was tried again; the others, behind it, were not.
    let of = |number: u64| {
        let key = format!("\"key-{number}\"");
        receiver.receipts().iter().filter(|receipt| receipt.header("idempotency-key") == key).count()
    };
    assert!(of(1) > 1 && of(2) > 1);
    assert!((3..=200).all(|number| of(number) == 1));
    assert!(
        matches!(memory.troubles.lock().unwrap().as_slice(), [SinkHealth::Began { .. }]),
        "told once, not over"
    );
}

#[tokio::test]
async fn one_message_that_is_refused_is_rejected_although_others_are_taken() {
    let receiver = Receiver::kind().await;
    let closed = Receiver::start(|_| status(403)).await;
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    outbox.push([message(1, 0, &closed.url())]);
    outbox.push((2..=300).map(|sequence| message(sequence, 1, &receiver.url())));
    outbox.close();
    let reject_after = Duration::from_millis(50);
    let memory = drain(&outbox, client(), Settings { reject_after, ..quick() }).await;
    assert_eq!(*memory.rejected.lock().unwrap(), [(1, "it answers 403".to_owned())]);
    assert_eq!(receiver.receipts().len(), 299);
    assert!(closed.receipts().len() > 1);
}

#[tokio::test]
async fn nothing_is_tried_again_where_that_is_wanted() {
    let receiver = Receiver::start(|_| status(410)).await;
    let settings = Settings { reject_after: Duration::ZERO, ..quick() };
    let memory = drain(&full(5, 1, &receiver.url()), client(), settings).await;
    assert_eq!((memory.rejected.lock().unwrap().len(), receiver.receipts().len()), (5, 5));
    assert_eq!(*memory.troubles.lock().unwrap(), []);
}

#[tokio::test]
async fn a_rejection_that_cannot_be_written_down_is_not_settled_until_it_can() {
    let receiver = Receiver::start(|_| status(404)).await;
    let outbox = full(2, 2, &receiver.url());
    let memory = std::sync::Arc::new(Memory::default());
    *memory.unwritable.lock().unwrap() = 2;
    let (_keep, stop) = tokio::sync::watch::channel(false);
    let work = sender(&outbox, client(), &memory, quick()).run(stop);
    tokio::time::timeout(PATIENCE, work).await.expect("drained in time");
    let rejected = memory.rejected.lock().unwrap();
    assert_eq!(rejected.len(), 2);
    assert_eq!(receiver.receipts().len(), 2, "nothing is sent again for it");
}
