//! Where rows go: each file once, never over what is read, and nothing is emptied by a command line that is wrong.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{outcome, streamgauge};

const SOURCES: &str = "
CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json',
  sasl_password = secret('STREAMGAUGE_TEST_MISSING'));
CREATE SOURCE t (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
";
const EVENTS: usize = 20_000;

/// A folder with events in `events.jsonl` and a program in `query.sql`.
fn folder(statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let events: String = (0..EVENTS).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    fs::write(folder.path().join("events.jsonl"), events).unwrap();
    fs::write(folder.path().join("query.sql"), format!("{SOURCES}{statements}")).unwrap();
    folder
}

const TO_TWO_SINKS: &str = "
CREATE SINK k1 WITH (connector = 'console');
CREATE SINK k2 WITH (connector = 'console');
INSERT INTO k1 SELECT n FROM s;
INSERT INTO k2 SELECT n, 'a longer row' AS text FROM s;
";

fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments).stdin(Stdio::null());
    command
}

/// Each event once from each of the two queries, on lines of their own.
fn assert_rows_of_both(path: &Path) {
    let rows = fs::read_to_string(path).unwrap();
    let mut rows: Vec<&str> = rows.lines().collect();
    let mut due: Vec<String> = (0..EVENTS)
        .flat_map(|n| [format!("{{\"n\":{n}}}"), format!("{{\"n\":{n},\"text\":\"a longer row\"}}")])
        .collect();
    rows.sort_unstable();
    due.sort_unstable();
    assert!(rows == due, "{} rows, some of them cut or lost", rows.len());
}

#[test]
fn two_names_of_one_file_are_one_output() {
    let folder = folder(TO_TWO_SINKS);
    let rows = folder.path().join("rows.jsonl");
    fs::write(&rows, "old").unwrap();
    fs::hard_link(&rows, folder.path().join("link.jsonl")).unwrap();
    for other in ["k2=./rows.jsonl", "k2=link.jsonl"] {
        let arguments = ["--input", "s=events.jsonl", "--output", "k1=rows.jsonl", "--output", other];
        let (exit, _, said) = outcome(&mut run(folder.path(), &arguments));
        assert_eq!(exit, 0, "{said}");
        assert_rows_of_both(&rows);
    }
}

#[test]
fn two_file_sinks_with_one_file_are_one_output() {
    let sinks = TO_TWO_SINKS.replacen("'console'", "'file', path = 'rows.jsonl'", 1).replacen(
        "'console'",
        "'file', path = './rows.jsonl'",
        1,
    );
    let folder = folder(&sinks);
    let (exit, _, said) = outcome(&mut run(folder.path(), &["--input", "s=events.jsonl"]));
    assert_eq!(exit, 0, "{said}");
    assert_rows_of_both(&folder.path().join("rows.jsonl"));
}

#[test]
fn a_file_that_is_standard_output_is_written_through_it() {
    let folder = folder(&TO_TWO_SINKS.replacen("INSERT INTO k1", "", 1));
    let rows = folder.path().join("rows.jsonl");
    let status = run(folder.path(), &["--input", "s=events.jsonl", "--output", "k2=rows.jsonl"])
        .stdout(File::create(&rows).unwrap())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    assert_rows_of_both(&rows);
}

#[test]
fn what_is_read_is_never_written_to() {
    let folder = folder(TO_TWO_SINKS);
    let events = folder.path().join("events.jsonl");
    let before = fs::read(&events).unwrap();
    std::os::unix::fs::symlink("events.jsonl", folder.path().join("link.jsonl")).unwrap();
    let named: [&[&str]; 4] = [
        &["--input", "s=events.jsonl", "--output", "k1=events.jsonl"],
        &["--input", "s=events.jsonl", "--output", "k2=./link.jsonl"],
        &["--input", "s=events.jsonl", "--dead-letters", "events.jsonl"],
        &["--input", "s=-", "--output", "k1=events.jsonl"],
    ];
    for arguments in named {
        let mut command = run(folder.path(), arguments);
        let (exit, _, said) = outcome(command.stdin(File::open(&events).unwrap()));
        assert_eq!(exit, 2, "{arguments:?}: {said}");
        assert!(said.contains("is the same file"), "{said}");
        assert!(fs::read(&events).unwrap() == before, "{arguments:?} changed its input");
    }
}

