//! Output files that another process changes while rows are written to them.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::Command,
};

use crate::{full::Running, outcome, streamgauge};

const PROGRAM: &str = "
CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
CREATE SINK out WITH (connector = 'file', path = 'rows.jsonl');
INSERT INTO out SELECT n FROM s;
";

fn run(folder: &Path, arguments: &[&str]) -> Command {
    fs::write(folder.join("query.sql"), PROGRAM).unwrap();
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments);
    command
}

/// One event, and its row.
fn line(n: u32) -> String {
    format!("{{\"n\":{n}}}\n")
}

fn wait_for(path: &Path, content: &str) {
    while fs::read_to_string(path).unwrap_or_default() != content {
        std::thread::yield_now();
    }
}

#[test]
fn without_state_rows_follow_what_another_process_left_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let mut running = Running::start(&mut run(folder.path(), &[]));
    running.events.write_all(line(1).as_bytes()).unwrap();
    wait_for(&path, &line(1));
    File::options().append(true).open(&path).unwrap().write_all(b"note\n").unwrap();
    running.events.write_all(line(2).as_bytes()).unwrap();
    wait_for(&path, &[&line(1), "note\n", &line(2)].concat());
    // As `logrotate` does it with `copytruncate`.
    File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    running.events.write_all(line(3).as_bytes()).unwrap();
    wait_for(&path, &line(3));
    assert_eq!(running.finish(), "events=3 rows=3 late=0 dead_letters=0");
}

#[test]
fn with_state_rows_wait_until_the_file_is_what_was_written() {
    let changes = [format!("{}note\n", line(1)), "{\"n\"".to_owned(), String::new()];
    for changed in changes {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        let mut running = Running::start(&mut run(folder.path(), &["--state", "state"]));
        running.events.write_all(line(1).as_bytes()).unwrap();
        wait_for(&path, &line(1));
        fs::write(&path, &changed).unwrap();
        running.events.write_all(line(2).as_bytes()).unwrap();
        let told = running.says("rows.jsonl has");
        let lengths = format!("sink 'out': rows.jsonl has {} bytes now and had {} when", changed.len(), 8);
        assert!(told.starts_with(&lengths) && told.ends_with("; 1 rows wait"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), changed, "nothing is written over or cut");
        fs::write(&path, line(1)).unwrap();
        running.says("sink 'out' takes rows again");
        wait_for(&path, &[line(1), line(2)].concat());
        assert_eq!(running.finish(), "events=2 rows=2 late=0 dead_letters=0");
    }
}

#[test]
fn with_state_a_file_that_was_removed_takes_no_row_and_the_next_run_names_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let state = ["--state", "state", "--drain-timeout", "1s"];
    let mut running = Running::start(&mut run(folder.path(), &state));
    running.events.write_all(line(1).as_bytes()).unwrap();
    wait_for(&path, &line(1));
    fs::remove_file(&path).unwrap();
    running.events.write_all(line(2).as_bytes()).unwrap();
    running.says("sink 'out': rows.jsonl was removed");
    running.kill();
    fs::write(folder.path().join("events.jsonl"), [line(1), line(2)].concat()).unwrap();
    let again = |more: &[&str]| {
        let mut command = run(folder.path(), &state);
        outcome(command.args(["--input", "s=events.jsonl"]).args(more))
    };
    let (exit, _, said) = again(&[]);
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("--overwrite out"), "{said}");
    let (exit, _, said) = again(&["--overwrite", "out"]);
    assert_eq!(exit, 0, "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), line(2), "the row that was not written yet");
}
