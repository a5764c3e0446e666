//! Each hostile reducer, called as the host calls it: how late it is stopped, and how much memory is left behind.

use std::{fs, thread, time::Duration};

use streamgauge_common::{clock::Stopwatch, column::Column};
use streamgauge_component::{limits::GuestLimits, reducer::ReducerComponent, runtime::Runtime};
use streamgauge_engine::{Accumulators, Fault, StateVersions};
use streamgauge_sql::{manifest::Aggregate, types::DataType};

use super::{Hostile, reducers};

const LIMIT: Duration = Duration::from_millis(100);
const MEMORY: usize = 64 << 20;
const SLOTS: u32 = 512;
/// Of this kind of machine.
const PAGE: usize = 4096;

/// A call that is timed.
type TimedCall = fn(&mut dyn Accumulators) -> Result<(), Fault>;

fn aggregate() -> Aggregate {
    Aggregate {
        text: "hostile()".to_owned(),
        reducer: "hostile".to_owned(),
        plugin: None,
        signature: 0,
        parameters: Vec::new(),
        arguments: Vec::new(),
        needs_time: false,
        growing: false,
        state_bytes_max: None,
        returns: DataType::Int64,
    }
}

/// Calls whatever can be called; the longest call.
fn longest_call(runtime: &Runtime, hostile: &Hostile) -> Duration {
    let limits = GuestLimits { memory: Some(MEMORY), call_timeout: Some(LIMIT) };
    let component = ReducerComponent::within(runtime, "hostile", &hostile.component, limits).unwrap();
    let mut longest = Duration::ZERO;
    let mut timed = |call: &mut dyn FnMut() -> Result<(), Fault>| {
        let since = Stopwatch::start();
        // That it fails is expected.
        drop(call());
        longest = longest.max(since.elapsed());
    };
    timed(&mut || component.describe().map(drop));
    let calls: [TimedCall; 6] = [
        |it| it.accumulate(&slots(), &[] as &[&Column]),
        |it| it.merge(&slots(), &slots().map(|slot| slot + SLOTS)),
        |it| it.evaluate(&slots()).map(drop),
        |it| it.snapshot(&slots()).map(drop),
        |it| {
            let states = it.snapshot(&slots())?;
            it.restore(1, &slots(), &states)
        },
        |it| it.release(&slots()),
    ];
    for call in calls {
        let versions = StateVersions { written: 1, restores: Vec::new() };
        let mut opened = None;
        timed(&mut || {
            opened = Some(component.open(&aggregate(), versions.clone())?);
            Ok(())
        });
        if let Some(instance) = &mut opened {
            timed(&mut || call(instance));
        }
    }
    longest
}

fn slots() -> [u32; SLOTS as usize] {
    std::array::from_fn(|slot| slot as u32)
}

/// The longest call of all, each called by so many threads at once, and whose it was.
fn longest_calls(runtime: &Runtime, hostiles: &[Hostile], threads: usize) -> (Duration, &'static str) {
    let longest = |hostile: &Hostile| {
        thread::scope(|scope| {
            let one = || scope.spawn(|| longest_call(runtime, hostile));
            let all: Vec<_> = std::iter::repeat_with(one).take(threads).collect();
            (all.into_iter().map(|one| one.join().unwrap()).max().unwrap(), hostile.name)
        })
    };
    hostiles.iter().map(longest).max().unwrap()
}

/// The bytes of memory that this process has.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    pages * PAGE
}

#[test]
fn each_call_ends_in_time() {
    let runtime = Runtime::new().unwrap();
    let longest = longest_calls(&runtime, &reducers::all(), 1);
    // The machine may be busy with other tests; the soak is stricter.
    assert!(longest.0 < 100 * LIMIT, "{longest:?}");
}

#[test]
#[ignore = "takes long: `make soak`"]
fn each_call_of_fifty_rounds_ends_within_50_ms_of_its_limit_and_memory_comes_back() {
    let (runtime, hostiles) = (Runtime::new().unwrap(), reducers::all());
    longest_calls(&runtime, &hostiles, 8);
    let before = resident();
    for round in 1..=50 {
        let longest = longest_calls(&runtime, &hostiles, 1);
        eprintln!("hostile reducers, round {round} of 50: the longest call took {longest:?}");
        assert!(longest.0 < LIMIT + Duration::from_millis(50), "{longest:?}");
    }
    let longest = longest_calls(&runtime, &hostiles, 8);
    let after = resident();
    eprintln!(
        "hostile reducers, 8 at once: the longest call took {longest:?}; memory {before} -> {after} bytes"
    );
    assert!(after < before + (64 << 20), "{before} -> {after} bytes");
}
