//! A query whose plugin is slow pauses in the middle of the windows that one batch closes, so that it can leave the others.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use streamgauge::{
    decode::json,
    query::{QueryTask, Windows},
};
use streamgauge_common::{
    clock::thread_cpu_ns,
    column::{Column, Texts},
    offset::Offset,
    partition::SourceIndex,
};
use streamgauge_engine::{Accumulators, Evaluated, Fault, Settings, WindowQuery};

use crate::{
    events::{COUNT, Scene, event},
    records::first,
};

const WINDOWS: i64 = 40;
/// Nanoseconds of processor time for the value of a window.
const SLOW: u64 = 10_000_000;

/// Takes its time for each value.
struct Slow {
    inner: Box<dyn Accumulators>,
    evaluated: Arc<AtomicUsize>,
}

impl Accumulators for Slow {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        self.inner.accumulate(slots, arguments)
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        self.inner.merge(into, source)
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        let since = thread_cpu_ns();
        while thread_cpu_ns() - since < SLOW {}
        self.evaluated.fetch_add(1, Relaxed);
        self.inner.evaluate(slots)
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        self.inner.release(slots)
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        self.inner.snapshot(slots)
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        self.inner.restore(state_version, slots, states)
    }

    fn state_version(&self) -> u32 {
        self.inner.state_version()
    }

    fn restores(&self) -> &[u32] {
        self.inner.restores()
    }
}

/// A query that counts, with a slow reducer before its first, which may be watched; and the windows that were evaluated.
fn scene(is_watched: bool) -> (Scene, Arc<AtomicUsize>) {
    let mut scene = Scene::new(json::FORMAT, COUNT);
    let evaluated = Arc::new(AtomicUsize::new(0));
    let window = scene.task.query().window().unwrap().clone();
    let mut accumulators = scene.open_aggregates();
    let inner = accumulators.remove(0);
    accumulators.insert(0, Box::new(Slow { inner, evaluated: evaluated.clone() }));
    let engine = WindowQuery::new(&window, Settings::default(), []).unwrap();
    scene.task.begin_windows(Windows { engine, accumulators }).unwrap();
    scene.task = scene.task.that_may_be_slow(is_watched);
    scene.task.assign_active(first(0), Offset(0));
    scene.task.begin();
    (scene, evaluated)
}

/// An event a window, each of which is of 10 seconds.
fn events() -> Vec<String> {
    (0..=WINDOWS).map(|n| event(n, n * 10)).collect()
}

#[test]
fn a_slow_task_pauses_within_a_batch_and_no_window_is_lost() {
    let (mut scene, evaluated) = scene(true);
    let batch = scene.batch(0, 0, &events());
    scene.task.work(|task| task.take(SourceIndex::FIRST, &batch));
    assert!(scene.task.is_slow() && scene.task.has_undecided());
    let paused = evaluated.load(Relaxed);
    assert!((1..=12).contains(&paused), "{paused} windows of 10 ms each in 100 ms");

    // It has left the others: nobody waits for it.
    scene.task.work(QueryTask::close);
    assert_eq!(evaluated.load(Relaxed), WINDOWS as usize);
    assert!(!scene.task.has_undecided());
    let (rows, letters, _) = scene.end(&[0]);
    let ns: Vec<String> = rows.lines().map(|row| row.split_once("\"n\"").unwrap().1.to_owned()).collect();
    let expected: Vec<String> = (0..=WINDOWS).map(|n| format!(":1,\"total\":{n}}}")).collect();
    assert_eq!(ns, expected);
    assert_eq!(letters, Vec::<serde_json::Value>::new());
}

#[test]
fn a_task_that_is_not_watched_closes_all_windows_of_a_batch() {
    let (mut scene, evaluated) = scene(false);
    let batch = scene.batch(0, 0, &events());
    scene.task.work(|task| task.take(SourceIndex::FIRST, &batch));
    assert!(!scene.task.is_slow() && !scene.task.has_undecided());
    assert_eq!(evaluated.load(Relaxed), WINDOWS as usize);
}
