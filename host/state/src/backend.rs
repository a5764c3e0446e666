//! Keeps a query's state: two actors on the threads of a [`StatePool`], so that writing a checkpoint never holds up a decision.
//!
//! - *log*: takes decisions, writes those that wait together and syncs them at once, then hands their messages to the
//!   outboxes: nothing is sent that is not durable. What is acknowledged is written along, unsynced.
//! - *checkpoint*: writes what was captured, and forgets what newer checkpoints make useless.
//!
//! The log's actor lives as long as the backend or an outbox that notifies it of acknowledgements, and the checkpoint's actor as
//! long as the log's. So everything that was entered is written after the backend is dropped, too. A failure or panic of either
//! is a failure of this query alone.

mod checkpointer;
mod ending;
mod writer;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crossbeam_channel::{Sender, bounded};
use metrics::{Counter, Histogram};
use streamgauge_common::{message::Message, wakeup::Wakeup};
use streamgauge_engine::{SegmentId, StateSegment};

pub use self::ending::Ending;
use self::{checkpointer::Checkpointer, ending::ending, standing::Standing, writer::LogWriter};
use super::{
    checkpoint::Checkpoints,
    error::StateError,
    log::Log,
    manifest::{CheckpointManifest, Offsets, TaskManifest},
    recovery::{self, Sections},
    store::Store,
};
use crate::{
    outbox::{Acknowledged, Outbox},
    pool::{Mailbox, StatePool},
};

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

/// What a query task captured for a checkpoint.
pub struct CheckpointRequest {
    /// Where the task stands.
    pub task: TaskManifest,
    /// What changed.
    pub parts: Vec<StateSegment>,
    /// How many forced closes are before it.
    pub forced_closes: u64,
    /// Told when it is written, or why it is not; dropped where it never comes to that.
    pub observer: Option<CheckpointObserver>,
}

/// Is told what became of a checkpoint.
pub type CheckpointObserver = Box<dyn FnOnce(Result<WrittenCheckpoint, String>) + Send>;

/// A checkpoint that is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenCheckpoint {
    /// Its generation.
    pub generation: u64,
    /// How many bytes were written for it.
    pub bytes: u64,
    /// How long that took.
    pub took: Duration,
}

/// A checkpoint to write: what was captured, and where the log stood then.
struct Checkpoint {
    manifest: CheckpointManifest,
    parts: Vec<StateSegment>,
    forced_closes: u64,
    observer: Option<CheckpointObserver>,
}

/// What the log's actor is told.
enum Command {
    Enter(Vec<u8>, Vec<PendingDelivery>),
    Checkpoint(Box<CheckpointRequest>),
    /// A checkpoint is durable, and entries before this one are not needed any more.
    Durable {
        needed_from: u64,
    },
    /// What is acknowledged has changed.
    Acknowledged,
    /// Answered when all before it is durable.
    Flush(Sender<()>),
}

/// A query's kept state, as the query sees it.
pub struct StateBackend {
    log: Mailbox<LogWriter>,
    standing: Arc<Standing>,
    store: Store,
    identity: u128,
    ending: Ending,
}

/// Where outboxes say what is acknowledged. Acknowledgements are written as long as one of these is there.
#[derive(Clone)]
pub struct AckNotifier {
    log: Mailbox<LogWriter>,
    standing: Arc<Standing>,
}

/// Bounds of a decision log. None of them is part of what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// `log_segment_bytes`: a segment that is longer is not continued after its next sync.
    pub segment_bytes: u64,
    /// `max_decisions_waiting`: decisions that wait for a sync; their rows are not in an outbox yet, so not within its bound. At
    /// least one.
    pub waiting_max: usize,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self { segment_bytes: 16 << 20, waiting_max: 64 }
    }
}

/// Counts checkpoints.
#[derive(Clone, Debug)]
pub struct CheckpointMetrics {
    /// One more for each that is durable.
    pub written: Counter,
    /// How long each took to write, in seconds.
    pub seconds: Histogram,
    /// How many bytes were written for them: what has changed since the one before, and the manifest.
    pub bytes: Counter,
}

impl Default for CheckpointMetrics {
    /// Nothing is counted.
    fn default() -> Self {
        Self { written: Counter::noop(), seconds: Histogram::noop(), bytes: Counter::noop() }
    }
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
    pub newest: Option<(CheckpointManifest, u64)>,
    /// Entries with messages that are not acknowledged: their index, query and last number.
    pub in_flight: Vec<(u64, String, u64)>,
    /// What is acknowledged.
    pub acknowledged: BTreeMap<String, Acknowledged>,
    /// How many generations are kept.
    pub generations: usize,
}

/// How a state is written; nothing of it is part of what is written.
#[derive(Default)]
pub struct BackendSettings {
    /// The bounds of its log.
    pub log: LogLimits,
    /// Counts its checkpoints.
    pub metrics: CheckpointMetrics,
}

