//! One deployment's use of a source: what its query tasks there share, and what is wanted of them.

use std::{
    collections::BTreeSet,
    fmt,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{
            AtomicBool, AtomicU8,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use streamgauge_common::{
    clock::Stopwatch,
    offset::Offset,
    reason::Reason,
    wakeup::{Listeners, Wakeup},
};
use tracing::{info, warn};

use super::{LateWatch, Progress, QueryProgress, letters::Kind, strange_times};
use crate::{
    decode::{
        Batch,
        keys::{KeyWatch, Notice},
        times::TimeWatch,
    },
    deliver::letters::DeadLetterQueue,
    recent::Recent,
    timings::Timings,
};

/// How long the first records are awaited before what is known of them is told: a slow source would have a thousand of them after hours.
const FIRST_WITHIN: Duration = Duration::from_secs(10);

/// One deployment's use of a source.
pub struct Subscription {
    /// The deployment's name.
    pub deployment: String,
    /// The source, as the deployment's SQL calls it.
    pub source: String,
    /// Where dead letters go; none = they are only counted.
    pub dead_letters: Option<Arc<DeadLetterQueue>>,
    /// The last dead letters, for people, by query; none where nobody looks at them.
    pub recent_letters: Option<Recent>,
    /// Whether late events become dead letters: `late_dead_letters` of the source.
    pub tells_late: bool,
    /// Where the time went.
    pub timings: Arc<Timings>,
    /// What is wanted of the deployment.
    pub control: Arc<Control>,
    /// What others may see of it.
    pub progress: Progress,
    /// The files that are read, by partition; none where it is no source of files.
    pub files: Vec<PathBuf>,
    /// Looks whether the first records have the columns that are read.
    pub keys: KeyWatch,
    /// Looks whether their times are plausible.
    pub times: TimeWatch,
    /// Counts how late events are.
    pub late: LateWatch,
    /// Since when there are records.
    pub first_record: OnceLock<Stopwatch>,
    /// What becomes of a row with a column that cannot be read.
    pub unread_columns: UnreadColumns,
    /// Reasons of dead letters of which people know, of records that could not be decoded, with the column that was to blame.
    pub told: Mutex<BTreeSet<(Reason, Option<String>)>>,
    /// Why the source cannot be read on, where that was told at once.
    pub failure: OnceLock<String>,
    /// Its queries, and those that read their rows, in the order in which they are put together.
    pub queries: Mutex<Vec<Arc<QueryProgress>>>,
    /// Whether a reader of its rows went away (`streamgauge ... | head`): its tasks end, and that is no failure.
    pub unread: AtomicBool,
}

impl Subscription {
    /// For tasks that nobody hears of: they are read again to find a poison record.
    pub fn silent(source: &str) -> Arc<Self> {
        Arc::new(Self {
            deployment: String::new(),
            source: source.to_owned(),
            dead_letters: None,
            recent_letters: None,
            tells_late: true,
            timings: Arc::default(),
            control: Arc::default(),
            progress: Progress::default(),
            files: Vec::new(),
            keys: KeyWatch::new([]),
            times: TimeWatch::new([], None),
            late: LateWatch::default(),
            first_record: OnceLock::new(),
            unread_columns: UnreadColumns::default(),
            told: Mutex::default(),
            failure: OnceLock::new(),
            queries: Mutex::default(),
            unread: AtomicBool::new(false),
        })
    }

    /// What a query shows of itself.
    pub fn query(&self, name: &str) -> Arc<QueryProgress> {
        // Each change of it is complete before anything that could panic.
        let mut queries = self.queries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = queries.iter().find(|query| query.name() == name) {
            return known.clone();
        }
        let new = Arc::new(QueryProgress::new(name));
        queries.push(new.clone());
        new
    }

    /// What all its queries show of themselves.
    pub fn queries(&self) -> Vec<Arc<QueryProgress>> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether people know that records are not decoded for a reason.
    pub(super) fn knows_of(&self, kind: &Kind) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).contains(kind)
    }

    /// People are told of it now; false where another query was first.
    pub(super) fn learn_of(&self, kind: &Kind) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.clone())
    }

    /// Looks at records that were not counted before: people are told of columns that the first ones do not have, and of times that are
    /// hardly meant so.
    pub(super) fn look_at_first(&self, batch: &Batch, new: &[Range<Offset>]) {
        for run in new {
            self.first_record.get_or_init(Stopwatch::start);
            let records = batch.chunk.records_before(run.start)..batch.chunk.records_before(run.end);
            self.tell(self.keys.look(&batch.chunk, records.clone()));
            strange_times::tell(self, &self.times.look(batch, records));
        }
    }

    /// Tells what is known of the first records where they have come for so long that it is not to wait for more of them, and that many
    /// events are late.
    pub(super) fn tell_first_if_due(&self) {
        if self.first_record.get().is_some_and(|since| since.elapsed() >= FIRST_WITHIN) {
            self.tell_first(true);
        }
    }

    /// No more records come: what is known of the first ones is told, and that many events were late.
    pub fn end_first(&self) {
        self.tell_first(false);
    }

    fn tell_first(&self, goes_on: bool) {
        self.tell(self.keys.end(goes_on));
        strange_times::tell(self, &self.times.end());
        self.late.tell(self);
    }

    fn tell(&self, notices: Vec<Notice>) {
        let (deployment, source) = (&self.deployment, &self.source);
        for notice in notices {
            match notice {
                Notice::Missing(missing) => {
                    let (column, text) = (&missing.name, missing.message());
                    match missing.help() {
                        Some(help) => warn!(deployment, source, column, help, "source '{source}': {text}"),
                        None => info!(deployment, source, column, "source '{source}': {text}"),
                    }
                }
                Notice::MoreElements(more) => {
                    let (column, help, text) = (&more.column, more.help(), more.message());
                    info!(deployment, source, column, help, "source '{source}': {text}");
                }
            }
        }
    }

    /// Whether its tasks go on.
    pub fn is_wanted(&self) -> bool {
        self.control.wanted() == Wanted::Running && !self.is_unread()
    }

    /// A reader of its rows went away.
    pub fn abandon(&self) {
        if !self.unread.swap(true, SeqCst) {
            self.control.listeners.notify();
        }
    }

    /// Whether a reader of its rows went away.
    pub fn is_unread(&self) -> bool {
        self.unread.load(SeqCst)
    }
}

