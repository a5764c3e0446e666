//! Disks that are full, as far as a test can make one: files that may not grow beyond a limit of the process, until it is
//! raised.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
};

use crate::{outcome, streamgauge};

const SOURCE: &str = "
CREATE SOURCE s (n BIGINT, t TEXT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
CREATE SINK big WITH (connector = 'file', path = 'big.jsonl');
CREATE SINK small WITH (connector = 'file', path = 'small.jsonl');
";
const BOTH: &str = "INSERT INTO big SELECT n, t FROM s; INSERT INTO small SELECT n FROM s;";
const TEXT: &str = "a text that makes rows long: a text that makes rows long: a text that makes rows long";

fn events(count: usize) -> String {
    (0..count).map(|n| format!("{{\"n\":{n},\"t\":\"{TEXT}\"}}\n")).collect()
}

fn small_rows(count: usize) -> String {
    (0..count).map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

/// `streamgauge run` in a folder, none of whose files may grow beyond so many bytes; the limit can be raised.
fn limited(folder: &Path, bytes_max: u64, program: &str) -> Command {
    fs::write(folder.join("query.sql"), program).unwrap();
    let mut command = Command::new("sh");
    // A limit counts blocks of 512 bytes.
    let script = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$@\"", bytes_max.div_ceil(512));
    command.args(["-c", &script, "sh"]).arg(streamgauge().get_program());
    command.args(["run", "query.sql"]).current_dir(folder);
    command
}

/// A run that reads what it is told, and is killed where the test fails.
pub(crate) struct Running {
    child: Child,
    pub(crate) events: ChildStdin,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.args(["--input", "s=-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().unwrap();
        let (events, said) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        Self { child, events, said: BufReader::new(said).lines() }
    }

    /// The next line that it says which contains this.
    pub(crate) fn says(&mut self, part: &str) -> String {
        let line = self.said.by_ref().map_while(Result::ok).find(|line| line.contains(part));
        line.unwrap_or_else(|| panic!("it never said: {part}"))
    }

    /// Hands it events.
    pub(crate) fn write(&mut self, events: &str) {
        self.events.write_all(events.as_bytes()).unwrap();
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn raise_the_limit(&self) {
        let pid = self.child.id().to_string();
        let raised = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap();
        assert!(raised.success());
    }

    /// Kills it.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the input; the last line that it says.
    pub(crate) fn finish(mut self) -> String {
        drop(self.events);
        let last = self.said.by_ref().map_while(Result::ok).last().unwrap_or_default();
        assert!(self.child.wait().unwrap().success(), "{last}");
        last
    }
}

/// The state's log holds rows as well and would be too long first. So most of the file is there before the limit is.
#[test]
fn a_file_that_takes_nothing_holds_up_its_own_query_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (30_000, 31_000);
    let program = format!("{SOURCE} {BOTH}");
    let state = ["--state", "state", "--drain-timeout", "60s"];
    let mut first = Running::start(limited(folder.path(), 1 << 40, &program).args(state));
    first.events.write_all(events(before).as_bytes()).unwrap();
    let read = || {
        let there = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        (there("big.jsonl"), there("small.jsonl"))
    };
    while read() != (events(before), small_rows(before)) {
        std::thread::yield_now();
    }
    let interrupted = Command::new("kill").args(["-INT", &first.child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    assert!(first.child.wait().unwrap().success());

    let limit = events(before).len() as u64 + 1000;
    let mut second = Running::start(limited(folder.path(), limit, &program).args(state));
    second.events.write_all(events(after).as_bytes()).unwrap();
    let told = second.says("cannot write to");
    assert!(told.starts_with("sink 'big': cannot write to big.jsonl: File too large"), "{told}");
    assert!(told.ends_with("rows wait"), "{told}");
    while read().1 != small_rows(after) {
        std::thread::yield_now();
    }
    second.raise_the_limit();
    second.says("sink 'big' takes rows again");
    assert_eq!(second.finish(), "events=1000 rows=2000 late=0 dead_letters=0");
    assert!(read() == (events(after), small_rows(after)), "each row is there once");
}

#[test]
fn without_state_a_file_that_takes_nothing_ends_its_own_query_only() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.jsonl"), events(5_000)).unwrap();
    let mut run = limited(folder.path(), 128 << 10, &format!("{SOURCE} {BOTH}"));
    let (exit, _, said) = outcome(run.args(["--input", "s=events.jsonl"]));
    assert_eq!(exit, 3, "{said}");
    assert!(
        said.contains("error: query 'insert_big_1' failed: cannot write to big.jsonl: File too"),
        "{said}"
    );
    assert!(!said.contains("'insert_small_1' failed"), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("small.jsonl")).unwrap(), small_rows(5_000));
    let big = fs::read_to_string(folder.path().join("big.jsonl")).unwrap();
    assert!(
        big.len() > 100 << 10 && events(5_000).starts_with(&big) && big.ends_with('\n'),
        "whole rows only"
    );
}

#[test]
fn a_log_that_cannot_be_written_ends_its_own_query_only_and_the_next_run_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.jsonl"), events(30_000)).unwrap();
    let run = |bytes_max| {
        let mut run = limited(folder.path(), bytes_max, &format!("{SOURCE} {BOTH}"));
        let arguments = ["--input", "s=events.jsonl", "--state", "state", "--drain-timeout", "10s"];
        outcome(run.args(arguments))
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (exit, _, said) = run(2 << 20);
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("error: query 'insert_big_1' failed: cannot write "), "{said}");
    assert!(!said.contains("'insert_small_1' failed"), "{said}");
    assert!(read("small.jsonl") == small_rows(30_000), "the other query came to its end");
    let (exit, _, said) = run(1 << 40);
    assert_eq!(exit, 0, "{said}");
    assert!(read("big.jsonl") == events(30_000) && read("small.jsonl") == small_rows(30_000));
}

#[test]
fn a_device_that_takes_nothing_is_waited_for_and_the_next_run_delivers() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.jsonl"), events(10)).unwrap();
    let run = || {
        let mut run = limited(folder.path(), 1 << 40, &format!("{SOURCE} {BOTH}"));
        run.args(["--input", "s=events.jsonl", "--state", "state", "--drain-timeout", "300ms"]);
        run
    };
    let (exit, _, said) = outcome(run().args(["--output", "big=/dev/full"]));
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("sink 'big': cannot write to /dev/full: No space left on device"), "{said}");
    assert!(
        said.contains("error: query 'insert_big_1' failed: rows not delivered within 300ms: 10"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("small.jsonl")).unwrap(), small_rows(10));
    let (exit, rows, said) = outcome(run().args(["--output", "big=-"]));
    assert_eq!((exit, rows), (0, events(10)), "{said}");
}

