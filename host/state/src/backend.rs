//! Keeps a query's state: two threads, so that writing a checkpoint never holds up a decision.
//!
//! - *log*: takes decisions, writes those that wait together and syncs them at once, then hands their messages to the
//!   outboxes: nothing is sent that is not durable. What is acknowledged is written along, unsynced.
//! - *checkpoint*: writes what was captured, and forgets what newer checkpoints make useless.

mod checkpointer;
mod writer;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use crossbeam_channel::{Receiver, Sender, bounded};
use streamgauge_common::{message::Message, panics::Attended};
use streamgauge_engine::{SegmentId, StateSegment};

use self::{checkpointer::Checkpointer, writer::LogWriter};
use super::{
    checkpoint::Checkpoints,
    error::StateError,
    log::Log,
    manifest::{CheckpointManifest, Offsets},
    recovery::{self, Sections},
    store::Store,
};
use crate::outbox::{Acknowledged, Outbox};

/// Decisions that wait for the log's thread: their rows are not in an outbox yet, so not within its bound.
const COMMANDS_MAX: usize = 64;

/// Messages that go to an outbox once they are durable.
pub struct PendingDelivery {
    /// The query whose rows they carry.
    pub query: String,
    /// Its outbox.
    pub outbox: Outbox,
    /// In the order of their numbers.
    pub messages: Vec<Arc<Message>>,
}

impl PendingDelivery {
    /// Hands them over.
    pub fn send(self) {
        self.outbox.push(self.messages);
    }
}

/// A checkpoint to write.
pub struct CheckpointRequest {
    /// Where the query stands; the log's part of it is filled in.
    pub manifest: CheckpointManifest,
    /// What changed.
    pub parts: Vec<StateSegment>,
    /// How many forced closes are before it.
    pub mark: u64,
}

/// What the log's thread is told.
enum Command {
    Enter(Vec<u8>, Vec<PendingDelivery>),
    Checkpoint(Box<CheckpointRequest>),
    /// A checkpoint is durable, and entries before this one are not needed any more.
    Durable {
        log_from: u64,
    },
    /// What is acknowledged has changed.
    Acknowledged,
    /// Answered when all before it is durable.
    Flush(Sender<()>),
}

/// What threads see of each other.
#[derive(Default)]
struct Shared {
    failure: Mutex<Option<String>>,
    mark: AtomicU64,
    busy: AtomicBool,
    has_checkpoint: AtomicBool,
    whole: Mutex<BTreeSet<SegmentId>>,
    durable: Mutex<Option<Offsets>>,
    /// What was acknowledged before.
    acknowledged: BTreeMap<String, Acknowledged>,
    /// Who knows what is acknowledged now.
    outboxes: Mutex<BTreeMap<String, Outbox>>,
}

/// A query's kept state, as the query sees it.
pub struct StateBackend {
    commands: Sender<Command>,
    shared: Arc<Shared>,
    store: Store,
    identity: u128,
    /// The log's, then the checkpoint's.
    threads: [Attended; 2],
}

/// Where outboxes say what is acknowledged.
#[derive(Clone)]
pub struct AckNotifier {
    commands: Sender<Command>,
    shared: Arc<Shared>,
}

/// What a state backend begins with.
pub struct RecoveredState {
    /// The folder of the query.
    pub store: Store,
    /// Its identity.
    pub identity: u128,
    /// Its log, open.
    pub log: Log,
    /// Its checkpoints, open.
    pub checkpoints: Checkpoints,
    /// The sections that the newest checkpoint refers to.
    pub sections: Sections,
    /// The newest checkpoint and its generation; none = there is none yet.
    pub manifest: Option<(CheckpointManifest, u64)>,
    /// Entries with messages that are not acknowledged: their index, query and last number.
    pub in_flight: Vec<(u64, String, u64)>,
    /// What is acknowledged.
    pub acknowledged: BTreeMap<String, Acknowledged>,
    /// How many generations are kept.
    pub generations: usize,
}

impl StateBackend {
    /// Starts the threads.
    pub fn start(begin: RecoveredState) -> io::Result<Self> {
        let RecoveredState {
            store,
            identity,
            log,
            checkpoints,
            sections,
            manifest,
            in_flight,
            acknowledged,
            generations,
        } = begin;
        let newest = manifest.as_ref().map(|(manifest, generation)| (*generation, manifest.log_from));
        let (commands, received) = bounded(COMMANDS_MAX);
        let (jobs, accepted) = bounded(1);
        let shared = Arc::new(Shared {
            has_checkpoint: AtomicBool::new(manifest.is_some()),
            durable: Mutex::new(manifest.map(|(manifest, _)| manifest.offsets)),
            acknowledged,
            ..Shared::default()
        });
        let writer = LogWriter::new(log, in_flight, jobs, shared.clone());
        let log = Attended::start("log", move || writer.run(&received))?;
        let checkpointer =
            Checkpointer::new(checkpoints, sections, newest, generations, commands.clone(), shared.clone());
        let checkpoint = Attended::start("checkpoint", move || checkpointer.run(&accepted))?;
        Ok(Self { commands, shared, store, identity, threads: [log, checkpoint] })
    }

