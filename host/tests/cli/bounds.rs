//! Limits that are set take effect, where no script can show it.

use std::{fs, net::TcpListener, process::Command};

use crate::{full::Running, outcome, streamgauge};

fn folder(program: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), program).unwrap();
    folder
}

/// A sink that is down; a query that reads records one by one, so that it stops where its outbox is full.
#[test]
fn a_query_reads_no_more_events_when_its_outbox_holds_as_many_rows_as_it_may() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder(&format!(
        "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
         CREATE SINK w WITH (connector = 'webhook', url = 'http://{closed}/', allow_private = 'true');
         INSERT INTO w SELECT n FROM s;"
    ));
    let mut command = streamgauge();
    command.args(["run", "query.sql", "--drain-timeout", "1ms", "--limit", "batch_records=1"]);
    command.args(["--limit", "outbox_rows=5"]).current_dir(folder.path());
    let mut running = Running::start(&mut command);
    let events: String = (0..1000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    running.write(&events);
    // Told after some tries: by then all would have been read.
    running.says("cannot be reached");
    running.interrupt();
    assert_eq!(running.says("events="), "events=5 rows=5 late=0 dead_letters=0");
}

#[test]
fn help_lists_the_limits_and_other_commands_take_those_that_they_use() {
    let (status, help, _) = outcome(streamgauge().args(["run", "--help"]));
    assert_eq!(status, 0);
    for line in [
        "max_groups                    1,000,000    groups of a partition and query (1 to 100,000,000)",
        "--limit <NAME=VALUE>",
    ] {
        assert!(help.contains(line), "{line}: {help}");
    }
    let (status, short, _) = outcome(streamgauge().args(["run", "-h"]));
    assert!(status == 0 && !short.contains("max_groups   "), "{short}");

    let long = format!(
        "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json');
         SELECT n FROM s WHERE n <> {};",
        vec!["1"; 600].join(" + ")
    );
    let folder = folder(&long);
    let with = |command: &str, limit: &str| {
        let mut run: Command = streamgauge();
        outcome(run.args([command, "query.sql", "--limit", limit]).current_dir(folder.path()))
    };
    for command in ["check", "explain", "run"] {
        let (status, _, said) = with(command, "max_sql_bytes=1KiB");
        let told = "at most 1024 are allowed (`max_sql_bytes`)";
        assert!(status == 1 && said.contains(told) && said.contains("--limit max_sql_bytes=N"), "{said}");
        let (status, _, said) = with(command, "max_sql_file_bytes=1KiB");
        assert!(status == 1 && said.contains("--limit max_sql_file_bytes=N"), "{said}");
        let (status, _, said) = with(command, "max_sql_bytes=1");
        assert!(status == 2 && said.contains("can be 1 KiB to 1 MiB"), "{said}");
    }
}

#[test]
fn which_groups_a_window_has_is_not_changed_while_windows_are_decided_behind_the_last_checkpoint() {
    let folder = folder(
        "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_ms');
         CREATE SINK rows WITH (connector = 'file', path = 'rows.jsonl');
         INSERT INTO rows SELECT window_end, n, count(*) AS c FROM TUMBLE(s, ts, INTERVAL '1' SECOND) GROUP BY window_end, n;",
    );
    let command = |limits: &[&str]| {
        let mut command = streamgauge();
        command.args(["run", "query.sql", "--state", "state", "--checkpoint-interval", "1h"]).args(limits);
        command.current_dir(folder.path());
        command
    };
    let events: String = (0..30).map(|n| format!("{{\"n\":{},\"ts\":{}}}\n", n % 5, n * 100)).collect();
    fs::write(folder.path().join("events.jsonl"), &events).unwrap();
    let rows = || fs::read_to_string(folder.path().join("rows.jsonl")).unwrap_or_default().lines().count();
    let mut killed = Running::start(&mut command(&[]));
    killed.write(&events);
    while rows() < 10 {
        std::thread::yield_now();
    }
    killed.kill();
    let again = |limits: &[&str]| outcome(command(limits).args(["--input", "s=events.jsonl"]));
    let (status, _, said) = again(&["--limit", "max_groups=2"]);
    assert!(status == 3 && said.contains("max_groups and max_record_bytes cannot be changed now"), "{said}");
    assert!(
        said.contains("help: run it with --limit max_groups=1000000 --limit max_record_bytes=1048576"),
        "{said}"
    );
    let (status, _, said) = again(&["--limit", "max_groups=1000000", "--limit", "outbox_rows=7"]);
    assert_eq!((status, rows()), (0, 15), "{said}");
    let (status, _, said) = again(&["--limit", "max_groups=2"]);
    assert_eq!((status, rows()), (0, 15), "{said}");
}

#[test]
fn limits_are_listed_by_the_help_of_run_alone() {
    let names = |command: &str| {
        let (exit, help, _) = outcome(streamgauge().args([command, "--help"]));
        assert_eq!(exit, 0);
        (help.contains("\n  max_groups "), help.contains("`streamgauge run --help` lists them"))
    };
    assert_eq!(names("run"), (true, true));
    for command in ["query", "tap", "demo", "check", "explain", "compile"] {
        assert_eq!(names(command), (false, true), "{command}");
    }
}
