//! Hostile plugins: whatever one does, the host goes on, its neighbour's rows are exact, and it is stopped within its limits.
//!
//! Each is a right reducer or sink that does one thing else, or bytes that are made to hurt who reads or compiles them.

mod bombs;
pub(crate) mod calls;
mod reducers;
mod sinks;
mod beside;
mod alone;
mod neighbour;

/// A plugin that means harm.
pub(crate) struct Hostile {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) component: Vec<u8>,
    /// What becomes of a run whose query uses it.
    pub(crate) run: Run,
    /// What `plugin check` says of it: one of its lines contains this.
    pub(crate) check: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Reducer,
    Sink,
}

/// What becomes of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// The program is refused before it runs, with these words.
    Refused(&'static str),
    /// The query that uses it fails, with these words.
    Fails(&'static str),
    /// As before, but only when a checkpoint is written.
    FailsAtCheckpoint(&'static str),
    /// It does what the contract allows.
    GoesOn,
}

/// All of them.
pub(crate) fn all() -> Vec<Hostile> {
    [reducers::all(), bombs::all(), sinks::all()].into_iter().flatten().collect()
}

#[test]
fn there_are_more_than_forty_and_each_has_a_name_of_its_own() {
    let mut names: Vec<&str> = all().iter().map(|hostile| hostile.name).collect();
    assert!(names.len() >= 40, "{}", names.len());
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
