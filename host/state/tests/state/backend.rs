//! The state of many queries on the threads of one pool.

use std::{collections::BTreeMap, sync::Arc, thread};

use streamgauge_common::{
    column::Texts,
    message::{Message, Payload},
    offset::Offset,
    partition::{Partition, SourceIndex},
    topic_id::TopicId,
};
use streamgauge_engine::{
    FoldSegment, OperatorSegment, SegmentId, SegmentKind, SliceNumber, StateSegment, WindowProgress,
};
use streamgauge_sql::manifest::{FORMAT, Input, Manifest, Target};
use streamgauge_state::{
    backend::{BackendSettings, CheckpointRequest, PendingDelivery, StateBackend},
    decision::{Decision, Forced, SinkBatch, Verdict},
    fingerprint::StateFingerprint,
    manifest::{Decided, Offsets, PartitionProgress, StartBounds, TaskManifest},
    outbox::{Acknowledged, Bounds, Outbox},
    pool::{PoolSettings, StatePool},
    recovery::{self, Recovered},
    store::Store,
};

use crate::image::{self, scratch};

const PARTITION: Partition = SourceIndex::FIRST.partition(0);

fn open(store: &Store) -> Recovered {
    let manifest = Manifest {
        format: FORMAT,
        name: "q".to_owned(),
        sql: String::new(),
        input: Input::Source("events".to_owned()),
        joins: Vec::new(),
        columns: Vec::new(),
        ingest: None,
        window: None,
        emit: None,
        lateness_us: None,
        operators: vec![],
        order: None,
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
        let backend = StateBackend::start(pool, open(store).state, BackendSettings::default());
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
        let task = TaskManifest {
            offsets: Offsets::from([(PARTITION, PartitionProgress { next: Offset(next), done: false })]),
            sequences: BTreeMap::from([("q".to_owned(), next as u64)]),
            ..TaskManifest::default()
        };
        self.backend.checkpoint(CheckpointRequest {
            task,
            parts: Vec::new(),
            forced_closes: 0,
            observer: None,
        });
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
        let bytes =
            Decision::RowsEmitted { partition: PARTITION, next: Offset(sequence as i64), sent }.encode();
        let outbox = self.outbox.clone();
        let release = PendingDelivery { query: "q".to_owned(), outbox, messages: vec![Arc::new(message)] };
        self.backend.enter(bytes, vec![release]);
    }
}

/// The numbers of the messages that are decided and not acknowledged.
fn unacknowledged(store: &Store) -> Vec<u64> {
    let unacknowledged = open(store).unacknowledged;
    unacknowledged.into_values().flatten().map(|message| message.sequence).collect()
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
        assert_eq!(
            query.backend.durable_positions().unwrap()[&PARTITION].next,
            Offset(10),
            "no checkpoint is under way"
        );
        assert!(!query.backend.is_busy());
        let sent: Vec<u64> = query.outbox.take(99).iter().map(|message| message.sequence).collect();
        assert_eq!(sent, (1..=MESSAGES).collect::<Vec<_>>(), "in the order in which it was decided");
    }
    drop(queries);
    for store in stores.iter().step_by(37) {
        assert_eq!(unacknowledged(store), (1..=MESSAGES).collect::<Vec<_>>());
    }
}