impl StateBackend {
    /// Lets a pool's threads write the state.
    pub fn start(pool: &StatePool, recovered: RecoveredState, settings: BackendSettings) -> Self {
        let RecoveredState {
            store,
            identity,
            log: mut log_file,
            checkpoints,
            sections,
            newest,
            in_flight,
            acknowledged,
            generations,
        } = recovered;
        log_file.set_segment_bytes(settings.log.segment_bytes);
        let offsets = newest.as_ref().map(|(manifest, _)| manifest.task.offsets.clone());
        let standing = Arc::new(Standing::new(offsets, acknowledged));
        let (alive, ending) = ending();
        let on_failure = || {
            let standing = standing.clone();
            move |why| standing.fail_of(why)
        };
        let writer = |log| {
            let checkpointer = Checkpointer::new(
                checkpoints,
                sections,
                newest.as_ref(),
                generations,
                log,
                standing.clone(),
                alive.clone(),
            );
            let checkpointer = checkpointer.counted_in(settings.metrics);
            let checkpointer = Mailbox::new(pool.checkpoints(), checkpointer, on_failure());
            LogWriter::new(
                log_file,
                settings.log.waiting_max,
                in_flight,
                checkpointer,
                standing.clone(),
                alive,
            )
        };
        let log = Mailbox::new_cyclic(pool.logs(), writer, on_failure());
        Self { log, standing, store, identity, ending }
    }

    /// A decision is made: its messages leave once it is durable.
    pub fn enter(&self, bytes: Vec<u8>, releases: Vec<PendingDelivery>) {
        self.tell(Command::Enter(bytes, releases));
    }

    /// Writes a checkpoint, of everything that was entered until now. One is written at a time: this waits for the one before.
    /// After a failure none is written any more.
    pub fn checkpoint(&self, request: CheckpointRequest) {
        if self.standing.begin_checkpoint() {
            self.tell(Command::Checkpoint(Box::new(request)));
        }
    }

    /// Whether a checkpoint is still being written.
    pub fn is_busy(&self) -> bool {
        self.standing.is_busy()
    }

    /// Whether there is a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        self.standing.durable().offsets.is_some()
    }

    /// How many forced closes are before the last durable checkpoint.
    pub fn durable_forced_closes(&self) -> u64 {
        self.standing.durable().forced_closes
    }

    /// Where the query stood at the last durable checkpoint.
    pub fn durable_positions(&self) -> Option<Offsets> {
        self.standing.durable().offsets.clone()
    }

    /// Parts that changed so often that the next capture should hold all of them.
    pub fn whole(&self) -> BTreeSet<SegmentId> {
        self.standing.durable().whole.clone()
    }

    /// Why nothing can be kept any more.
    pub fn failure(&self) -> Option<String> {
        self.standing.failure()
    }

    /// Notifies this one, too, when nothing can be kept any more.
    pub fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.standing.add_listener(wakeup);
    }

    /// Waits until everything that was entered is durable, and the checkpoint that was being written; or failed.
    pub fn wait(&self) {
        let (done, wait) = bounded(1);
        self.tell(Command::Flush(done));
        match wait.recv() {
            Ok(()) => self.standing.wait_for_checkpoint(),
            // The log's actor has failed, and what it had is dropped: the failure is told at the latest soon.
            Err(_) => self.standing.wait_for_failure(),
        }
    }

    /// The last durable checkpoint, with its parts.
    pub fn reload(&self) -> Result<(TaskManifest, Vec<StateSegment>), StateError> {
        self.wait();
        let loaded = recovery::load(&self.store, self.identity)?;
        loaded.map(|loaded| (loaded.manifest.task, loaded.parts)).ok_or_else(|| StateError::Missing {
            folder: self.store.shown().to_owned(),
            what: "a checkpoint".to_owned(),
            help: "choose another place for the state",
        })
    }

    /// When its state is written no more: after it and all that notify it of acknowledgements are dropped.
    pub fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Where outboxes say what is acknowledged.
    pub fn ack_notifier(&self) -> AckNotifier {
        AckNotifier { log: self.log.clone(), standing: self.standing.clone() }
    }

    fn tell(&self, command: Command) {
        if self.log.send(command).is_err() {
            // Why it has ended was told before, and the first failure counts.
            self.standing.fail("nothing writes its state any more".to_owned());
        }
    }
}

impl AckNotifier {
    /// What is acknowledged of a query's messages, its outbox knows.
    pub fn watch(&self, query: &str, outbox: &Outbox) {
        self.standing.watch(query, outbox.acknowledgements());
    }

    /// Something was acknowledged. Never waits.
    pub fn note(&self) {
        // A full mailbox is handled anyway, and acknowledgements are written along with each group.
        let _ = self.log.try_send(Command::Acknowledged);
    }
}
