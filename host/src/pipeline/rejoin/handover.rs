//! How tasks that read alone are handed over to the primary pipeline of their source: a pure state machine.
//!
//! ```text
//!            close to the primary            the primary begins to buffer
//!   Idle ───────────────────────> Requested ──────────────────────────────> Buffering ─┐ tasks come as far as the
//!    ^  ^                             │                                      │  │  ^    │ primary was then, and wait
//!    │  │        the primary steps down                                     │  │  └────┘
//!    │  └─────────────────────────────┴──────────────────────────────────────┘  │ the buffer is full
//!    │                                                                          v
//!    └──────────── the primary takes them, or gives them back ─────────────── Full
//! ```

use streamgauge_state::manifest::Offsets;

/// Where a handover stands.
#[derive(Debug, Default)]
pub(super) enum Handover<T> {
    /// No pipeline is close to the primary.
    #[default]
    Idle,
    /// One is: the primary is to buffer the batches that it takes from now on.
    Requested,
    /// The primary buffers.
    Buffering {
        /// Where it stood when it began.
        since: Offsets,
        /// Tasks that have come as far.
        arrived: Vec<T>,
    },
    /// The primary has buffered too much: what has arrived cannot be given what it lacks.
    Full {
        /// Tasks that had arrived.
        arrived: Vec<T>,
    },
}

/// What the primary is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Todo<T> {
    /// Nothing.
    Nothing,
    /// It buffers from here on.
    Buffer,
    /// It takes these tasks over, each with the batches that it lacks.
    Take(Vec<T>),
    /// It gives these tasks back: they go on alone.
    GiveBack(Vec<T>),
}

impl<T> Handover<T> {
    /// A pipeline that is close to the primary stands at `offsets`: its tasks are handed over if they have come as far as the primary
    /// was when it began to buffer. True where the primary has something to do.
    pub(super) fn offer(&mut self, offsets: &Offsets, tasks: &mut Vec<T>) -> bool {
        match self {
            Self::Idle => {
                *self = Self::Requested;
                true
            }
            Self::Buffering { since, arrived } if is_within(since, offsets, 0) => {
                arrived.append(tasks);
                true
            }
            Self::Requested | Self::Buffering { .. } | Self::Full { .. } => false,
        }
    }

    /// The primary, which stands at `offsets`, looks what it is to do.
    pub(super) fn serve(&mut self, offsets: &Offsets) -> Todo<T> {
        match self {
            Self::Requested => {
                *self = Self::Buffering { since: offsets.clone(), arrived: Vec::new() };
                Todo::Buffer
            }
            Self::Buffering { arrived, .. } if !arrived.is_empty() => Todo::Take(self.end()),
            Self::Full { .. } => match self.end() {
                arrived if arrived.is_empty() => Todo::Nothing,
                arrived => Todo::GiveBack(arrived),
            },
            Self::Idle | Self::Buffering { .. } => Todo::Nothing,
        }
    }

    /// The primary's buffer is full.
    pub(super) fn overflow(&mut self) {
        *self = Self::Full { arrived: self.end() };
    }

    /// It is over: the tasks that had arrived.
    pub(super) fn end(&mut self) -> Vec<T> {
        match std::mem::take(self) {
            Self::Idle | Self::Requested => Vec::new(),
            Self::Buffering { arrived, .. } | Self::Full { arrived } => arrived,
        }
    }
}

/// Whether `behind` is at most `records` records behind `ahead` in every partition.
pub(super) fn is_within(ahead: &Offsets, behind: &Offsets, records: i64) -> bool {
    ahead.iter().all(|(partition, there)| {
        behind.get(partition).is_some_and(|here| here.next.plus(records) >= there.next)
    })
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{offset::Offset, partition::SourceIndex};
    use streamgauge_state::manifest::PartitionProgress;

    use super::*;

    fn at(next: [i64; 2]) -> Offsets {
        let progress = |(number, next)| {
            (SourceIndex::FIRST.partition(number), PartitionProgress { next: Offset(next), done: false })
        };
        (0..).zip(next).map(progress).collect()
    }

    #[test]
    fn tasks_are_taken_when_they_have_come_as_far_as_the_primary_was() {
        let mut handover = Handover::default();
        let mut tasks = vec!["a"];
        assert_eq!(handover.serve(&at([5, 5])), Todo::Nothing);
        assert!(handover.offer(&at([4, 9]), &mut tasks), "the primary is to buffer");
        assert!(!handover.offer(&at([4, 9]), &mut tasks), "it knows that");
        assert_eq!(handover.serve(&at([6, 7])), Todo::Buffer);
        assert_eq!(handover.serve(&at([8, 8])), Todo::Nothing);
        assert!(!handover.offer(&at([5, 9]), &mut tasks), "partition 0 is not as far");
        assert_eq!(tasks, ["a"]);
        assert!(handover.offer(&at([6, 7]), &mut tasks));
        let mut others = vec!["b", "c"];
        assert!(handover.offer(&at([9, 9]), &mut others), "another pipeline");
        assert!(tasks.is_empty() && others.is_empty());
        assert_eq!(handover.serve(&at([9, 9])), Todo::Take(vec!["a", "b", "c"]));
        assert_eq!(handover.serve(&at([9, 9])), Todo::Nothing);
        assert!(handover.offer(&at([9, 9]), &mut vec!["d"]), "it begins again");
    }

    #[test]
    fn tasks_come_back_where_the_buffer_is_full_or_the_primary_steps_down() {
        let mut handover = Handover::default();
        let begin = |handover: &mut Handover<&'static str>, tasks: &mut Vec<&'static str>| {
            assert!(handover.offer(&at([1, 1]), &mut Vec::new()));
            assert_eq!(handover.serve(&at([1, 1])), Todo::Buffer);
            handover.offer(&at([1, 1]), tasks);
        };
        begin(&mut handover, &mut vec!["a"]);
        handover.overflow();
        assert!(!handover.offer(&at([9, 9]), &mut vec!["b"]), "not before that is over");
        assert_eq!(handover.serve(&at([2, 2])), Todo::GiveBack(vec!["a"]));
        begin(&mut handover, &mut vec!["c"]);
        assert_eq!(handover.end(), ["c"]);
        begin(&mut handover, &mut Vec::new());
        handover.overflow();
        assert_eq!(handover.serve(&at([2, 2])), Todo::Nothing, "nobody had arrived");
        assert!(matches!(handover, Handover::Idle));
    }

    #[test]
    fn a_partition_that_one_does_not_know_is_not_reached() {
        assert!(is_within(&at([5, 5]), &at([5, 4]), 1));
        assert!(!is_within(&at([5, 5]), &at([5, 4]), 0));
        let mut one = at([5, 5]);
        one.remove(&SourceIndex::FIRST.partition(1));
        assert!(is_within(&one, &at([5, 5]), 0) && !is_within(&at([5, 5]), &one, 100));
    }
}