    /// A decision is made: its messages leave once it is durable.
    pub fn enter(&self, bytes: Vec<u8>, releases: Vec<PendingDelivery>) {
        self.tell(Command::Enter(bytes, releases));
    }

    /// Writes a checkpoint, of everything that was entered until now.
    pub fn checkpoint(&self, job: CheckpointRequest) {
        self.shared.busy.store(true, SeqCst);
        self.tell(Command::Checkpoint(Box::new(job)));
    }

    /// Whether a checkpoint is still being written.
    pub fn is_busy(&self) -> bool {
        self.shared.busy.load(SeqCst)
    }

    /// Whether there is a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        self.shared.has_checkpoint.load(SeqCst)
    }

    /// How many forced closes are before the last durable checkpoint.
    pub fn mark(&self) -> u64 {
        self.shared.mark.load(SeqCst)
    }

    /// Where the query stood at the last durable checkpoint.
    pub fn durable_positions(&self) -> Option<Offsets> {
        self.shared.lock(&self.shared.durable).clone()
    }

    /// Parts that changed so often that the next capture should hold all of them.
    pub fn whole(&self) -> BTreeSet<SegmentId> {
        self.shared.lock(&self.shared.whole).clone()
    }

    /// Why nothing can be kept any more.
    pub fn failure(&self) -> Option<String> {
        let panicked = self.threads.iter().find_map(Attended::panicked);
        let panicked = panicked.map(|why| format!("the thread that keeps its state: {why}"));
        panicked.or_else(|| self.shared.lock(&self.shared.failure).clone())
    }

    /// Waits until everything that was entered is durable, and the checkpoint that was being written; or failed.
    pub fn wait(&self) {
        while self.failure().is_none() {
            let (done, wait) = bounded(1);
            self.tell(Command::Flush(done));
            // Where no answer comes the log's thread has ended or is about to: `failure` tells it, soon.
            if wait.recv().is_ok() && !self.is_busy() {
                return;
            }
            streamgauge_common::clock::pause(std::time::Duration::from_millis(1));
        }
    }

    /// The last durable checkpoint, with its parts.
    pub fn reload(&self) -> Result<(CheckpointManifest, Vec<StateSegment>), StateError> {
        self.wait();
        let loaded = recovery::load(&self.store, self.identity)?;
        loaded.map(|loaded| (loaded.manifest, loaded.parts)).ok_or_else(|| StateError::Missing {
            folder: self.store.shown().to_owned(),
            what: "a checkpoint".to_owned(),
            help: "choose another place for the state",
        })
    }

    /// Where outboxes say what is acknowledged.
    pub fn ack_notifier(&self) -> AckNotifier {
        AckNotifier { commands: self.commands.clone(), shared: self.shared.clone() }
    }

    fn tell(&self, command: Command) {
        if self.commands.send(command).is_err() {
            self.shared.fail("the state's thread has ended".to_owned());
        }
    }
}

impl AckNotifier {
    /// What is acknowledged of a query's messages, its outbox knows.
    pub fn watch(&self, query: &str, outbox: &Outbox) {
        self.shared.lock(&self.shared.outboxes).insert(query.to_owned(), outbox.clone());
    }

    /// Something was acknowledged. Never waits.
    pub fn note(&self) {
        // A full queue wakes the thread anyway.
        drop(self.commands.try_send(Command::Acknowledged));
    }
}

impl Shared {
    fn lock<'a, T>(&self, of: &'a Mutex<T>) -> MutexGuard<'a, T> {
        // Nothing that could panic happens while it is held.
        of.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, why: String) {
        self.lock(&self.failure).get_or_insert(why);
    }

    fn acknowledged(&self) -> BTreeMap<String, Acknowledged> {
        let mut acknowledged = self.acknowledged.clone();
        for (query, outbox) in &*self.lock(&self.outboxes) {
            acknowledged.insert(query.clone(), outbox.acknowledged());
        }
        acknowledged
    }
}

type Commands = Receiver<Command>;
