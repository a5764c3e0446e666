//! The life of a query task: a pure state machine.
//!
//! ```text
//!              what is fixed at the start is kept              everything is decided and kept
//!   Starting ─────────────────────────────────────> Running ──────────────────────────────────> Finished
//!    │ │  ^                                          │   │                                         ^
//!    │ │  │ it goes back to its last checkpoint      │   │ a fault                                 │
//!    │ │  ├──────────────────────────────────────────┘   v                                         │
//!    │ │  └────────────────────────────────────────── Failed                                       │
//!    │ └───────────────────── a fault ───────────────────^                                         │
//!    └──────────────────── the input ends before anything of it came ──────────────────────────────┘
//! ```
//!
//! This is about faults, from which a task may go on. What ends it for good stands elsewhere: its log or an outbox has failed
//! ([`QueryTask::failure`](super::QueryTask::failure)), or nobody wants it any more
//! ([`Control`](crate::query::Control)).

use crate::query::TaskFailure;

/// Where in its life a query task is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum TaskState {
    /// It stands where its reader is to begin: only the first checkpoint, which keeps what is fixed at the
    /// start, may be made.
    #[default]
    Starting,
    /// It folds, decides, and may make checkpoints.
    Running,
    /// It cannot go on from here: it goes back to its last checkpoint, or ends.
    Failed(TaskFailure),
    /// Its input has ended and everything is decided.
    Finished,
}

impl TaskState {
    /// What is fixed when it first begins is known and kept. A task that runs already has only another reader; one that failed on the
    /// way is to go back first.
    pub(super) fn begin(&mut self) {
        match self {
            Self::Starting => *self = Self::Running,
            Self::Running | Self::Failed(_) => {}
            Self::Finished => unreachable!("a task that has finished gets no reader"),
        }
    }

    /// A fault: nothing is folded or decided from here on.
    pub(super) fn fail(&mut self, failure: TaskFailure) {
        assert!(self.is_at_work(), "only a task at work can fail, not one that is {self:?}");
        *self = Self::Failed(failure);
    }

    /// It stands at its last checkpoint again, and reads from there.
    pub(super) fn go_back(&mut self) {
        assert!(*self != Self::Finished, "a task that has finished has nothing to do again");
        *self = Self::Starting;
    }

    /// Its input has ended, everything is decided and kept.
    pub(super) fn finish(&mut self) {
        assert!(self.is_at_work(), "only a task at work can finish, not one that is {self:?}");
        *self = Self::Finished;
    }

    /// Whether it folds and decides what comes.
    pub(super) fn is_at_work(&self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }

    /// Whether what is fixed when it first begins is known and kept.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self, Self::Running | Self::Finished)
    }

    /// Why it cannot go on from here.
    pub(super) fn failure(&self) -> Option<&TaskFailure> {
        match self {
            Self::Failed(failure) => Some(failure),
            Self::Starting | Self::Running | Self::Finished => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_engine::{Fault, FaultKind};

    use super::*;

    fn failure() -> TaskFailure {
        Fault { who: "a plugin".to_owned(), what: "trapped".to_owned(), kind: FaultKind::Deterministic }
            .into()
    }

    /// One task in each state.
    fn all() -> [TaskState; 4] {
        [TaskState::Starting, TaskState::Running, TaskState::Failed(failure()), TaskState::Finished]
    }

    /// What becomes of each state; none where the transition is illegal, which must panic.
    fn after(transition: fn(&mut TaskState)) -> [Option<TaskState>; 4] {
        all().map(|mut state| {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| transition(&mut state)));
            done.ok().map(|()| state)
        })
    }

    #[test]
    fn a_task_begins_once_and_what_failed_on_the_way_stays_failed() {
        let failed = Some(TaskState::Failed(failure()));
        let expected = [Some(TaskState::Running), Some(TaskState::Running), failed, None];
        assert_eq!(after(TaskState::begin), expected);
    }

    #[test]
    fn only_a_task_at_work_fails() {
        let failed = || Some(TaskState::Failed(failure()));
        assert_eq!(after(|state| state.fail(failure())), [failed(), failed(), None, None]);
    }

    #[test]
    fn a_task_that_went_back_has_to_begin_again() {
        let starting = || Some(TaskState::Starting);
        assert_eq!(after(TaskState::go_back), [starting(), starting(), starting(), None]);
    }

    #[test]
    fn only_a_task_at_work_finishes() {
        let finished = || Some(TaskState::Finished);
        assert_eq!(after(TaskState::finish), [finished(), finished(), None, None]);
    }

    #[test]
    fn what_a_task_may_do_follows_from_its_state() {
        assert_eq!(all().map(|state| state.is_at_work()), [true, true, false, false]);
        assert_eq!(all().map(|state| state.has_begun()), [false, true, false, true]);
        assert_eq!(all().map(|state| state.failure().cloned()), [None, None, Some(failure()), None]);
        assert_eq!(TaskState::default(), TaskState::Starting);
    }
}
