//! Operators over rows of closed windows: what they give, and what becomes of their state when the program changes.

use std::{fmt::Write as _, fs, io::Write as _, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use crate::{kept::run, outcome};

const SOURCE: &str = "CREATE SOURCE s (n BIGINT, model TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (
    connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_s');
    CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');\n";
const VIEW: &str = "CREATE VIEW v AS SELECT window_end, model, sum(n) AS n
    FROM TUMBLE(s, ts, INTERVAL '1' SECOND) GROUP BY window_end, model;\n";
const NUMBERED: &str = "CREATE VIEW numbered AS
    SELECT n, row_number() OVER (PARTITION BY model ORDER BY window_end) AS number FROM v WHERE n <> 4;\n";
const INSERT: &str = "INSERT INTO k SELECT * FROM numbered;\n";

fn folder(statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), statements);
    folder
}

fn program(folder: &Path, statements: &str) {
    fs::write(folder.join("query.sql"), format!("{SOURCE}{statements}")).unwrap();
}

/// Event `n` is of the second `n` and of one of three models, in turn.
fn events(upto: u32) -> String {
    (1..=upto).fold(String::new(), |mut events, n| {
        let model = n % 3;
        writeln!(events, "{{\"n\":{n},\"model\":\"model {model}\",\"ts\":{n}}}").unwrap();
        events
    })
}

/// What is in the file: each row's `n` and number.
fn rows(folder: &Path) -> Vec<(i64, Option<i64>)> {
    let text = fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).ok()?;
        Some((row.pointer("/n")?.as_i64()?, row.pointer("/number").and_then(Value::as_i64)))
    };
    text.lines().map_while(row).collect()
}

/// What a plain count gives for the events up to `upto`, where number 4 is left out.
fn expected(upto: u32) -> Vec<(i64, Option<i64>)> {
    let kept = |n: &u32| *n != 4;
    let number = |n: u32| (1..=n).filter(|earlier| kept(earlier) && earlier % 3 == n % 3).count();
    (1..=upto).filter(kept).map(|n| (i64::from(n), i64::try_from(number(n)).ok())).collect()
}

