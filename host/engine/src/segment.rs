//! What survives: the state of a query in segments, each of one partition, or of one shard of the rows of a view.
//!
//! A part is what a partition folded into one slice or one late accumulator's place, before anything was merged: what close
//! makes of it, the stacks, is made again from the parts, by the same merges in the same order, so with the same bits. A
//! sealed slice never changes, so it is captured once; of the others only the groups that changed are captured.

use std::collections::BTreeSet;

use streamgauge_common::{column::Texts, partition::Partition};

use super::{
    Fault,
    slice::{SliceNumber, WindowNumber},
    watermark::NEVER,
};

/// Which segment of a query's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentId {
    /// What a partition folded.
    Fold(FoldSegment),
    /// What an operator keeps of the groups of a shard.
    Operator(OperatorSegment),
    /// What windows over a view folded of a shard's rows.
    View(ViewSegment),
}

/// What a partition folded into one slice or one late accumulator's place, before any merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldSegment {
    /// The partition that folded it.
    pub partition: Partition,
    /// Where in time it lies.
    pub kind: SegmentKind,
}

/// What an operator keeps of the groups of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperatorSegment {
    /// Which operator of the query: a hash of what it keeps and of which rows, given to [`operator`](super::operator()).
    pub operator: u64,
    /// The shard: see [`shard_of`](super::shard_of).
    pub shard: u32,
}

/// What windows over a view folded of the rows of a shard into one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewSegment {
    /// Which windows of the query's readers: a hash of what they are and of which rows.
    pub windows: u64,
    /// The shard of the rows' groups in the view: see [`shard_of`](super::shard_of).
    pub shard: u32,
    /// Where in time it lies.
    pub kind: SegmentKind,
}

/// Where in time a part lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SegmentKind {
    /// A slice.
    Slice(SliceNumber),
    /// Rows that came late, but before the last revision of a window whose allowed lateness ends between the end of the window before
    /// `window` and its own.
    LateForLast {
        /// The first window behind the last revision.
        window: WindowNumber,
        /// Their slice.
        slice: SliceNumber,
    },
    /// Rows that came late for the first windows of a slice.
    Late {
        /// The first window that takes them.
        window: WindowNumber,
        /// Their slice.
        slice: SliceNumber,
    },
    /// Groups of a slice whose windows are closed, and that still count for `max_groups`: they have no states.
    Counted(SliceNumber),
    /// The events of each moment of a slice, where a session may have to be cut within it.
    Moments(SliceNumber),
    /// Sessions that are not closed, of all partitions: those of a shard, whose number stands in the place of the partition's.
    Sessions,
}

/// Groups of a part and their states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateSegment {
    /// Which.
    pub id: SegmentId,
    /// Whether these are all groups of the part; else those that changed.
    pub whole: bool,
    /// The encoded keys, one a group.
    pub keys: Texts,
    /// Lists of one state a group: one list for each aggregate call, as its reducer gave it; one list for an operator; none for
    /// [`SegmentKind::Counted`]. Of sessions a list more, with times.
    pub states: Vec<Texts>,
}

/// Where a query stands beside its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowProgress {
    /// Windows that end at or before it are closed.
    pub closed: i64,
    /// The source's watermark.
    pub watermark: i64,
    /// The partitions' own watermarks.
    pub partitions: Vec<(Partition, i64)>,
}

impl Default for WindowProgress {
    /// Before any event.
    fn default() -> Self {
        Self { closed: NEVER, watermark: NEVER, partitions: Vec::new() }
    }
}

/// A consistent copy of a query's state, or of what has changed in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Where it stands.
    pub window_progress: WindowProgress,
    /// New and changed groups.
    pub parts: Vec<StateSegment>,
    /// All parts that belong to the state; those that are not in `parts` were captured before.
    pub kept: BTreeSet<SegmentId>,
}

/// A state that cannot be put back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It does not fit the query: damaged, or not its own.
    #[error("the state does not fit the query: {0}")]
    Misfit(String),
    /// A reducer refused it.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SegmentKind {
    /// The slice in which its rows are.
    pub fn slice(self) -> SliceNumber {
        match self {
            Self::Slice(slice)
            | Self::Late { slice, .. }
            | Self::LateForLast { slice, .. }
            | Self::Counted(slice)
            | Self::Moments(slice) => slice,
            Self::Sessions => SliceNumber::MAX,
        }
    }
}

/// What changed since the last capture.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// One bit a slot.
    touched: Vec<u64>,
    /// Parts that were sealed since.
    sealed: Vec<StateSegment>,
    /// All sealed parts that open windows need.
    ids: BTreeSet<FoldSegment>,
    /// Parts that were put back from states of other versions and not captured since.
    outdated: BTreeSet<FoldSegment>,
}

impl Changes {
    /// Rows went to these slots.
    pub(super) fn touch(&mut self, slots: &[u32]) {
        for &slot in slots {
            let word = slot as usize / 64;
            if word >= self.touched.len() {
                self.touched.resize(word + 1, 0);
            }
            if let Some(word) = self.touched.get_mut(word) {
                *word |= 1 << (slot % 64);
            }
        }
    }

    pub(super) fn is_touched(&self, slot: u32) -> bool {
        self.touched.get(slot as usize / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// A part was put back from states of other versions than its reducers give now. The next capture must hold all of it: no
    /// part, and no checkpoint, may hold states of two versions.
    pub(super) fn outdate(&mut self, id: FoldSegment) {
        self.outdated.insert(id);
    }

    pub(super) fn is_outdated(&self, id: &FoldSegment) -> bool {
        self.outdated.contains(id)
    }

    /// A part is sealed; `parts` hold what changed in it.
    pub(super) fn seal(&mut self, id: FoldSegment, parts: Vec<StateSegment>) {
        self.ids.insert(id);
        self.sealed.extend(parts);
    }

    /// The sealed parts that are needed from `first` on: what changed in them, and all their names.
    pub(super) fn take_sealed(&mut self, first: SliceNumber) -> (Vec<StateSegment>, BTreeSet<FoldSegment>) {
        self.ids.retain(|id| id.kind.slice() >= first);
        let mut sealed = std::mem::take(&mut self.sealed);
        sealed.retain(|part| matches!(part.id, SegmentId::Fold(id) if id.kind.slice() >= first));
        (sealed, self.ids.clone())
    }

    /// From here on everything is a change.
    pub(super) fn begin(&mut self) {
        self.touched.fill(0);
        self.outdated.clear();
    }
}
