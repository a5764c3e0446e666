//! Files of dead letters: what is appended to them, and what is never touched for their sake.

use std::{fs, path::Path, process::Stdio};

use tempfile::TempDir;

use crate::{outcome, streamgauge};

const PROGRAM: &str = "CREATE SOURCE s (n BIGINT) \
    WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
    CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');
    INSERT INTO k SELECT n FROM s;";
const LETTER: &str = "{\"source\":\"s\",\"query\":\"q\",\"partition\":0,\"offset\":1,\"reason\":\"late\",\"message\":\"\",\"record\":\"\"}\n";

/// A folder with a program, and events of two days in which the same line cannot be used.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), PROGRAM).unwrap();
    for day in ["mon", "tue"] {
        let events = format!("{{\"n\":1}}\n{{\"n\":\"{day}\"}}\n");
        fs::write(folder.path().join(format!("{day}.jsonl")), events).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments).stdin(Stdio::null());
    let (exit, _, said) = outcome(&mut command);
    (exit, said)
}

/// Runs over a day's events without state; the rows go nowhere.
fn over(day: &str, folder: &Path) {
    let input = format!("s={day}.jsonl");
    let (exit, said) = run(folder, &["--input", &input, "--output", "k=/dev/null", "--dead-letters", "dl"]);
    assert_eq!((exit, said.lines().last()), (0, Some("events=2 rows=1 late=0 dead_letters=1")), "{said}");
}

/// Which days' records the dead letters are of.
fn days(folder: &Path) -> Vec<&'static str> {
    let letters = fs::read_to_string(folder.join("dl")).unwrap();
    let day = |line: &str| {
        let letter: serde_json::Value = serde_json::from_str(line).unwrap();
        if letter.get("record").unwrap().to_string().contains("mon") { "mon" } else { "tue" }
    };
    letters.lines().map(day).collect()
}

#[test]
fn a_run_without_state_appends_all_of_its_letters() {
    let folder = folder();
    for day in ["mon", "tue", "mon", "mon"] {
        over(day, folder.path());
    }
    assert_eq!(days(folder.path()), ["mon", "tue", "mon", "mon"]);
}

#[test]
fn letters_are_known_only_to_the_state_that_goes_on() {
    let folder = folder();
    let path = folder.path();
    let with_state = |day: &str| {
        let input = format!("s={day}.jsonl");
        let arguments = ["--dead-letters", "dl", "--state", "state", "--overwrite", "k"];
        let (exit, said) = run(path, &[&["--input", input.as_str()], &arguments[..]].concat());
        assert_eq!(exit, 0, "{said}");
        let last = said.lines().last().unwrap();
        assert!(last.starts_with("events=2 rows=1 late=0 "), "it reads all: {said}");
        last.rsplit_once('=').unwrap().1.to_owned()
    };
    over("mon", path);
    assert_eq!(with_state("mon"), "1", "an earlier run without state wrote the same one");
    assert_eq!(days(path), ["mon", "mon"]);
    // As after a crash before the first checkpoint.
    for entry in fs::read_dir(path.join("state/insert_k_1")).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_name().to_string_lossy().starts_with("checkpoint-") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    assert_eq!(with_state("mon"), "0", "it is a replay");
    assert_eq!(days(path), ["mon", "mon"]);
    // Another course of the same query.
    fs::remove_dir_all(path.join("state")).unwrap();
    assert_eq!(with_state("tue"), "1");
    fs::remove_dir_all(path.join("state")).unwrap();
    assert_eq!(with_state("mon"), "1");
    assert_eq!(days(path), ["mon", "mon", "tue", "mon"]);
}

#[test]
fn a_file_that_holds_something_else_is_not_appended_to() {
    let folder = folder();
    let notes = "a note of mine\n".repeat(50);
    for holds in [notes.as_str(), "a note", "{\"source\":\"mine\"}\n"] {
        fs::write(folder.path().join("notes.txt"), holds).unwrap();
        let (exit, said) = run(folder.path(), &["--input", "s=mon.jsonl", "--dead-letters", "notes.txt"]);
        assert_eq!(exit, 1, "{said}");
        assert!(
            said.starts_with("error: cannot append dead letters to 'notes.txt': it holds something else"),
            "{said}"
        );
        assert!(said.contains("help: name another file for dead letters"), "{said}");
        assert_eq!(fs::read_to_string(folder.path().join("notes.txt")).unwrap(), holds);
    }
}

#[test]
fn the_older_letters_replace_nothing_that_is_read_or_written_or_no_file() {
    let folder = folder();
    let path = folder.path();
    let garbage: String = (0..500).map(|n| format!("{{\"source\":\"not dead, {n}\"}}\n")).collect();
    let refused = |arguments: &[&str], status, why: &str| {
        let bound = ["--dead-letters", "dl", "--dead-letters-max-bytes", "64KiB"];
        let (exit, said) = run(path, &[arguments, &bound].concat());
        assert_eq!(exit, status, "{said}");
        assert!(said.contains(why) && said.contains("help: name another file"), "{said}");
    };
    for state in [&[][..], &["--state", "state"]] {
        let arguments = [&["--input", "s=mon.jsonl", "--output", "k=dl.1"], state].concat();
        refused(&arguments, 2, "'dl.1', which is written to, is the same file");
        assert_eq!(fs::metadata(path.join("dl.1")).unwrap().len(), 0);
        fs::remove_file(path.join("dl.1")).unwrap();
    }
    for events in [&garbage, LETTER] {
        fs::write(path.join("dl.1"), events).unwrap();
        refused(&["--input", "s=dl.1"], 2, "'dl.1', which is read, is the same file");
        assert_eq!(&fs::read_to_string(path.join("dl.1")).unwrap(), events);
    }
    fs::write(path.join("dl.1"), &garbage).unwrap();
    refused(&["--input", "s=mon.jsonl"], 1, "dl.1', which holds no dead letters");
    assert_eq!(fs::read_to_string(path.join("dl.1")).unwrap(), garbage);
    fs::remove_file(path.join("dl.1")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("dl.1"), rustix::fs::Mode::RWXU).unwrap();
    refused(&["--input", "s=mon.jsonl"], 1, "dl.1', which is no regular file");
}

#[test]
fn a_letter_that_was_not_finished_is_cut_off_and_that_is_said() {
    let folder = folder();
    let path = folder.path();
    for state in [&[][..], &["--state", "state"]] {
        fs::write(path.join("dl"), [LETTER, &LETTER[..40]].concat()).unwrap();
        let arguments = ["--input", "s=mon.jsonl", "--overwrite", "k", "--dead-letters", "dl"];
        let (exit, said) = run(path, &[&arguments, state].concat());
        assert_eq!(exit, 0, "{said}");
        assert!(
            said.contains("'dl' ended in one that an earlier run did not finish: it is cut off"),
            "{said}"
        );
        let letters = fs::read_to_string(path.join("dl")).unwrap();
        assert_eq!(letters.lines().count(), 2, "{letters}");
        assert!(letters.starts_with(LETTER) && letters.ends_with("}\n"), "{letters}");
    }
}