#[test]
fn a_checkpoint_keeps_partitions_of_two_sources_apart() {
    let (pool, store) = (pool(), Store::memory().unwrap());
    let [first, other] = [0, 1].map(|source| SourceIndex(source).partition(0));
    let id = |partition| SegmentId::Fold(FoldSegment { partition, kind: SegmentKind::Slice(SliceNumber(7)) });
    let part = |partition, key: &[u8]| {
        let mut keys = Texts::default();
        keys.push(key);
        StateSegment { id: id(partition), whole: true, keys, states: Vec::new() }
    };
    let progress = |next| PartitionProgress { next: Offset(next), done: false };
    let plugin = |why: &str| Verdict::Plugin(why.to_owned());
    let passed = |partition, next| Decision::RowsEmitted { partition, next: Offset(next), sent: Vec::new() };
    let verdict = |partition, why| Decision::Verdict { partition, offset: Offset(99), verdict: plugin(why) };
    let forced = Forced { window_end: 60, offsets: vec![(first, Offset(12)), (other, Offset(23))] };
    let task = TaskManifest {
        start_bounds: StartBounds {
            ends: [(first, Offset(100)), (other, Offset(200))].into(),
            ..StartBounds::default()
        },
        offsets: [(first, progress(10)), (other, progress(20))].into(),
        decided: Decided { passed: [(first, Offset(10)), (other, Offset(20))].into(), ..Decided::default() },
        verdicts: [((first, Offset(50)), plugin("first")), ((other, Offset(50)), plugin("other"))].into(),
        window_progress: Some(WindowProgress {
            closed: 1,
            watermark: 2,
            partitions: vec![(first, 2), (other, 3)],
        }),
        kept: vec![id(first), id(other)],
        ..TaskManifest::default()
    };
    let backend = StateBackend::start(&pool, open(&store).state, BackendSettings::default());
    let parts = vec![part(first, b"a"), part(other, b"b")];
    backend.checkpoint(CheckpointRequest { task: task.clone(), parts, forced_closes: 0, observer: None });
    backend.wait();
    for decision in [
        passed(first, 11),
        passed(other, 21),
        verdict(first, "later, first"),
        verdict(other, "later, other"),
        Decision::Forced(forced.clone()),
    ] {
        backend.enter(decision.encode(), Vec::new());
    }
    backend.wait();
    assert_eq!(backend.failure(), None);
    drop(backend);

    let Recovered { checkpoint, decisions, .. } = open(&store);
    let (kept, parts) = checkpoint.unwrap();
    assert_eq!(kept.start_bounds, task.start_bounds);
    assert_eq!((kept.offsets, kept.decided), (task.offsets, task.decided));
    assert_eq!((kept.verdicts, kept.window_progress), (task.verdicts, task.window_progress));
    assert_eq!(parts, [part(first, b"a"), part(other, b"b")]);
    assert_eq!(decisions.decided.passed, [(first, Offset(11)), (other, Offset(21))].into());
    assert_eq!(decisions.forced, [forced]);
    let verdicts = [
        ((first, Offset(50)), plugin("first")),
        ((first, Offset(99)), plugin("later, first")),
        ((other, Offset(50)), plugin("other")),
        ((other, Offset(99)), plugin("later, other")),
    ];
    assert_eq!(decisions.verdicts, verdicts.into());
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
    assert_eq!(unacknowledged(&store), odd);
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

#[test]
fn accepting_a_topic_changes_nothing_else_of_a_checkpoint() {
    let (pool, store) = (pool(), Store::memory().unwrap());
    let task = TaskManifest {
        start_bounds: StartBounds { topic_id: TopicId::new(7), ..StartBounds::default() },
        offsets: [(PARTITION, PartitionProgress { next: Offset(10), done: false })].into(),
        kept: vec![SegmentId::Operator(OperatorSegment { operator: 5, shard: 1 })],
        operators: [(5, "'n': row_number of each (model TEXT)".to_owned())].into(),
        ..TaskManifest::default()
    };
    let backend = StateBackend::start(&pool, open(&store).state, BackendSettings::default());
    let (mut keys, mut states) = (Texts::default(), Texts::default());
    keys.push(b"a group");
    states.push(b"a number");
    let segment = StateSegment { id: task.kept[0], whole: true, keys, states: vec![states] };
    let parts = vec![segment.clone()];
    backend.checkpoint(CheckpointRequest { task: task.clone(), parts, forced_closes: 0, observer: None });
    backend.wait();
    assert_eq!(backend.failure(), None);
    drop(backend);

    assert!(recovery::accept_topic(&store, "q", false).unwrap());
    let (accepted, parts) = open(&store).checkpoint.unwrap();
    let start_bounds = StartBounds { topic_id: None, ..task.start_bounds.clone() };
    assert_eq!(accepted, TaskManifest { start_bounds, ..task });
    assert_eq!(parts, [segment]);
}
