//! What a log promises while nothing is damaged.

use std::{
    env, fs,
    process::{Command, Stdio},
};

use streamgauge_state::{error::StateError, log::Log, store::Store};

use crate::image::{of_folder, open, scratch, to_folder};

fn payload(number: u64) -> Vec<u8> {
    format!("entry {number} {}", "x".repeat((number * 37 % 500) as usize)).into_bytes()
}

fn append(log: &mut Log, count: u64) {
    for _ in 0..count {
        let index = log.next_index();
        assert_eq!(log.append(&payload(index)).unwrap(), index);
    }
}

/// The log's last entry; all that are there are right.
fn last(log: &Log, from: Option<u64>) -> u64 {
    let recovered = log.recovered(from).unwrap();
    assert_eq!(recovered.notices, [""; 0]);
    for (entry, index) in recovered.entries.iter().zip(from.unwrap_or(1)..) {
        assert_eq!((entry.index, &entry.payload), (index, &payload(index)));
    }
    recovered.entries.last().map_or(from.unwrap_or(1) - 1, |entry| entry.index)
}

#[test]
fn entries_come_back_over_segments_rotations_and_openings() {
    let folder = scratch();
    let memory = Store::memory().unwrap();
    for store in [open(&folder), memory.folder("q").unwrap()] {
        let mut log = Log::open(&store, 7).unwrap();
        assert!(log.is_new());
        append(&mut log, 10);
        log.sync().unwrap();
        append(&mut log, 10);
        log.sync().unwrap();
        log.rotate().unwrap();
        log.rotate().unwrap();
        append(&mut log, 5);
        log.rotate().unwrap();
        append(&mut log, 5);
        log.sync().unwrap();
        drop(log);
        for _ in 0..3 {
            let log = Log::open(&store, 7).unwrap();
            assert!(!log.is_new());
            assert_eq!(log.next_index(), 31);
            assert_eq!(last(&log, None), 30);
            assert_eq!(last(&log, Some(22)), 30);
            assert_eq!(last(&log, Some(31)), 30);
            assert!(matches!(log.recovered(Some(32)), Err(StateError::Missing { .. })));
        }
        let mut log = Log::open(&store, 7).unwrap();
        append(&mut log, 2);
        log.sync().unwrap();
        assert_eq!(last(&log, None), 30, "when it was opened");
        log.remove_below(21).unwrap();
        log.rotate().unwrap();
        append(&mut log, 1);
        log.sync().unwrap();
        assert_eq!(last(&log, Some(21)), 30, "when it was opened");
        drop(log);
        let log = Log::open(&store, 7).unwrap();
        assert_eq!(last(&log, Some(21)), 33);
        assert!(matches!(log.recovered(Some(20)), Err(StateError::Missing { .. })), "it was removed");
        assert!(matches!(log.recovered(None), Err(StateError::Missing { .. })), "it does not begin at 1");
        drop(log);
        assert!(matches!(Log::open(&store, 8), Err(StateError::Foreign { .. })));
    }
}

#[test]
fn a_lazy_entry_survives_the_process_and_an_appended_one_need_not() {
    let folder = scratch();
    let store = open(&folder);
    let mut log = Log::open(&store, 7).unwrap();
    append(&mut log, 3);
    log.sync().unwrap();
    append(&mut log, 1);
    log.write_lazily(&payload(5)).unwrap();
    append(&mut log, 1);
    drop(log);
    let log = Log::open(&store, 7).unwrap();
    assert_eq!(last(&log, None), 5);
}

