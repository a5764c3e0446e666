//! What signals do to a run: one ends it wherever it is, others end nothing.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use streamgauge_common::clock::{Stopwatch, pause};

use crate::streamgauge;

const QUERY: &str = "
CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
CREATE SINK k WITH (connector = 'console');
INSERT INTO k SELECT n FROM s;
";
/// How soon one signal ends a run.
const SOON: Duration = Duration::from_secs(5);

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Whether it listens to signals.
    fn listens(&self) -> bool {
        let threads = fs::read_dir(format!("/proc/{}/task", self.0.id())).unwrap().map(Result::unwrap);
        let mut names =
            threads.map(|thread| fs::read_to_string(thread.path().join("comm")).unwrap_or_default());
        names.any(|name| name.trim_end() == "signals")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn run(folder: &Path, arguments: &[&str]) -> Command {
    fs::write(folder.join("query.sql"), QUERY).unwrap();
    let mut command = streamgauge();
    command.current_dir(folder).arg("run").args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

#[test]
fn one_signal_ends_a_run_that_waits_for_the_other_side_of_a_pipe() {
    let waits: [(&str, &[&str]); 4] = [
        ("TERM", &["query.sql", "--input", "s=pipe"]),
        ("INT", &["query.sql", "--input", "s=pipe"]),
        ("TERM", &["pipe"]),
        ("TERM", &["query.sql", "pipe", "--input", "s=events"]),
    ];
    for (signal, arguments) in waits {
        let folder = tempfile::tempdir().unwrap();
        assert!(Command::new("mkfifo").arg(folder.path().join("pipe")).status().unwrap().success());
        let running = run(folder.path(), arguments).stderr(Stdio::null()).spawn().unwrap();
        let mut running = Running(running);
        while !running.listens() {
            assert_eq!(running.0.try_wait().unwrap(), None, "{arguments:?}");
            pause(Duration::from_millis(1));
        }
        running.signal(signal);
        let since = Stopwatch::start();
        let status = loop {
            if let Some(status) = running.0.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < SOON, "{arguments:?}: SIG{signal} is not heard");
            pause(Duration::from_millis(5));
        };
        assert_eq!(status.code(), Some(130), "{arguments:?}: {status}");
    }
}

#[test]
fn a_terminal_that_goes_away_does_not_end_a_run_nor_do_signals_without_a_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = run(folder.path(), &["query.sql", "--input", "s=-", "--state", "state"]);
    let running = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(running);
    let mut events = running.0.stdin.take().unwrap();
    let mut rows = BufReader::new(running.0.stdout.take().unwrap()).lines();
    let mut said = BufReader::new(running.0.stderr.take().unwrap()).lines();
    for (n, signal) in ["HUP", "USR1", "USR2", "HUP"].iter().enumerate() {
        writeln!(events, "{{\"n\":{n}}}").unwrap();
        assert_eq!(rows.next().unwrap().unwrap(), format!("{{\"n\":{n}}}"));
        running.signal(signal);
        if *signal == "HUP" {
            let line = said.by_ref().map(Result::unwrap).find(|line| line.starts_with("SIGHUP")).unwrap();
            assert!(line.contains("the run goes on"), "{line}");
        }
    }
    writeln!(events, "{{\"n\":4}}").unwrap();
    assert_eq!(rows.next().unwrap().unwrap(), "{\"n\":4}");
    running.signal("TERM");
    let last = said.map_while(Result::ok).last().unwrap();
    assert_eq!(last, "events=5 rows=5 late=0 dead_letters=0", "it ended well");
    assert!(running.0.wait().unwrap().success());
}

/// Rows that go to a file do not need a terminal.
#[test]
fn a_run_whose_standard_error_is_gone_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = run(folder.path(), &["query.sql", "--input", "s=-", "--output", "k=rows.jsonl"]);
    let running =
        command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut running = Running(running);
    drop((running.0.stderr.take(), running.0.stdout.take()));
    let mut events = running.0.stdin.take().unwrap();
    let rows = folder.path().join("rows.jsonl");
    for n in 0..3 {
        writeln!(events, "{{\"n\":{n}}}").unwrap();
        while fs::read_to_string(&rows).unwrap_or_default().lines().count() <= n {
            assert_eq!(running.0.try_wait().unwrap(), None, "it goes on");
            pause(Duration::from_millis(1));
        }
        running.signal("HUP");
    }
    drop(events);
    assert!(running.0.wait().unwrap().success());
}
