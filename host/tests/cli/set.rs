//! `--set NAME=VALUE` and the environment: what `env('NAME')` gives.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt};

use crate::{kept, outcome, streamgauge};

const QUERY: &str = "CREATE SOURCE s (n BIGINT) WITH (connector = 'file', path = env('NAME') || '.jsonl');
CREATE SINK k WITH (connector = 'file', path = env('OUT', 'rows.jsonl'));
INSERT INTO k SELECT n FROM s;";

#[test]
fn every_command_that_compiles_takes_it_and_refuses_names_that_nothing_reads() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("q.sql"), QUERY).unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"n\":1}\n").unwrap();
    let commands: [&[&str]; 6] = [
        &["check", "q.sql"],
        &["explain", "q.sql"],
        &["compile", "q.sql", "-o", "out"],
        &["run", "q.sql"],
        &["query", "-e", "SELECT n FROM s", "q.sql"],
        &["tap", "s", "q.sql"],
    ];
    for command in commands {
        let run = |arguments: &[&str]| {
            outcome(streamgauge().current_dir(folder.path()).args(command).args(arguments))
        };
        let (exit, _, said) = run(&["--set", "NAME=events"]);
        assert_eq!(exit, 0, "{command:?}: {said}");
        let (exit, rows, said) = run(&["--set", "NAMES=events"]);
        let expected = "error: --set NAMES: no env('NAMES') is in the query files\n\
                        help: did you mean NAME? env() in the query files reads NAME, OUT\n";
        assert_eq!((exit, rows.as_str(), said.as_str()), (2, "", expected), "{command:?}");
        let (exit, _, said) = run(&["--set", "OUT=x"]);
        assert_eq!(exit, 1, "{command:?}: {said}");
        assert!(said.starts_with("q.sql:1:61: error: `NAME` is not set\n"), "{command:?}: {said}");
    }
    assert_eq!(fs::read_to_string(folder.path().join("rows.jsonl")).unwrap(), "{\"n\":1}\n");
}

#[test]
fn where_no_file_reads_a_variable_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("q.sql"), format!("{}SELECT n FROM s; -- env('COMMENT')", kept::SOURCE))
        .unwrap();
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["check", "q.sql", "--set", "COMMENT=x"]);
    let expected = "error: --set COMMENT: no env('COMMENT') is in the query files\n\
                    help: no env('NAME') is in the query files\n";
    assert_eq!(outcome(&mut command), (2, String::new(), expected.to_owned()));
}

#[test]
fn a_value_that_is_no_text_is_refused_where_it_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("q.sql"), QUERY).unwrap();
    let check = |name: &str, arguments: &[&str]| {
        let mut command = streamgauge();
        command.current_dir(folder.path()).args(["check", "q.sql"]).args(arguments);
        outcome(command.env("NAME", "a").env(name, OsStr::from_bytes(b"\xff")))
    };
    let expected = "error: the environment's OUT is not UTF-8\nhelp: set it to a text\n";
    assert_eq!(check("OUT", &[]), (1, String::new(), expected.to_owned()));
    assert_eq!(check("OUT", &["--set", "OUT=x"]).0, 0);
    assert_eq!(check("OTHER", &[]).0, 0);
}

/// State belongs to what the options mean, not to how they are written.
#[test]
fn a_state_goes_on_where_a_variable_takes_the_place_of_a_text() {
    let query = |times: &str| {
        format!(
            "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
             WITH (connector = 'kafka', brokers = 'b:1', topic = 't', time_format = {times});
             CREATE VIEW v AS SELECT count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_end;
             SELECT n FROM v;"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"n\":1,\"ts\":1767225600}\n").unwrap();
    let run = |text: &str, arguments: &[&str]| {
        fs::write(folder.path().join("q.sql"), text).unwrap();
        let mut command = streamgauge();
        command.current_dir(folder.path()).args([
            "run",
            "q.sql",
            "--input",
            "s=events.jsonl",
            "--state",
            "state",
        ]);
        outcome(command.args(arguments))
    };
    let (exit, rows, said) = run(&query("'unix_s'"), &[]);
    assert_eq!((exit, rows.as_str()), (0, "{\"n\":1}\n"), "{said}");
    let (exit, rows, said) = run(&query("'unix' || env('UNIT')"), &["--set", "UNIT=_s"]);
    assert_eq!((exit, rows.as_str()), (0, ""), "{said}");
    assert!(said.starts_with("query 'v' came to the end of its input in an earlier run"), "{said}");
    let (exit, _, said) = run(&query("'unix' || env('UNIT')"), &["--set", "UNIT=_ms"]);
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("the query is not the one that"), "{said}");
}