/// Runs on the events up to `n` and one more, which closes the window of the last, until that one's row is in the file; then kills.
/// What it said on standard error.
fn until_row(folder: &Path, n: u32) -> String {
    let before = newest_checkpoint(folder);
    let mut child = run(folder, &["--input", "s=-", "--state", "state", "--checkpoint-interval", "5ms"])
        .stdin(Stdio::piped())
        .stderr(fs::File::create(folder.join("said")).unwrap())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(events(n + 1).as_bytes()).unwrap();
    let since = Stopwatch::start();
    while rows(folder).last().is_none_or(|&(last, _)| last < i64::from(n)) {
        assert_eq!(child.try_wait().unwrap(), None, "{}", fs::read_to_string(folder.join("said")).unwrap());
        assert!(since.elapsed() < Duration::from_secs(30), "row {n} does not come");
    }
    // A checkpoint that was begun after the row was decided: no other one follows, since nothing more comes.
    let (mut checkpoint, mut last) = (newest_checkpoint(folder), Stopwatch::start());
    while checkpoint == before || last.elapsed() < Duration::from_millis(300) {
        assert!(since.elapsed() < Duration::from_secs(30), "no checkpoint is written");
        let newest = newest_checkpoint(folder);
        if newest != checkpoint {
            (checkpoint, last) = (newest, Stopwatch::start());
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::read_to_string(folder.join("said")).unwrap()
}

/// The number of the newest checkpoint of 'v'; 0 where there is none.
fn newest_checkpoint(folder: &Path) -> u64 {
    let files = fs::read_dir(folder.join("state/v")).into_iter().flatten().flatten();
    let numbers =
        files.filter_map(|file| file.file_name().to_str()?.strip_prefix("checkpoint-")?.parse().ok());
    numbers.max().unwrap_or(0)
}

#[test]
fn numbers_go_on_where_a_killed_run_left() {
    let folder = folder(&[VIEW, NUMBERED, INSERT].concat());
    let path = folder.path();
    for n in [1, 2, 3, 7, 8, 30] {
        until_row(path, n);
        assert_eq!(rows(path), expected(n), "after {n}");
    }
    fs::write(path.join("all.jsonl"), events(40)).unwrap();
    let (exit, _, said) = outcome(&mut run(path, &["--input", "s=all.jsonl", "--state", "state"]));
    assert_eq!((exit, rows(path)), (0, expected(40)), "{said}");
}

#[test]
fn a_state_is_refused_where_its_operators_saw_other_rows() {
    let folder = folder(&[VIEW, NUMBERED, INSERT].concat());
    let path = folder.path();
    until_row(path, 5);
    let view = |from: &str, to: &str| [&VIEW.replace(from, to), NUMBERED, INSERT].concat();
    let numbered = |from: &str, to: &str| [VIEW, &NUMBERED.replace(from, to), INSERT].concat();
    let changed = [
        numbered("PARTITION BY model", "PARTITION BY n"),
        numbered("PARTITION BY model ", ""),
        numbered("n <> 4", "n <> 3"),
        numbered(", row_number() OVER (PARTITION BY model ORDER BY window_end) AS number", ""),
        view("GROUP BY window_end, model", "GROUP BY window_end, model HAVING count(*) > 0"),
        view("sum(n) AS n", "max(n) AS n, sum(n) AS total"),
        [VIEW, "INSERT INTO k SELECT n FROM v;"].concat(),
    ];
    for statements in changed {
        program(path, &statements);
        let (exit, _, said) = outcome(&mut run(path, &["--input", "s=-", "--state", "state"]));
        assert_eq!(exit, 3, "{statements}: {said}");
        let told = said.contains("'numbered': row_number of each (model TEXT)")
            || said.contains("aggregates changed");
        assert!(told && said.contains("help: bring the query back as it was"), "{statements}: {said}");
        assert_eq!(rows(path), expected(5), "nothing is written");
    }
    // What decides none of the rows that it sees may change.
    program(
        path,
        &[VIEW, NUMBERED, "INSERT INTO k SELECT n + 0 AS n, number FROM numbered WHERE number < 100;"]
            .concat(),
    );
    until_row(path, 9);
    assert_eq!(rows(path), expected(9));
}

#[test]
fn an_operator_that_is_new_begins_with_the_windows_that_close_from_then_on() {
    let plain = "CREATE VIEW numbered AS SELECT n FROM v WHERE n <> 4;\n";
    let folder = folder(&[VIEW, plain, INSERT].concat());
    let path = folder.path();
    until_row(path, 6);
    program(path, &[VIEW, NUMBERED, INSERT].concat());
    let said = until_row(path, 8);
    assert!(said.contains("query 'v': 'numbered': row_number of each (model TEXT)"), "{said}");
    assert!(said.contains("begins now: the state knows no rows of windows that closed before"), "{said}");
    assert_eq!(rows(path).get(5..), Some(&[(7, Some(1)), (8, Some(1))][..]));
}

#[test]
fn a_row_of_a_group_beyond_the_limit_is_a_dead_letter_that_names_it() {
    let folder = folder(&[VIEW, NUMBERED, INSERT].concat());
    let path = folder.path();
    fs::write(path.join("all.jsonl"), events(12)).unwrap();
    // A window has one group, and the partition's limit counts those of open windows; the operator knows all.
    let arguments = ["--input", "s=all.jsonl", "--dead-letters", "dead.jsonl", "--limit", "max_groups=2"];
    let (exit, _, said) = outcome(&mut run(path, &arguments));
    assert_eq!(exit, 0, "{said}");
    let known: Vec<_> = expected(12).into_iter().filter(|(n, _)| n % 3 != 0).collect();
    assert_eq!(rows(path), known, "the third model to come has no numbers");
    let dead = fs::read_to_string(path.join("dead.jsonl")).unwrap();
    let letters: Vec<Value> = dead.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(letters.len(), 4, "{dead}");
    for letter in letters {
        assert_eq!(letter.pointer("/reason").and_then(Value::as_str), Some("group_limit"), "{letter}");
        assert_eq!(letter.pointer("/query").and_then(Value::as_str), Some("numbered"), "{letter}");
        let message = letter.pointer("/message").and_then(Value::as_str).unwrap();
        assert!(message.contains("max_groups (2)") && message.contains("--limit max_groups=N"), "{message}");
    }
}

#[test]
fn a_row_that_one_operator_refuses_is_counted_by_none() {
    let two = "CREATE VIEW numbered AS SELECT n, row_number() OVER (PARTITION BY model ORDER BY window_end) AS by_model,
        row_number() OVER (ORDER BY window_end) AS number FROM v;\n";
    let folder = folder(&[VIEW, two, INSERT].concat());
    let path = folder.path();
    fs::write(path.join("all.jsonl"), events(12)).unwrap();
    let (exit, _, said) = outcome(&mut run(
        path,
        &["--input", "s=all.jsonl", "--limit", "max_groups=2", "--dead-letters", "dead.jsonl"],
    ));
    assert_eq!(exit, 0, "{said}");
    let numbers: Vec<Option<i64>> = rows(path).into_iter().map(|(_, number)| number).collect();
    assert_eq!(numbers, (1..=8).map(Some).collect::<Vec<_>>(), "no number is left out");
}
