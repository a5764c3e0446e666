//! One deployment's use of a source: what its query tasks there share, and what is wanted of them.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU8,
            Ordering::{Relaxed, SeqCst},
        },
    },
};

use streamgauge_common::wakeup::{Listeners, Wakeup};

use super::Progress;
use crate::{deliver::letters::DeadLetterQueue, timings::Timings};

/// One deployment's use of a source.
pub struct Subscription {
    /// The deployment's name.
    pub deployment: String,
    /// The source, as the deployment's SQL calls it.
    pub source: String,
    /// Where dead letters go; none = they are only counted.
    pub dead_letters: Option<Arc<DeadLetterQueue>>,
    /// Whether late events become dead letters: `late_dead_letters` of the source.
    pub tells_late: bool,
    /// Where the time went.
    pub timings: Arc<Timings>,
    /// What is wanted of the deployment.
    pub control: Arc<Control>,
    /// What others may see of it.
    pub progress: Progress,
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
            tells_late: true,
            timings: Arc::default(),
            control: Arc::default(),
            progress: Progress::default(),
            unread: AtomicBool::new(false),
        })
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