/// What becomes of a row with a column that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnreadColumns {
    /// A dead letter of each query that reads the column.
    #[default]
    DeadLetter,
    /// The row is taken, the column is NULL, and all that is wrong with the record is told.
    Shown,
}

/// What is wanted of a deployment. The runtime sets it, pipelines look at it between batches and are notified while they wait.
#[derive(Debug, Default)]
pub struct Control {
    wanted: AtomicU8,
    listeners: Listeners,
}

/// The states that may be wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Wanted {
    /// Its tasks read.
    #[default]
    Running,
    /// Its tasks leave their pipelines after a checkpoint, and are kept.
    Paused,
    /// Its tasks leave, what they have decided is delivered, and they end.
    Dropped,
}

impl Control {
    /// Wants something else from now on.
    pub fn want(&self, wanted: Wanted) {
        self.wanted.store(wanted as u8, SeqCst);
        self.listeners.notify();
    }

    /// Notifies this one, too, when something else is wanted.
    pub fn add_listener(&self, wakeup: &Arc<Wakeup>) {
        self.listeners.add(wakeup);
    }

    /// What is wanted.
    pub fn wanted(&self) -> Wanted {
        match self.wanted.load(Relaxed) {
            0 => Wanted::Running,
            1 => Wanted::Paused,
            _ => Wanted::Dropped,
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { deployment, source, .. } = self;
        f.debug_struct("Subscription")
            .field("deployment", deployment)
            .field("source", source)
            .finish_non_exhaustive()
    }
}
