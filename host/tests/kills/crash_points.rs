//! Every named point of the code: the process aborts there, another one goes on, and what was delivered equals what a process
//! delivers that nothing happened to.

mod code;
mod runs;
mod table;

use std::{
    collections::BTreeSet,
    env, fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use fastrand::Rng;
use streamgauge_common::clock::Stopwatch;

use self::{
    runs::Runs,
    table::{CRASHES, Crash, ELSEWHERE, PANICS, Series},
};
use crate::{broker, soak};

/// How many points there are at least.
const POINTS_MIN: usize = 25;
/// How many of them are tried at once.
const WORKERS: usize = 2;

#[test]
fn the_table_has_the_points_of_the_code() {
    let code = code::points();
    let crashes = CRASHES.iter().map(|crash| crash.place.point);
    let table: BTreeSet<String> = crashes.chain(ELSEWHERE.iter().copied()).map(str::to_owned).collect();
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
    try_all(&crashes, |crash| runs.try_crash(crash));
}

/// As `tests/cli/panics.rs`, for threads that speak with Kafka or with a receiver; also where only the thread ends, as it does
/// for those who use the library.
#[test]
fn a_panic_of_who_delivers_or_reads_ends_the_process_and_changes_nothing() {
    let Some(kafka) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let runs = Runs::new(kafka, folder.path());
    for (crash, thread) in PANICS {
        runs.try_panic(crash, thread);
    }
}

/// About as many as the soak has kills.
#[test]
#[ignore = "takes minutes: make soak"]
fn crashes_in_a_row_at_random_change_nothing() {
    let Some(kafka) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let seed = soak::seed();
    eprintln!("seed={seed}");
    let mut random = Rng::with_seed(seed);
    let series: Vec<Series> =
        (0..soak::kills() as usize / 2).map(|number| Series::random(&mut random, number)).collect();
    let runs = Runs::new(kafka, folder.path());
    let crashes = AtomicUsize::new(0);
    try_all(&series, |one| {
        crashes.fetch_add(runs.try_series(one), SeqCst);
    });
    eprintln!("crashes={} exact=yes seed={seed}", crashes.into_inner());
}

/// Tries some at once; fails where some crash changes what is delivered, and tells which.
fn try_all<T: fmt::Display + Sync>(crashes: &[T], try_one: impl Fn(&T) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let keep_trying = || {
        while let Some(crash) = crashes.get(next.fetch_add(1, SeqCst)) {
            let since = Stopwatch::start();
            let tried = catch_unwind(AssertUnwindSafe(|| try_one(crash)));
            let said = if tried.is_ok() { "exact" } else { "NOT EXACT" };
            eprintln!("{crash}: {said} after {:.2} s", since.elapsed().as_secs_f64());
            failed.fetch_add(usize::from(tried.is_err()), SeqCst);
        }
    };
    thread::scope(|scope| (0..WORKERS).for_each(|_| drop(scope.spawn(keep_trying))));
    assert_eq!(failed.into_inner(), 0, "of {} crashes some are not harmless, see above", crashes.len());
}
