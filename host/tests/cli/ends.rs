//! How a run ends: early, late, or badly.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{outcome, streamgauge};

const QUERY: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
SELECT window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' SECOND);
";

/// A run that does not outlive its test, however that ends.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn interrupt(&self) {
        let kill = format!("kill -INT {}", self.0.id());
        Command::new("sh").args(["-c", &kill]).stderr(Stdio::null()).status().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A query that prints each of 200,000 events.
fn all_rows(folder: &Path) -> Command {
    let events = folder.join("events.jsonl");
    let lines: String =
        (0..200_000).map(|n| format!("{{\"n\":{n},\"ts\":\"2026-01-01T00:00:00Z\"}}\n")).collect();
    fs::write(&events, lines).unwrap();
    let path = folder.join("all.sql");
    let windowed = "window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '1' SECOND)";
    fs::write(&path, QUERY.replace(windowed, "n FROM s")).unwrap();
    let mut command = streamgauge();
    command.arg("run").arg(path).arg("--input").arg(format!("s={}", events.display()));
    command
}

fn query(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("query.sql");
    fs::write(&path, QUERY).unwrap();
    path
}

#[test]
fn rows_come_as_windows_close_not_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = streamgauge();
    command.arg("run").arg(query(folder.path())).args(["--input", "s=-"]).stdin(Stdio::piped());
    let mut run = Running::start(&mut command);
    let mut events = run.0.stdin.take().unwrap();
    let mut rows = BufReader::new(run.0.stdout.take().unwrap()).lines();
    for second in 0..3 {
        writeln!(events, "{{\"ts\":\"2026-01-01T00:00:0{second}Z\"}}").unwrap();
        writeln!(events, "{{\"ts\":\"2026-01-01T00:00:0{}Z\"}}", second + 1).unwrap();
        let row = rows.next().unwrap().unwrap();
        let n = if second == 0 { 1 } else { 2 };
        assert_eq!(row, format!("{{\"window_end\":\"2026-01-01T00:00:0{}.000Z\",\"n\":{n}}}", second + 1));
    }
    drop(events);
    assert_eq!(rows.next().unwrap().unwrap(), "{\"window_end\":\"2026-01-01T00:00:04.000Z\",\"n\":1}");
    assert!(run.0.wait().unwrap().success());
}

#[test]
fn rows_come_of_a_named_pipe_too_and_of_what_it_gave_when_it_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("events.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = streamgauge();
    command.arg("run").arg(query(folder.path())).args(["--input", &format!("s={}", pipe.display())]);
    let mut run = Running::start(&mut command);
    let mut rows = BufReader::new(run.0.stdout.take().unwrap()).lines();
    let mut events = fs::File::options().write(true).open(&pipe).unwrap();
    for second in 0..3 {
        writeln!(events, "{{\"ts\":\"2026-01-01T00:00:0{second}Z\"}}").unwrap();
    }
    assert_eq!(rows.next().unwrap().unwrap(), "{\"window_end\":\"2026-01-01T00:00:01.000Z\",\"n\":1}");
    drop(events);
    assert_eq!(rows.map(Result::unwrap).count(), 2);
    assert!(run.0.wait().unwrap().success());
}

/// A pipe that nobody reads takes nothing: a write to it does not return.
#[test]
#[ignore = "takes half a minute: make soak"]
fn one_ctrl_c_ends_a_run_whose_rows_nobody_reads_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = all_rows(folder.path());
    command.args(["--drain-timeout", "1ms"]);
    let mut run = Running::start(&mut command);
    crossbeam_channel::after(Duration::from_secs(2)).recv().unwrap();
    let interrupt = Command::new("kill").args(["-INT", &run.0.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let status = run.0.wait().unwrap();
    let said = io::read_to_string(run.0.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(3), "{said}");
    assert!(said.contains("something that it writes to takes nothing"), "{said}");
}

#[test]
fn rows_that_wait_at_the_end_are_told_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("query.sql"),
        "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = 'x', topic = 't', format = 'json');
         CREATE SINK hook WITH (connector = 'webhook', url = 'http://127.0.0.1:1/hush', allow_private = 'true');
         INSERT INTO hook SELECT n FROM s;",
    )
    .unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"n\":1}\n").unwrap();
    let mut command = streamgauge();
    command.current_dir(folder.path());
    command.args(["run", "query.sql", "--input", "s=events.jsonl", "--drain-timeout", "1s"]);
    let (status, _, said) = outcome(&mut command);
    assert_eq!(status, 3, "{said}");
    let why = "rows not delivered within 1s: 1 (http://127.0.0.1:1 cannot be reached";
    assert!(said.contains(why) && !said.contains("hush"), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Running::start(&mut all_rows(folder.path()));
    let mut rows = BufReader::new(run.0.stdout.take().unwrap());
    let mut first = String::new();
    rows.read_line(&mut first).unwrap();
    assert_eq!(first, "{\"n\":0}\n");
    drop(rows);
    let said = io::read_to_string(run.0.stderr.take().unwrap()).unwrap();
    assert!(run.0.wait().unwrap().success(), "{said}");
    assert!(!said.contains("error"), "{said}");
}

#[test]
fn a_second_ctrl_c_ends_a_run_whose_rows_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Running::start(&mut all_rows(folder.path()));
    let mut rows = BufReader::with_capacity(64, run.0.stdout.take().unwrap());
    let mut first = String::new();
    rows.read_line(&mut first).unwrap();
    // The second may come while the first is being told: both are one signal then, and another is needed.
    run.interrupt();
    let status = loop {
        run.interrupt();
        if let Some(status) = run.0.try_wait().unwrap() {
            break status;
        }
    };
    assert!(!status.success(), "it was ended, not done: {status}");
}

