//! Files that are rotated: each row is in one of them once, whatever happens between two of them.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{fs::symlink, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;

use crate::{
    kept::{folder, over_events, program, rows, run, to_file, until_row},
    outcome,
};

/// Room for three rows of one digit.
const BYTES: &str = ", rotate_bytes = '24'";
const STATE: &[&str] = &["--state", "state"];
const POINTS: [&str; 4] =
    ["file.rotate.planned", "file.rotate.moved", "file.rotate.begun", "file.rotate.marked"];

fn line(n: u32) -> String {
    format!("{{\"n\":{n}}}\n")
}

fn lines(numbers: impl Iterator<Item = u32>) -> String {
    numbers.map(line).collect()
}

fn write_events(folder: &Path, numbers: impl Iterator<Item = u32>) {
    fs::write(folder.join("events.jsonl"), lines(numbers)).unwrap();
}

/// The files with a number, in their order.
fn closed(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut closed: Vec<PathBuf> =
        paths.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("rows.0")).collect();
    closed.sort();
    closed
}

fn names(folder: &Path) -> Vec<String> {
    closed(folder).iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

/// What they hold, and the last file behind them.
fn all_rows(folder: &Path) -> String {
    let files = closed(folder).into_iter().chain([folder.join("rows.jsonl")]);
    files.map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
}

#[test]
fn no_file_is_longer_than_it_may_be_and_no_row_is_divided() {
    for state in [&[][..], STATE] {
        let folder = folder(&to_file("v", BYTES));
        let path = folder.path();
        write_events(path, 1..6);
        assert_eq!(over_events(path, state), (0, String::new(), over_events_said(5)));
        assert_eq!(names(path), ["rows.000001.jsonl"]);
        assert_eq!(fs::read_to_string(path.join("rows.000001.jsonl")).unwrap(), lines(1..4));
        assert_eq!(rows(path), lines(4..6));
        // A row that is longer has a file of its own.
        program(path, &to_file("w", ", rotate_bytes = '8', mode = 'append'"));
        write_events(path, [7, 1000, 8].into_iter());
        let (exit, _, said) = over_events(path, state);
        assert_eq!(exit, 0, "{said}");
        assert_eq!(names(path).last().unwrap(), "rows.000004.jsonl");
        assert_eq!(fs::read_to_string(path.join("rows.000004.jsonl")).unwrap(), line(1000));
        assert_eq!(all_rows(path), lines([1, 2, 3, 4, 5, 7, 1000, 8].into_iter()));
    }
}

fn over_events_said(rows: usize) -> String {
    format!(
        "query 'v': rows=0 late=0 dead_letters=0\nquery 'insert_k_1': rows={rows} late=0 dead_letters=0\n\
         events={rows} rows={rows} late=0 dead_letters=0\n"
    )
}

#[test]
fn a_file_that_is_there_is_never_replaced_and_its_number_is_not_given_again() {
    for state in [&[][..], STATE] {
        let folder = folder(&to_file("v", ", rotate_bytes = '8'"));
        let path = folder.path();
        fs::write(path.join("rows.000041.jsonl"), "somebody's").unwrap();
        symlink("nowhere", path.join("rows.000042.jsonl")).unwrap();
        fs::create_dir(path.join("rows.43.jsonl")).unwrap();
        write_events(path, 1..4);
        let (exit, _, said) = over_events(path, state);
        assert_eq!(exit, 0, "{said}");
        assert_eq!(names(path)[1..], ["rows.000042.jsonl", "rows.000043.jsonl", "rows.000044.jsonl"]);
        assert_eq!(fs::read_to_string(path.join("rows.000041.jsonl")).unwrap(), "somebody's");
        assert_eq!(fs::read_to_string(path.join("rows.000043.jsonl")).unwrap(), line(1));
        assert_eq!(rows(path), line(3));
    }
    // A state knows its numbers when the files are gone.
    let folder = folder(&to_file("v", ", rotate_bytes = '8'"));
    let path = folder.path();
    (1..4).for_each(|n| until_row(path, n, &[]));
    closed(path).iter().for_each(|path| fs::remove_file(path).unwrap());
    until_row(path, 4, &[]);
    assert_eq!((names(path), all_rows(path)), (vec!["rows.000003.jsonl".to_owned()], lines(3..5)));
}

/// Lets a run abort where it passes a point the n-th time; whether it did.
fn crashes(folder: &Path, point: &str, turn: u32) -> bool {
    let mut command = run(folder, &["--input", "s=events.jsonl", "--checkpoint-interval", "1ms"]);
    let status =
        command.args(STATE).env("STREAMGAUGE_CRASH", format!("{point}:{turn}")).output().unwrap().status;
    assert!(status.success() || status.signal() == Some(6), "{status}");
    !status.success()
}

#[test]
fn a_run_that_is_killed_between_two_files_goes_on_in_the_right_one() {
    for point in POINTS {
        for turn in [1, 2, 5] {
            let folder = folder(&to_file("v", BYTES));
            let path = folder.path();
            write_events(path, 1..100);
            assert!(crashes(path, point, turn), "{point} is not passed {turn} times");
            // Again and again, each time a little further.
            for again in POINTS {
                crashes(path, again, 1);
            }
            let (exit, _, said) = over_events(path, STATE);
            assert_eq!(exit, 0, "{point}:{turn}: {said}");
            assert_eq!(all_rows(path), lines(1..100), "{point}:{turn}");
            for file in closed(path) {
                let length = fs::metadata(&file).unwrap().len();
                assert!(0 < length && length <= 24, "{point}:{turn}: {} has {length} bytes", file.display());
            }
        }
    }
}

#[test]
fn a_closed_file_may_be_taken_away_and_another_one_put_at_the_path_while_nothing_runs() {
    // It was renamed, and the mark says only that it was about to be.
    let folder = folder(&to_file("v", BYTES));
    let path = folder.path();
    write_events(path, 1..9);
    assert!(crashes(path, "file.rotate.moved", 1));
    assert!(!path.join("rows.jsonl").exists());
    assert_eq!(all_rows(path), lines(1..4));
    fs::remove_file(path.join("rows.000001.jsonl")).unwrap();
    let foreign = "{\"n\":77}\n";
    fs::write(path.join("rows.jsonl"), foreign).unwrap();
    let (exit, _, said) = over_events(path, STATE);
    assert_eq!((exit, all_rows(path).as_str()), (1, foreign), "{said}");
    assert!(
        said.contains("'rows.jsonl' holds 9 bytes behind the 0 bytes that this state knows of"),
        "{said}"
    );
    program(path, &to_file("v", &format!("{BYTES}, mode = 'append'")));
    let (exit, _, said) = over_events(path, STATE);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(all_rows(path), format!("{foreign}{}", lines(4..9)));
}

#[test]
fn rotation_may_be_switched_on_and_off_and_changed() {
    let folder = folder(&to_file("v", ""));
    let path = folder.path();
    until_row(path, 1, &[]);
    let marker = |path: &Path| {
        let copies = fs::read_dir(path.join("state/+outputs")).unwrap().map(|entry| entry.unwrap().path());
        copies.map(|copy| fs::read(copy).unwrap()[7]).max().unwrap()
    };
    assert_eq!(marker(path), 2, "without rotation markers are as they were");
    for (n, with) in [(4, BYTES), (6, ""), (9, ", rotate_bytes = '16'"), (11, ", rotate_every = '1 hour'")] {
        program(path, &to_file("v", with));
        until_row(path, n, &[]);
        assert_eq!(all_rows(path), lines(1..=n), "{with}");
    }
    assert_eq!(marker(path), 3);
    let lengths: Vec<u64> = closed(path).iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert_eq!(lengths, [24, 24, 16], "{:?}", names(path));
    // The path changes: the numbers of the other files count.
    fs::rename(path.join("rows.jsonl"), path.join("rows.moved")).unwrap();
    program(path, &to_file("v", ", rotate_bytes = '8'").replace("rows.jsonl", "rows.moved"));
    write_events(path, 1..14);
    let (exit, _, said) = over_events(path, STATE);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(fs::read_to_string(path.join("rows.moved")).unwrap(), line(13));
    assert!(path.join("rows.000005.moved").exists(), "{:?}", names(path));
}

#[test]
fn several_statements_and_sinks_write_to_one_rotated_file() {
    for state in [&[][..], STATE] {
        let two = |with: &str| {
            format!(
                "{}CREATE SINK l WITH (connector = 'file', path = './rows.jsonl'{with});
                CREATE VIEW w AS SELECT n + 100 AS n FROM s;
                INSERT INTO k SELECT n FROM w; INSERT INTO l SELECT n FROM w;",
                to_file("v", BYTES)
            )
        };
        let folder = folder(&two(""));
        let path = folder.path();
        write_events(path, 1..50);
        let (exit, _, said) = over_events(path, state);
        assert_eq!(exit, 2, "{said}");
        assert!(
            said.contains("sinks 'k' and 'l' write to 'rows.jsonl', and rotate it differently"),
            "{said}"
        );
        program(path, &two(BYTES));
        let (exit, _, said) = over_events(path, state);
        assert_eq!(exit, 0, "{said}");
        let found = all_rows(path);
        for (n, times) in (1..50).map(|n| (n, 1)).chain((101..150).map(|n| (n, 2))) {
            assert_eq!(found.lines().filter(|row| **row == *line(n).trim_end()).count(), times, "row {n}");
        }
        assert_eq!(found.lines().count(), 49 * 3);
        assert!(closed(path).iter().all(|path| fs::metadata(path).unwrap().len() <= 24));
    }
}

#[test]
fn a_file_that_is_old_is_closed_even_if_no_row_comes() {
    for state in [&[][..], STATE] {
        let folder = folder(&to_file("v", ", rotate_every = '1 second'"));
        let path = folder.path();
        let mut child = run(path, &["--input", "s=-"]).args(state).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        for n in 1..3 {
            input.write_all(line(n).as_bytes()).unwrap();
            let since = Stopwatch::start();
            while closed(path).len() < n as usize {
                assert_eq!(child.try_wait().unwrap(), None, "it ended before file {n}");
                assert!(since.elapsed() < Duration::from_secs(30), "file {n} is not closed");
            }
            assert_eq!(fs::read_to_string(&closed(path)[n as usize - 1]).unwrap(), line(n));
        }
        drop(input);
        assert!(child.wait().unwrap().success());
        assert_eq!((rows(path).as_str(), closed(path).len()), ("", 2), "an empty file is not rotated");
    }
}

#[test]
fn where_rows_go_elsewhere_rotation_has_no_effect_and_that_is_said() {
    for state in [&[][..], STATE] {
        let folder = folder(&to_file("v", BYTES));
        let path = folder.path();
        write_events(path, 1..9);
        let arguments = [state, &["--output", "k=other.jsonl"]].concat();
        let (exit, _, said) = over_events(path, &arguments);
        assert_eq!(exit, 0, "{said}");
        assert!(
            said.contains("sink 'k': rotate_bytes and rotate_every have no effect: --output names"),
            "{said}"
        );
        assert_eq!(fs::read_to_string(path.join("other.jsonl")).unwrap(), lines(1..9));
        program(path, &to_file("u", BYTES).replace("rows.jsonl", "/dev/stdout"));
        let (exit, found, said) = over_events(path, state);
        assert_eq!((exit, found), (0, lines(1..9)), "{said}");
        assert!(said.contains("have no effect: it writes to no regular file"), "{said}");
        assert!(closed(path).is_empty());
    }
}

#[test]
fn a_file_that_cannot_be_rotated_holds_up_its_rows_until_it_can() {
    let folder = folder(&to_file("v", BYTES));
    let path = folder.path();
    let mut child = run(path, &["--input", "s=-"])
        .args(STATE)
        .stdin(Stdio::piped())
        .stderr(File::create(path.join("said")).unwrap())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut until = |rows: &str, what: &str, done: &dyn Fn() -> bool| {
        input.write_all(rows.as_bytes()).unwrap();
        let since = Stopwatch::start();
        while !done() {
            assert_eq!(child.try_wait().unwrap(), None, "it ended before {what}");
            assert!(since.elapsed() < Duration::from_secs(30), "{what} takes too long");
        }
    };
    until(&lines(1..4), "the file is full", &|| all_rows(path) == lines(1..4));
    // Somebody moves it away and puts another one there.
    fs::rename(path.join("rows.jsonl"), path.join("rows.000000.jsonl")).unwrap();
    fs::write(path.join("rows.jsonl"), "theirs").unwrap();
    let said = || fs::read_to_string(path.join("said")).unwrap();
    until(&lines(4..6), "that is told", &|| {
        said().contains("cannot write to rows.jsonl: it cannot be rotated: another file")
    });
    assert_eq!(rows(path), "theirs");
    fs::remove_file(path.join("rows.jsonl")).unwrap();
    until("", "rows go on", &|| path.join("rows.jsonl").exists() && rows(path) == lines(4..6));
    drop(input);
    assert!(child.wait().unwrap().success());
    assert_eq!(all_rows(path), lines(1..6));
    assert_eq!(outcome(&mut run(path, &["--input", "s=-", "--state", "state"])).0, 0);
}