#[test]
fn a_long_log_is_cut_into_segments_and_empty_ones_do_not_pile_up() {
    let folder = scratch();
    let store = open(&folder);
    let mut log = Log::open(&store, 7).unwrap();
    let large = vec![1; 3 << 20];
    for _ in 0..12 {
        log.append(&large).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    let files = of_folder(&folder);
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["log-00000000000000000001", "log-00000000000000000007", "log-00000000000000000013"]);
    assert_eq!(
        files[names[0]].len(),
        3 * 4096 + 6 * ((3 << 20) + 20),
        "what was written ahead is given back"
    );
    for _ in 0..5 {
        let mut log = Log::open(&store, 7).unwrap();
        assert_eq!(log.recovered(None).unwrap().entries.len(), 12);
        assert!(matches!(log.append(&vec![0; (64 << 20) + 1]), Err(StateError::TooLarge { .. })));
    }
    assert_eq!(of_folder(&folder).len(), 3);
}

#[test]
fn a_log_has_one_writer_in_a_process_too() {
    let folder = scratch();
    let store = open(&folder);
    let log = Log::open(&store, 7).unwrap();
    let error = Log::open(&store, 7).err().unwrap();
    assert!(matches!(&error, StateError::InUse { by, .. } if by.contains("this one")), "{error}");
    drop(log);
    Log::open(&store, 7).unwrap();
}

/// Runs in a process of its own, in which files cannot grow beyond a limit.
#[test]
fn child_that_fills_the_disk() {
    let Some(place) = env::var_os("STATE_TEST_FILLS") else { return };
    let store = Store::open(place.to_str().unwrap()).unwrap().folder("query").unwrap();
    let mut log = Log::open(&store, 7).unwrap();
    let mut synced = 0;
    let error = loop {
        append(&mut log, 50);
        match log.sync() {
            Ok(()) => synced = log.next_index() - 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StateError::File { doing: "write", .. }), "{error}");
    // It is not tried again, however often one asks.
    assert!(matches!(log.sync(), Err(StateError::Broken { .. })));
    assert!(matches!(log.append(b"x"), Err(StateError::Broken { .. })));
    assert!(matches!(log.write_lazily(b"x"), Err(StateError::Broken { .. })));
    assert!(matches!(log.rotate(), Err(StateError::Broken { .. })));
    println!("synced={synced}.");
}

#[test]
fn after_a_failed_write_nothing_is_written_and_all_that_was_synced_is_there() {
    let folder = scratch();
    let limited =
        "trap '' XFSZ; ulimit -f 3000; exec \"$0\" --exact log::child_that_fills_the_disk --nocapture";
    let child = Command::new("bash")
        .args(["-c", limited])
        .arg(env::current_exe().unwrap())
        .env("STATE_TEST_FILLS", folder.path())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{told}");
    let synced: u64 = told.split_once("synced=").unwrap().1.split_once('.').unwrap().0.parse().unwrap();
    assert!(synced > 1000, "{synced}");
    let log = Log::open(&open(&folder), 7).unwrap();
    let recovered = log.recovered(None).unwrap();
    assert!(recovered.entries.len() as u64 >= synced);
    assert!(recovered.entries.iter().all(|entry| entry.payload == payload(entry.index)));
}

#[test]
fn a_segment_that_was_being_made_and_files_of_others_are_no_part_of_the_log() {
    let folder = scratch();
    let mut log = Log::open(&open(&folder), 7).unwrap();
    append(&mut log, 3);
    log.sync().unwrap();
    drop(log);
    let mut image = of_folder(&folder);
    image.insert("log-00000000000000000004.new".into(), vec![1; 100]);
    image.insert("log-1".into(), vec![1; 100]);
    image.insert("notes".into(), vec![1; 100]);
    let folder = to_folder(&image);
    let log = Log::open(&open(&folder), 7).unwrap();
    let recovered = log.recovered(None).unwrap();
    assert_eq!(recovered.entries.len(), 3);
    assert_eq!(recovered.notices.len(), 1);
    assert!(recovered.notices[0].contains("/log-1\" is no part of the log"), "{:?}", recovered.notices);
    assert!(!fs::exists(folder.path().join("query/log-00000000000000000004.new")).unwrap());
}
