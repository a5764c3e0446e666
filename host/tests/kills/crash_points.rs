//! Every named point of the code: the process aborts there, another one goes on, and what was delivered equals what a process
//! delivers that nothing happened to.

mod code;
mod runs;
mod table;

use std::{
    collections::BTreeSet,
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use streamgauge::clock::Stopwatch;

use self::{
    runs::Runs,
    table::{CRASHES, Crash},
};
use crate::broker;

/// How many points there are at least.
const POINTS_MIN: usize = 25;
/// How many of them are tried at once.
const WORKERS: usize = 2;

#[test]
fn the_table_has_the_points_of_the_code() {
    let code = code::points();
    let table: BTreeSet<String> = CRASHES.iter().map(|crash| crash.place.point.to_owned()).collect();
    let untested: Vec<&String> = code.difference(&table).collect();
    let gone: Vec<&String> = table.difference(&code).collect();
    assert!(untested.is_empty(), "no test crashes at {untested:?}: add them to crash_points/table.rs");
    assert!(gone.is_empty(), "the code no longer has {gone:?}");
    assert!(code.len() >= POINTS_MIN, "{} points", code.len());
}

#[test]
fn a_crash_at_any_point_changes_nothing() {
    let Some(kafka) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(kafka, folder.path());
    // One that failed can be tried alone, by a part of its name.
    let only = env::var("STREAMGAUGE_CRASHES").unwrap_or_default();
    let crashes: Vec<&Crash> = CRASHES.iter().filter(|crash| crash.to_string().contains(&only)).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(crash) = crashes.get(next.fetch_add(1, SeqCst)) {
                    failed.fetch_add(usize::from(!try_crash(&runs, crash)), SeqCst);
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "of {} crashes some are not harmless, see above", crashes.len());
}

/// Whether a crash changes nothing; why it does is told.
fn try_crash(runs: &Runs, crash: &Crash) -> bool {
    let since = Stopwatch::start();
    let tried = catch_unwind(AssertUnwindSafe(|| runs.try_crash(crash)));
    let said = if tried.is_ok() { "exact" } else { "NOT EXACT" };
    eprintln!("{crash}: {said} after {:.2} s", since.elapsed().as_secs_f64());
    tried.is_ok()
}
