//! Statements without a name, under state: each goes on from what it did before, wherever it stands in the file.

use std::fs;

use crate::{
    kept::{folder, numbers, over_events, program, until_row},
    outcome, streamgauge,
};

const SINK: &str = "CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');";
const PLAIN: &str = "INSERT INTO k SELECT n FROM s;";
const TENFOLD: &str = "INSERT INTO k SELECT n * 10 AS n FROM s;";
const HUNDREDFOLD: &str = "INSERT INTO k SELECT n * 100 AS n FROM s;";
const STATE: [&str; 2] = ["--state", "state"];

fn events(path: &std::path::Path, upto: u32) {
    let lines: String = (1..=upto).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    fs::write(path.join("events.jsonl"), lines).unwrap();
}

fn sorted(path: &std::path::Path) -> Vec<u64> {
    let mut numbers = numbers(path);
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_statement_that_is_inserted_before_others_changes_nobodys_state() {
    let folder = folder(&format!("{SINK} {PLAIN}"));
    let path = folder.path();
    until_row(path, 3, &[]);
    events(path, 4);
    program(path, &format!("{SINK} {TENFOLD} {PLAIN}"));
    let (exit, _, said) = over_events(path, &STATE);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(sorted(path), [1, 2, 3, 4, 10, 20, 30, 40], "each row is there once");
    let (_, listed, _) = outcome(streamgauge().current_dir(path).args(["state", "ls"]).args(STATE));
    let names: Vec<&str> = listed.lines().filter(|line| line.starts_with("insert_k")).collect();
    assert_eq!(names, ["insert_k_1", "insert_k_2"], "{listed}");
}

#[test]
fn statements_may_change_places_and_go() {
    let folder = folder(&format!("{SINK} {PLAIN} {TENFOLD}"));
    let path = folder.path();
    events(path, 2);
    let (exit, _, said) = over_events(path, &STATE);
    assert_eq!((exit, sorted(path)), (0, vec![1, 2, 10, 20]), "{said}");
    // All are finished; another order of them is still finished.
    program(path, &format!("{SINK} {HUNDREDFOLD} {TENFOLD} {PLAIN}"));
    let (exit, _, said) = over_events(path, &STATE);
    assert_eq!((exit, sorted(path)), (0, vec![1, 2, 10, 20, 100, 200]), "{said}");
    program(path, &format!("{SINK} {TENFOLD}"));
    let (exit, _, said) = over_events(path, &STATE);
    assert_eq!((exit, sorted(path)), (0, vec![1, 2, 10, 20, 100, 200]), "{said}");
    assert!(said.contains("state of query 'insert_k_1' is kept") && said.contains("'insert_k_3'"), "{said}");
}

#[test]
fn a_statement_that_was_changed_is_refused_and_two_that_are_equal_are_told_apart_by_names_only() {
    let folder = folder(&format!("{SINK} INSERT INTO k SELECT n FROM s WHERE n > 1;"));
    let path = folder.path();
    events(path, 3);
    assert_eq!(over_events(path, &STATE).0, 0);
    program(path, &format!("{SINK} INSERT INTO k SELECT n FROM s WHERE n > 2;"));
    let (exit, _, said) = over_events(path, &STATE);
    assert!(exit == 3 && said.contains("WHERE changed: n > 1 -> n > 2"), "{said}");
    program(path, &format!("{SINK} {PLAIN} {PLAIN}"));
    let (exit, _, said) = over_events(path, &STATE);
    assert!(
        exit == 1 && said.contains("'insert_k_1' and 'insert_k_2' are the same statement twice"),
        "{said}"
    );
}
