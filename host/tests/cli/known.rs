//! Files that a state writes to: what a killed run left in them, what others wrote, and other paths that lead to them.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;

use crate::{
    kept::{ROWS, folder, numbers, over_events, program, rows, run, to_file, until_row},
    outcome,
};

const APPEND: &str = ", mode = 'append'";
const OVERWRITE: &str = ", mode = 'overwrite'";
const FOREIGN: &str = "{\"n\":77}\n";

fn add(folder: &Path, text: &str) {
    File::options().append(true).open(folder.join("rows.jsonl")).unwrap().write_all(text.as_bytes()).unwrap();
}

/// A run with the state on an empty input.
fn again(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let (exit, _, said) = outcome(run(folder, &["--input", "s=-", "--state", "state"]).args(arguments));
    (exit, said)
}

/// As [`until_row`], but killed after the row `n` was written and before its mark was: the copy of the marker that would be
/// written cannot be.
fn until_unmarked_row(folder: &Path, n: u64, arguments: &[&str]) {
    let markers = fs::read_dir(folder.join("state/+outputs")).unwrap().map(|entry| entry.unwrap().path());
    let turn = |path: &PathBuf| {
        fs::read(path).unwrap().get(8..16).map(|turn| u64::from_le_bytes(turn.try_into().unwrap()))
    };
    let next = markers.min_by_key(turn).unwrap();
    fs::remove_file(&next).unwrap();
    symlink("/there/is/no/such/folder", &next).unwrap();
    let mut child = run(folder, &["--input", "s=-", "--state", "state"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let events: String = (1..=n).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    child.stdin.as_mut().unwrap().write_all(events.as_bytes()).unwrap();
    let since = Stopwatch::start();
    while !rows(folder).ends_with(&format!("{{\"n\":{n}}}\n")) {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before row {n}");
        assert!(since.elapsed() < Duration::from_secs(30), "row {n} does not come");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(&next).unwrap();
}

#[test]
fn what_a_killed_run_was_writing_is_written_once_whatever_the_mode() {
    for (with, arguments, left) in
        [("", &["--overwrite", "k"][..], 16), ("", &[], 11), (APPEND, &[], 8 + 5), (OVERWRITE, &[], 16)]
    {
        let folder = folder(&to_file("v", with));
        let path = folder.path();
        until_row(path, 1, arguments);
        until_unmarked_row(path, 2, arguments);
        File::options().write(true).open(path.join("rows.jsonl")).unwrap().set_len(left).unwrap();
        until_row(path, 3, arguments);
        assert_eq!(numbers(path), [1, 2, 3], "{with} {left}");
    }
}

#[test]
fn what_others_wrote_behind_the_rows_of_a_state_is_not_cut() {
    for with in ["", OVERWRITE] {
        let folder = folder(&to_file("v", with));
        let path = folder.path();
        until_row(path, 1, &[]);
        add(path, FOREIGN);
        let (exit, said) = again(path, &[]);
        assert_eq!((exit, numbers(path)), (1, vec![1, 77]), "{said}");
        assert!(
            said.contains("'rows.jsonl' holds 9 bytes behind the 8 bytes that this state knows of"),
            "{said}"
        );
        assert!(said.contains("add --overwrite k to remove them: the 8 bytes stay"), "{said}");
        // Each way out is one.
        program(path, &to_file("v", APPEND));
        until_row(path, 2, &[]);
        assert_eq!(numbers(path), [1, 77, 2]);
        add(path, FOREIGN);
        until_row(path, 3, &["--overwrite", "k"]);
        assert_eq!(numbers(path), [1, 77, 2, 3]);
    }
    // A run without state, and another state.
    let folder = folder(&to_file("v", APPEND));
    let path = folder.path();
    until_row(path, 1, &[]);
    assert_eq!(over_events(path, &[]).0, 0);
    until_row(path, 3, &[]);
    assert_eq!(over_events(path, &["--state", "other"]).0, 0);
    until_row(path, 4, &[]);
    assert_eq!(numbers(path), [1, 1, 2, 2, 3, 1, 2, 4]);
    // Rows that were being written and something else behind them: they would be there twice.
    until_unmarked_row(path, 5, &[]);
    add(path, FOREIGN);
    let before = rows(path);
    let (exit, said) = again(path, &[]);
    assert_eq!((exit, rows(path)), (1, before), "{said}");
    until_row(path, 6, &["--overwrite", "k"]);
    assert_eq!(numbers(path), [1, 1, 2, 2, 3, 1, 2, 4, 5, 6]);
}

#[test]
fn another_file_at_the_path_of_a_known_one_is_not_cut() {
    for with in [APPEND, OVERWRITE] {
        let folder = folder(&to_file("v", with));
        let path = folder.path();
        until_row(path, 1, &[]);
        fs::rename(path.join("rows.jsonl"), path.join("rows.1")).unwrap();
        let other = FOREIGN.repeat(1000);
        fs::write(path.join("rows.jsonl"), &other).unwrap();
        let (exit, said) = again(path, &[]);
        assert!((exit, rows(path)) == (3, other), "{said}");
        assert!(
            said.contains("its first 8 bytes do not end as those that were written to it before"),
            "{said}"
        );
        // It is brought back as a copy.
        fs::copy(path.join("rows.1"), path.join("rows.jsonl")).unwrap();
        until_row(path, 2, &[]);
        assert_eq!(rows(path), ROWS);
    }
}

#[test]
fn a_file_is_known_by_whatever_path_leads_to_it() {
    let to = |to: &str, with: &str| to_file("v", with).replace("rows.jsonl", to);
    for (with, arguments) in [("", &[][..]), ("", &["--overwrite", "k"]), (APPEND, &[]), (OVERWRITE, &[])] {
        let folder = folder("");
        let [mut path, moved] = ["proj", "p2"].map(|name| folder.path().join(name));
        fs::create_dir_all(path.join("sub")).unwrap();
        program(&path, &to("rows.jsonl", with));
        until_row(&path, 1, arguments);
        symlink("rows.jsonl", path.join("link")).unwrap();
        fs::hard_link(path.join("rows.jsonl"), path.join("hard")).unwrap();
        for (n, name) in [(2, "sub/../rows.jsonl"), (3, "link"), (4, "hard")] {
            program(&path, &to(name, with));
            until_row(&path, n, arguments);
        }
        fs::rename(&path, &moved).unwrap();
        path = moved;
        until_row(&path, 5, arguments);
        until_unmarked_row(&path, 6, arguments);
        program(&path, &to("rows.jsonl", with));
        until_row(&path, 7, arguments);
        assert_eq!(numbers(&path), [1, 2, 3, 4, 5, 6, 7], "{with} {arguments:?}");
        assert_eq!(fs::read_dir(path.join("state/+outputs")).unwrap().count(), 2, "no marker is left behind");
        // A copy elsewhere goes on, too.
        fs::copy(path.join("rows.jsonl"), path.join("copy")).unwrap();
        program(&path, &to("copy", with));
        fs::write(path.join("events.jsonl"), (1..9).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>())
            .unwrap();
        let (exit, _, said) = over_events(&path, &[&["--state", "state"], arguments].concat());
        assert_eq!(exit, 0, "{said}");
        assert_eq!(fs::read_to_string(path.join("copy")).unwrap(), rows(&path) + "{\"n\":8}\n");
    }
}

#[test]
fn where_rows_were_written_before_is_said() {
    let folder = folder(&to_file("v", ""));
    let path = folder.path();
    until_row(path, 1, &[]);
    program(path, &to_file("v", "").replace("rows.jsonl", "more.jsonl"));
    fs::write(path.join("more.jsonl"), FOREIGN).unwrap();
    let (exit, said) = again(path, &[]);
    assert_eq!(exit, 1, "{said}");
    let before = fs::canonicalize(path.join("rows.jsonl")).unwrap();
    let why = format!("knows nothing of: its rows were written as '{}'", before.display());
    assert!(said.contains(&why), "{said}");
}

#[test]
fn rows_wait_for_the_reader_of_a_named_pipe() {
    for arguments in [&[][..], &["--state", "state"]] {
        let folder = folder(&to_file("v", ""));
        let path = folder.path();
        assert!(Command::new("mkfifo").arg(path.join("rows.jsonl")).status().unwrap().success());
        let mut child = run(path, &["--input", "s=events.jsonl"]).args(arguments).spawn().unwrap();
        let since = Stopwatch::start();
        // Long enough for a run that does not wait to end.
        while since.elapsed() < Duration::from_millis(700) {
            assert_eq!(child.try_wait().unwrap(), None, "it does not wait for a reader");
        }
        let mut got = String::new();
        File::open(path.join("rows.jsonl")).unwrap().read_to_string(&mut got).unwrap();
        assert_eq!(got, ROWS);
        assert!(child.wait().unwrap().success());
    }
}
