//! Outputs whose reader goes away: where nobody else gets rows the run is over, and otherwise the others go on and it is told.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use crate::kept::{folder, rows, run, to_file};

const STATE: &[&str] = &["--state", "state"];
/// More than a pipe holds.
const EVENTS: u32 = 200_000;

fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

/// Runs on many events and reads the first row only: the exit status and what was said.
fn read_first_row(mut command: Command) -> (Option<i32>, String) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "{\"n\":0}\n");
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn over_many(folder: &Path, state: &[&str]) -> Command {
    fs::write(folder.join("events.jsonl"), lines(0..EVENTS)).unwrap();
    let mut command = run(folder, &["--input", "s=events.jsonl", "-q"]);
    command.args(state);
    command
}

#[test]
fn a_console_that_nobody_reads_any_more_ends_a_run_that_has_no_other_sink() {
    for state in [&[][..], STATE] {
        let folder =
            folder("SELECT n FROM s; CREATE VIEW v AS SELECT n FROM s; SELECT n FROM v WHERE n < 0;");
        assert_eq!(read_first_row(over_many(folder.path(), state)), (Some(0), String::new()));
    }
}

#[test]
fn other_sinks_go_on_when_nobody_reads_the_console_any_more() {
    for state in [&[][..], STATE] {
        let folder = folder(&format!("{} SELECT n FROM s;", to_file("v", "")));
        let path = folder.path();
        let (exit, said) = read_first_row(over_many(path, state));
        assert_eq!(exit, Some(3), "{said}");
        let why = "query 'select_1' failed: cannot write to standard output: Broken pipe";
        assert!(said.contains(why), "{said}");
        assert!(rows(path) == lines(0..EVENTS), "{} bytes in the file", rows(path).len());
    }
}

#[test]
fn with_state_a_sink_of_the_same_view_goes_on_with_the_next_run() {
    let folder = folder(&format!("{} SELECT n FROM v;", to_file("v", "")));
    let path = folder.path();
    let (exit, said) = read_first_row(over_many(path, STATE));
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("cannot write to standard output: Broken pipe"), "{said}");
    let output = over_many(path, STATE).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(rows(path) == lines(0..EVENTS), "{} bytes in the file", rows(path).len());
    assert!(String::from_utf8(output.stdout).unwrap().ends_with(&lines(EVENTS - 1..EVENTS)));
}
