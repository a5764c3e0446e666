//! The process ends at each of the named points, again and again; what it had told is there.

use std::{
    env,
    process::{Command, Stdio},
};

use streamgauge_state::{checkpoint::Checkpoints, log::Log, store::Store};
use tempfile::TempDir;

use crate::image::{open, scratch};

const POINTS: [&str; 13] = [
    "log.before_append",
    "log.after_append",
    "log.before_sync",
    "log.after_sync",
    "log.before_mark",
    "log.after_mark",
    "log.rotate.created",
    "log.remove",
    "checkpoint.before_data",
    "checkpoint.after_data",
    "checkpoint.before_manifest",
    "checkpoint.after_manifest",
    "checkpoint.retain",
];

fn payload(index: u64) -> Vec<u8> {
    index.to_string().repeat(index as usize % 50 + 1).into_bytes()
}

/// Recovers: where the newest checkpoint stands and how far the log goes. All of it is right.
fn recover(store: &Store) -> (Log, Checkpoints, u64) {
    let log = Log::open(store, 7).unwrap();
    let checkpoints = Checkpoints::open(store, 7, log.epoch()).unwrap();
    let position = checkpoints.newest().unwrap().map(|found| {
        assert_eq!(found.notices, [""; 0]);
        u64::from_le_bytes(found.payload[..].try_into().unwrap())
    });
    let recovered = log.recovered(position).unwrap();
    assert_eq!(recovered.notices, [""; 0]);
    assert!(recovered.entries.iter().all(|entry| entry.payload == payload(entry.index)));
    (log, checkpoints, position.unwrap_or(0))
}

/// Runs in a process of its own, until it crashes: appends, syncs, makes checkpoints, and tells what is done.
#[test]
fn child_that_crashes() {
    let Some(place) = env::var_os("STATE_TEST_CRASHES") else { return };
    let store = Store::open(place.to_str().unwrap()).unwrap().folder("query").unwrap();
    let (mut log, mut checkpoints, _) = recover(&store);
    for turn in 1..40 {
        for _ in 0..turn % 4 {
            log.append(&payload(log.next_index())).unwrap();
        }
        log.write_lazily(&payload(log.next_index())).unwrap();
        log.sync().unwrap();
        println!("\nsynced {}", log.next_index());
        if turn % 5 == 0 {
            log.rotate().unwrap();
            let position = log.next_index();
            let begun = checkpoints.begin(vec![payload(position)]).unwrap();
            let needed = begun.generation;
            let generation = checkpoints.finish(begun, &position.to_le_bytes()).unwrap();
            println!("\ncheckpoint {position}");
            checkpoints.retain(&[generation], &[needed]).unwrap();
            log.remove_below(position).unwrap();
        }
    }
    panic!("it was to crash");
}

/// Runs it to its end; the last numbers it told.
fn crash(folder: &TempDir, point: &str, turn: u32) -> (u64, u64) {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "points::child_that_crashes", "--nocapture"])
        .env("STATE_TEST_CRASHES", folder.path())
        .env("STREAMGAUGE_CRASH", format!("{point}:{turn}"))
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.code().is_none(), "{point} was not passed {turn} times: {error}");
    let told = String::from_utf8(child.stdout).unwrap();
    let last = |what: &str| {
        let numbers = told.lines().filter_map(|line| line.strip_prefix(what)?.trim().parse().ok());
        numbers.max().unwrap_or(0)
    };
    (last("synced"), last("checkpoint"))
}

#[test]
fn what_was_told_before_a_crash_is_there_after_it() {
    for point in POINTS {
        let folder = scratch();
        for turn in [1, 2, 3, 1] {
            let (synced, checkpoint) = crash(&folder, point, turn);
            let (log, _, position) = recover(&open(&folder));
            assert!(log.next_index() >= synced, "{point}: {} < {synced}", log.next_index());
            assert!(position >= checkpoint, "{point}: {position} < {checkpoint}");
        }
    }
}