#[test]
fn dead_letters_that_cannot_be_written_hold_up_reading_and_are_written_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = limited(folder.path(), 64 << 10, &format!("{SOURCE} SELECT n FROM s;"));
    let mut run = Running::start(run.args(["--dead-letters", "dead.jsonl"]));
    let garbage: String = (0..1_000).map(|n| format!("garbage {n}\n")).collect();
    run.events.write_all(garbage.as_bytes()).unwrap();
    let told = run.says("dead letters wait, and so does reading: cannot write to dead.jsonl: ");
    assert!(told.contains("File too large"), "{told}");
    run.raise_the_limit();
    run.says("dead letters are written again");
    assert_eq!(run.finish(), "events=1000 rows=0 late=0 dead_letters=1000");
    let letters = fs::read_to_string(folder.path().join("dead.jsonl")).unwrap();
    let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["record"].clone();
    let records: Vec<_> = letters.lines().map(record).collect();
    assert_eq!(
        records,
        (0..1_000).map(|n| format!("garbage {n}")).collect::<Vec<_>>(),
        "each once, in order"
    );
}

#[test]
fn a_file_of_dead_letters_has_a_bound() {
    let folder = tempfile::tempdir().unwrap();
    let garbage: String = (0..300).map(|n| format!("garbage {n}\n")).collect();
    fs::write(folder.path().join("events.jsonl"), garbage).unwrap();
    let mut run = limited(folder.path(), 1 << 40, &format!("{SOURCE} SELECT n FROM s;"));
    run.args([
        "--input",
        "s=events.jsonl",
        "--dead-letters",
        "dead.jsonl",
        "--dead-letters-max-bytes",
        "8KiB",
    ]);
    let (exit, _, said) = outcome(&mut run);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("dead letters: '") && said.contains(" older ones are dropped, "), "{said}");
    assert!(said.ends_with("events=300 rows=0 late=0 dead_letters=300\n"), "{said}");
    let [older, newer] = ["dead.jsonl.1", "dead.jsonl"].map(|name| {
        let letters = fs::read_to_string(folder.path().join(name)).unwrap();
        assert!((1..=8 << 10).contains(&letters.len()), "{name} has {} bytes", letters.len());
        letters
    });
    let offset = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["offset"].as_i64();
    let offsets: Vec<_> = older.lines().chain(newer.lines()).map(|line| offset(line).unwrap()).collect();
    let first = 300 - offsets.len() as i64;
    assert_eq!(offsets, (first..300).collect::<Vec<_>>(), "the last ones are there, without a gap");

    fs::write(folder.path().join("dead.jsonl.1"), "notes of mine").unwrap();
    let (exit, _, said) = outcome(&mut run);
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains("dead.jsonl.1', which holds no dead letters"), "{said}");
    assert_eq!(fs::read_to_string(folder.path().join("dead.jsonl.1")).unwrap(), "notes of mine");
}