#[test]
fn ctrl_c_ends_a_run_that_waits_for_its_broker() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Running::start(streamgauge().arg("run").arg(query(folder.path())));
    let mut said = BufReader::new(run.0.stderr.take().unwrap()).lines();
    let waits = said.next().unwrap().unwrap();
    assert!(waits.starts_with("source 's' at 127.0.0.1:1 waits: "), "{waits}");
    run.interrupt();
    let last = said.map_while(Result::ok).last().unwrap();
    assert_eq!(last, "events=0 rows=0 late=0 dead_letters=0");
    assert!(run.0.wait().unwrap().success());
}

#[test]
fn a_state_that_is_in_use_is_refused_until_its_run_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = streamgauge();
    command.arg("run").arg(query(folder.path())).args(["--input", "s=-"]).arg("--state");
    command.arg(folder.path().join("state")).stdin(Stdio::piped());
    let mut first = Running::start(&mut command);
    let mut events = first.0.stdin.take().unwrap();
    let mut rows = BufReader::new(first.0.stdout.take().unwrap()).lines();
    writeln!(events, "{{\"ts\":\"2026-01-01T00:00:00Z\"}}\n{{\"ts\":\"2026-01-01T00:00:01Z\"}}").unwrap();
    assert_eq!(rows.next().unwrap().unwrap(), "{\"window_end\":\"2026-01-01T00:00:01.000Z\",\"n\":1}");

    let mut command = streamgauge();
    command.arg("run").arg(query(folder.path())).args(["--input", "s=-"]).arg("--state");
    command.arg(folder.path().join("state")).stdin(Stdio::null());
    let (exit, printed, said) = outcome(&mut command);
    assert_eq!((exit, printed.as_str()), (3, ""), "{said}");
    assert!(said.contains("is in use by"), "{said}");

    drop(events);
    assert_eq!(rows.next().unwrap().unwrap(), "{\"window_end\":\"2026-01-01T00:00:02.000Z\",\"n\":1}");
    assert!(first.0.wait().unwrap().success());
    let (exit, printed, said) = outcome(&mut command);
    assert_eq!((exit, printed.as_str()), (0, ""), "it was finished: {said}");
}

#[test]
fn what_is_asked_wrongly_is_told_apart_from_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let query = query(folder.path());
    let missing = folder.path().join("missing.jsonl");
    let input = |value: &str| outcome(streamgauge().arg("run").arg(&query).args(["--input", value])).0;
    assert_eq!(input(&format!("s={}", missing.display())), 1, "an unreadable file");
    assert_eq!(input("other=-"), 2, "an unknown source");
    assert_eq!(input("s"), 2, "no path");
    let nowhere = folder.path().join("nowhere.sql");
    fs::write(&nowhere, "CREATE SINK k WITH (connector = 'nowhere');").unwrap();
    let (exit, rows, said) = outcome(streamgauge().arg("check").arg(&nowhere));
    assert_eq!((exit, rows.as_str()), (1, ""));
    assert!(said.contains("error: "), "{said}");
    assert_eq!(outcome(streamgauge().arg("check").arg(&query)), (0, String::new(), String::new()));
}

#[test]
fn a_query_compiles_into_a_component_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let query = query(folder.path());
    let out = folder.path().join("out");
    let (exit, ..) = outcome(streamgauge().arg("compile").arg(&query).arg("-o").arg(&out));
    assert_eq!(exit, 0);
    let component = fs::read(out.join("select_1.wasm")).unwrap();
    let mut validator = wasmparser::Validator::new();
    validator.validate_all(&component).unwrap();
}

#[test]
fn a_source_that_fails_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    // What begins as gzip does and ends too soon.
    fs::write(folder.path().join("events.jsonl.gz"), [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).unwrap();
    let queries = format!("{QUERY}SELECT n FROM s;\n");
    fs::write(folder.path().join("query.sql"), queries).unwrap();
    let mut command = streamgauge();
    command.args(["run", "query.sql", "--input", "s=events.jsonl.gz"]).current_dir(folder.path());
    let (exit, _, said) = outcome(&mut command);
    assert_eq!(exit, 3, "{said}");
    assert!(said.starts_with("error: source 's' failed: cannot read \"events.jsonl.gz\": "), "{said}");
    assert_eq!(said.matches("failed").count(), 1, "{said}");
}

#[test]
fn a_page_that_ends_with_its_input_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let windows = "SELECT window_end, count(*) AS n FROM";
    let page = format!(
        "CREATE SINK page WITH (connector = 'prometheus', listen = '127.0.0.1:0'); INSERT INTO page {windows}"
    );
    fs::write(folder.path().join("query.sql"), QUERY.replace(windows, &page)).unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"ts\":\"2026-01-01T00:00:00Z\"}\n").unwrap();
    let mut command = streamgauge();
    command.args(["run", "query.sql", "--input", "s=events.jsonl"]).current_dir(folder.path());
    let (exit, _, said) = outcome(&mut command);
    assert_eq!(exit, 0, "{said}");
    let told =
        "sink 'page' answers no scrapes any more: its page ends with the run, as what is read has an end\n";
    assert_eq!(said.matches(told).count(), 1, "{said}");
}