#[test]
fn a_command_line_that_is_wrong_empties_nothing() {
    let folder =
        folder(&TO_TWO_SINKS.replacen("'console'", "'webhook', url = secret('STREAMGAUGE_TEST_URL')", 1));
    let rows = folder.path().join("rows.jsonl");
    fs::write(&rows, "old\n").unwrap();
    let to_rows = ["--output", "k2=rows.jsonl", "--dead-letters", "rows.jsonl"];
    let wrong: [(&[&str], i32, &str); 6] = [
        (&["--input", "s=missing.jsonl", "--output", "k1=-"], 1, "missing.jsonl"),
        (&["--input", "s=events.jsonl"], 1, "sink 'k1': secret 'STREAMGAUGE_TEST_URL'"),
        (&["--input", "t=events.jsonl", "--output", "k1=-"], 2, "source 's' is read, but has no --input"),
        (&["--input", "s=events.jsonl", "--output", "k1=missing/rows.jsonl"], 1, "cannot write to"),
        (&["--output", "k1=-"], 1, "STREAMGAUGE_TEST_MISSING"),
        (&["--input", "s=events.jsonl", "--output", "other=-"], 2, "no sink is called 'other'"),
    ];
    for (arguments, status, words) in wrong {
        let (exit, printed, said) = outcome(run(folder.path(), arguments).args(to_rows));
        assert_eq!((exit, printed.as_str()), (status, ""), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(fs::read_to_string(&rows).unwrap(), "old\n", "{arguments:?}");
    }
}

#[test]
fn what_a_command_line_says_twice_is_refused() {
    let folder = folder(&format!("{TO_TWO_SINKS}SELECT n FROM t;"));
    let wrong: [(&[&str], &str); 3] = [
        (&["--output", "k1=a.jsonl", "--output", "K1=b.jsonl"], "the sink 'K1' has an output already"),
        (&["--input", "s=-", "--input", "t=-"], "standard input is read twice"),
        (&["--input", "s=-", "--input", "s=-", "--input", "t=events.jsonl"], "standard input is read twice"),
    ];
    for (arguments, words) in wrong {
        let (exit, printed, said) = outcome(&mut run(folder.path(), arguments));
        assert_eq!((exit, printed.as_str()), (2, ""), "{arguments:?}: {said}");
        assert!(said.contains(words), "{said}");
    }
    assert!(!folder.path().join("a.jsonl").exists());
}

#[test]
fn a_secret_that_is_missing_is_named_once_before_what_to_do() {
    let folder = folder("SELECT n FROM s;");
    let (exit, _, said) = outcome(&mut run(folder.path(), &[]));
    assert_eq!(exit, 1, "{said}");
    assert!(said.starts_with("error: secret 'STREAMGAUGE_TEST_MISSING': it is missing: set the "), "{said}");
    assert_eq!(said.matches("missing").count(), 1, "{said}");
}

#[test]
fn a_standard_error_that_takes_nothing_fails_nothing() {
    let folder = folder("SELECT n FROM s WHERE n < 2;");
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut command = run(folder.path(), &["--input", "s=events.jsonl"]);
    let output = command.stdout(Stdio::piped()).stderr(full()).spawn().unwrap().wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    assert_eq!(output.stdout, b"{\"n\":0}\n{\"n\":1}\n");
    let status = run(folder.path(), &["--input", "s=missing.jsonl"]).stderr(full()).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn a_file_is_written_by_one_process_at_a_time() {
    let folder = folder(
        "CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl'); INSERT INTO k SELECT n FROM s;",
    );
    let mut first = run(folder.path(), &["--input", "s=-"]);
    let mut first = first.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut events = first.stdin.take().unwrap();
    let rows = folder.path().join("rows.jsonl");
    while !fs::metadata(&rows).is_ok_and(|there| there.len() > 0) {
        events.write_all(b"{\"n\":1}\n").unwrap();
        assert_eq!(first.try_wait().unwrap(), None);
    }
    let (exit, _, said) = outcome(&mut run(folder.path(), &["--input", "s=events.jsonl"]));
    assert_eq!(exit, 3, "{said}");
    assert!(said.starts_with("error: another process writes to 'rows.jsonl'\nhelp: "), "{said}");
    let null = File::options().write(true).open("/dev/null").unwrap();
    drop(null.try_lock());
    let (exit, _, said) =
        outcome(&mut run(folder.path(), &["--input", "s=events.jsonl", "--output", "k=/dev/null"]));
    assert_eq!(exit, 0, "a device is nobody's: {said}");
    drop(events);
    assert!(first.wait().unwrap().success());
    let (exit, _, said) =
        outcome(&mut run(folder.path(), &["--input", "s=events.jsonl", "--overwrite", "k"]));
    assert_eq!(exit, 0, "{said}");
}

#[test]
fn a_query_whose_state_was_removed_begins_anew_in_its_file_where_that_is_said() {
    // A receiver that is not there keeps the state from being finished.
    let folder = folder(
        "CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');
        CREATE SINK w WITH (connector = 'webhook', url = 'http://127.0.0.1:1/', allow_private = 'true');
        CREATE VIEW v AS SELECT n FROM s;
        INSERT INTO k SELECT n FROM v;
        INSERT INTO w SELECT n FROM v;",
    );
    let again = |arguments: &[&str]| {
        let state = ["--state", "state", "--input", "s=events.jsonl", "--drain-timeout", "500ms"];
        outcome(run(folder.path(), &state).args(arguments))
    };
    let waits = "query 'insert_w_1' failed: rows not delivered";
    fs::write(folder.path().join("events.jsonl"), "{\"n\":7}\n{\"n\":8}\n").unwrap();
    let (_, _, said) = again(&[]);
    assert!(said.contains(waits), "{said}");
    fs::remove_dir_all(folder.path().join("state/v")).unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"n\":7}\n").unwrap();
    let (exit, _, said) = again(&[]);
    assert_eq!(exit, 1, "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("rows.jsonl")).unwrap(), "{\"n\":7}\n{\"n\":8}\n");
    // The second time it goes on from the first, and its file is as long as that knows it to be.
    for _ in 0..2 {
        let (_, _, said) = again(&["--overwrite", "k"]);
        assert!(said.contains(waits), "{said}");
        assert_eq!(fs::read_to_string(folder.path().join("rows.jsonl")).unwrap(), "{\"n\":7}\n");
    }
}

/// An outbox that waits for a receiver that is not there, and then for a sink of another kind.
#[test]
fn what_was_made_for_another_kind_of_sink_is_not_sent_there() {
    let folder = folder(
        "CREATE SINK k WITH (connector = 'webhook', url = 'http://127.0.0.1:1/', allow_private = 'true');
        INSERT INTO k SELECT n FROM s WHERE n < 3;",
    );
    let state = ["--input", "s=events.jsonl", "--state", "state", "--drain-timeout", "100ms"];
    let (exit, _, said) = outcome(&mut run(folder.path(), &state));
    assert_eq!(exit, 3, "{said}");
    let why = "error: query 'insert_k_1' failed: rows not delivered within 100ms: 3 (http://127.0.0.1:1 cannot be reached: ";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("; the next run with this state delivers them"), "{said}");
    let rows = ["--output", "k=rows.jsonl"];
    let (exit, _, said) = outcome(run(folder.path(), &state).args(rows));
    assert_eq!(exit, 3, "{said}");
    let why = "error: query 'insert_k_1': 3 rows of 'insert_k_1' were decided and not delivered, but 'k' is another kind";
    assert!(said.starts_with(why), "{said}");
}
