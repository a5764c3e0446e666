//! The state of many queries on the threads of one pool.

use std::{collections::BTreeMap, sync::Arc, thread};

use streamgauge_common::message::{Message, Payload};
use streamgauge_sql::manifest::{FORMAT, Input, Manifest, Target};
use streamgauge_state::{
    backend::{CheckpointRequest, PendingDelivery, StateBackend},
    decision::{Decision, SinkBatch},
    fingerprint::StateFingerprint,
    manifest::{CheckpointManifest, Offsets, Progress},
    outbox::{Acknowledged, Bounds, Outbox},
    pool::{PoolSettings, StatePool},
    recovery::{self, Recovered},
    store::Store,
};

use crate::image::{self, scratch};

fn open(store: &Store) -> Recovered {
    let manifest = Manifest {
        format: FORMAT,
        name: "q".to_owned(),
        sql: String::new(),
        input: Input::Source("events".to_owned()),
        columns: Vec::new(),
        ingest: None,
        window: None,
        emit: None,
        operators: vec![],
        output: Vec::new(),
        target: Target::Console,
    };
    recovery::open(store.clone(), &StateFingerprint::of(&manifest, None, &[]), 2).unwrap()
}

fn pool() -> StatePool {
    StatePool::start(PoolSettings::default()).unwrap()
}

/// A query that sends messages to an outbox.
struct Query {
    backend: StateBackend,
    outbox: Outbox,
}

impl Query {
    /// With its first checkpoint written.
    fn begin(pool: &StatePool, store: &Store) -> Self {
        let backend = StateBackend::start(pool, open(store).begin);
        let notifier = backend.ack_notifier();
        let outbox = {
            let notifier = notifier.clone();
            Outbox::new(Bounds::default(), Acknowledged::default(), move |_| notifier.note())
        };
        notifier.watch("q", &outbox);
        let query = Self { backend, outbox };
        query.checkpoint(0);
        query.backend.wait();
        query
    }

    fn checkpoint(&self, next: i64) {
        let manifest = CheckpointManifest {
            offsets: Offsets::from([(0, Progress { next, done: false })]),
            sequences: BTreeMap::from([("q".to_owned(), next as u64)]),
            ..CheckpointManifest::default()
        };
        self.backend.checkpoint(CheckpointRequest { manifest, parts: Vec::new(), mark: 0 });
    }

    /// Decides to send one message.
    fn send(&self, sequence: u64) {
        let message = Message {
            sequence,
            key: sequence.to_string(),
            lane: 0,
            rows: 1,
            payload: Payload::Lines(vec![7; 9]),
        };
        let sent = vec![SinkBatch { query: "q".to_owned(), messages: vec![message.clone()] }];
        let bytes = Decision::RowsEmitted { partition: 0, next: sequence as i64, sent }.encode();
        let outbox = self.outbox.clone();
        let release = PendingDelivery { query: "q".to_owned(), outbox, messages: vec![Arc::new(message)] };
        self.backend.enter(bytes, vec![release]);
    }
}

/// The numbers of the messages that are decided and not acknowledged.
fn in_flight(store: &Store) -> Vec<u64> {
    let in_flight = open(store).in_flight;
    in_flight.into_values().flatten().map(|message| message.sequence).collect()
}

#[test]
fn hundreds_of_queries_share_a_few_threads() {
    const QUERIES: usize = 300;
    const MESSAGES: u64 = 12;
    let (pool, store) = (pool(), Store::memory().unwrap());
    let stores: Vec<Store> = (0..QUERIES).map(|query| store.folder(&query.to_string()).unwrap()).collect();
    let queries: Vec<Query> = stores.iter().map(|store| Query::begin(&pool, store)).collect();
    for sequence in 1..=MESSAGES {
        queries.iter().for_each(|query| query.send(sequence));
        if sequence % 5 == 0 {
            queries.iter().for_each(|query| query.checkpoint(sequence as i64));
        }
    }
    for query in &queries {
        query.backend.wait();
        assert_eq!(query.backend.failure(), None);
        assert_eq!(query.backend.durable_positions().unwrap()[&0].next, 10, "no checkpoint is under way");
        assert!(!query.backend.is_busy());
        let sent: Vec<u64> = query.outbox.take(99).iter().map(|message| message.sequence).collect();
        assert_eq!(sent, (1..=MESSAGES).collect::<Vec<_>>(), "in the order in which it was decided");
    }
    drop(queries);
    for store in stores.iter().step_by(37) {
        assert_eq!(in_flight(store), (1..=MESSAGES).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_entered_and_acknowledged_is_written_when_nobody_waits() {
    // A directory: into a bucket acknowledgements go with the next sync only.
    let folder = scratch();
    let (pool, store) = (pool(), image::open(&folder));
    let query = Query::begin(&pool, &store);
    (1..=40).for_each(|sequence| query.send(sequence));
    let Query { backend, outbox } = query;
    drop((backend, pool));
    // A message is here when its decision is durable.
    let mut taken = Vec::new();
    while taken.len() < 40 {
        taken.extend(outbox.take(40));
        thread::yield_now();
    }
    // Those that are never sent stay owed; a worker outlives the backend, and so does what it acknowledges.
    outbox.acknowledge(taken.iter().filter(|message| message.sequence % 2 == 0).map(|message| &**message));
    drop(outbox);
    let odd: Vec<u64> = (1..=40).filter(|sequence| sequence % 2 == 1).collect();
    let written = || recovery::look(&store).unwrap().undelivered(|_| 0);
    while written() > odd.len() as u64 {
        thread::yield_now();
    }
    assert_eq!(in_flight(&store), odd);
}

#[test]
fn a_query_that_fails_fails_alone() {
    let settings = PoolSettings { log_threads: 1, checkpoint_threads: 1 };
    let (pool, store) = (StatePool::start(settings).unwrap(), Store::memory().unwrap());
    let [one, other] = ["one", "other"].map(|name| store.folder(name).unwrap());
    let (fenced, healthy) = (Query::begin(&pool, &one), Query::begin(&pool, &other));
    // Another process takes the first one over.
    drop(open(&one));
    for query in [&fenced, &healthy] {
        (1..=100).for_each(|sequence| query.send(sequence));
        query.checkpoint(100);
        query.backend.wait();
    }
    let why = fenced.backend.failure().unwrap();
    assert!(why.contains("another streamgauge runs with this state"), "{why}");
    assert_eq!(fenced.outbox.take(999).len(), 0, "nothing is sent that is not durable");
    assert!(!fenced.backend.is_busy(), "nobody waits for a checkpoint that never comes");
    // Whatever it is told now is refused, and nobody waits.
    fenced.send(101);
    fenced.checkpoint(101);
    fenced.backend.wait();
    assert_eq!(fenced.backend.failure(), Some(why));
    assert_eq!(healthy.backend.failure(), None);
    assert_eq!(healthy.outbox.take(999).len(), 100);
}
