//! A bug in any thread ends the process: its exit status says so, its message says which thread, nothing is recorded as
//! finished, and the next run gives what an undisturbed one gives.
//!
//! `STREAMGAUGE_PANIC` names the point at which a thread panics. Threads that speak with Kafka or a webhook are in
//! `tests/kills/crash_points`.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::OnceLock,
    time::Duration,
};

use streamgauge_common::clock::{Stopwatch, pause};
use tempfile::TempDir;

use crate::streamgauge;

const QUERY: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_ms');
CREATE SINK k WITH (connector = 'console');
CREATE VIEW v AS SELECT window_end, n % 5 AS g, count(*) AS n, sum(n) AS total
FROM TUMBLE(s, ts, INTERVAL '1' SECOND) GROUP BY window_end, n % 5;
INSERT INTO k SELECT * FROM v;
";
const SCRAPED: &str = "
CREATE SINK page WITH (connector = 'prometheus', listen = '127.0.0.1:0');
INSERT INTO page SELECT * FROM v;
";
/// Enough for some chunks.
const EVENTS: usize = 20_000;
const SIGABRT: i32 = 6;
/// How long a process may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process does when a thread of it panics.
#[derive(Clone, Copy, PartialEq)]
enum Input {
    /// It reads a file.
    File,
    /// It reads events and then waits for more, so that its input has no end.
    Open,
}

/// The point, the thread that passes it, and what is read meanwhile.
const PANICS: &[(&str, &str, Input)] = &[
    ("read.before_hand:3", "read", Input::File),
    // All is read, but that it was the end is not said.
    ("read.before_end", "read", Input::File),
    ("decode.chunk:2", "decode-", Input::File),
    ("close.decided:9", "pipeline", Input::File),
    ("log.synced:2", "log", Input::File),
    ("checkpoint.after_data:1", "checkpoint", Input::File),
    ("file.before_mark:2", "lines", Input::File),
    ("supervisor.watches", "supervisor", Input::Open),
    ("run.tick:2", "main", Input::Open),
];

fn events() -> &'static str {
    static EVENTS_TEXT: OnceLock<String> = OnceLock::new();
    EVENTS_TEXT.get_or_init(|| {
        let event = |n: usize| format!("{{\"n\":{n},\"ts\":{}}}\n", 1_767_225_600_000 + n * 10);
        (0..EVENTS).map(event).collect()
    })
}

/// A query with its state in a folder of its own.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("query.sql"), format!("{QUERY}{more}")).unwrap();
        fs::write(folder.path().join("events.jsonl"), events()).unwrap();
        Self { folder }
    }

    fn run(&self, input: Input) -> Command {
        let mut command = streamgauge();
        let input = if input == Input::File { "s=events.jsonl" } else { "s=-" };
        command
            .current_dir(self.folder.path())
            .args([
                "run",
                "query.sql",
                "--state",
                "state",
                "--checkpoint-interval",
                "1ms",
                "--drain-timeout",
                "5s",
            ])
            .args(["--output", "k=rows.jsonl", "--input", input])
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    fn rows(&self) -> String {
        fs::read_to_string(self.folder.path().join("rows.jsonl")).unwrap()
    }

    /// The next run, undisturbed. Where the one before was recorded as finished it does nothing, and rows are missing.
    fn go_on(&self, what: &str, input: Input) {
        static CALM: OnceLock<String> = OnceLock::new();
        let calm = CALM.get_or_init(|| {
            let scene = Self::new("");
            assert!(scene.run(Input::File).status().unwrap().success());
            scene.rows()
        });
        let mut command = self.run(input);
        let events = File::open(self.folder.path().join("events.jsonl")).unwrap();
        let output = command.stdin(events).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{what}: {said}");
        assert!(
            self.rows() == *calm,
            "{what}: {} rows instead of {}",
            self.rows().lines().count(),
            calm.lines().count()
        );
    }
}

/// A process that is fed, and does not outlive its test.
struct Running {
    child: Child,
    /// Open for as long as the process is to have no end of its input.
    _input: Option<ChildStdin>,
}

impl Running {
    fn start(command: &mut Command, input: Input) -> Self {
        if input == Input::Open {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take();
        if let Some(input) = &mut input {
            // It may end before it has read all of them.
            drop(input.write_all(events().as_bytes()));
        }
        Self { child, _input: input }
    }

    fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// How it ended, and what it said.
    fn end(mut self) -> (ExitStatus, String) {
        let since = Stopwatch::start();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end");
            pause(Duration::from_millis(2));
        };
        let said = self.child.stderr.take().map(|said| io::read_to_string(said).unwrap());
        (status, said.unwrap_or_default())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn assert_told(what: &str, thread: &str, (status, said): &(ExitStatus, String)) {
    assert_eq!(status.signal(), Some(SIGABRT), "{what}: {status}: {said}");
    assert!(!status.core_dumped(), "{what}: a core dump holds secrets");
    let version = env!("CARGO_PKG_VERSION");
    let begin = format!("error: streamgauge {version} ends: thread '{thread}");
    assert!(said.contains(&begin), "{what}: {said}");
    let point = what.split(':').next().unwrap();
    assert!(said.contains(" panicked at ") && said.contains(&format!("asks for it at '{point}'")), "{said}");
    // Other threads may say something until the process has ended.
    let help = "help: this is a bug, please report it; the next run with --state state goes on from there";
    assert!(said.lines().any(|line| line == help), "{what}: {said}");
}

#[test]
fn a_panic_in_any_thread_ends_the_process_and_the_next_run_is_exact() {
    for &(point, thread, input) in PANICS {
        let scene = Scene::new("");
        let run = Running::start(scene.run(input).env("STREAMGAUGE_PANIC", point), input);
        assert_told(point, thread, &run.end());
        scene.go_on(point, input);
    }
}

/// As for those who use the library: nothing is finished, and nobody waits for who is gone.
#[test]
fn a_panic_that_ends_only_its_thread_is_a_failure_and_the_next_run_is_exact() {
    for &(point, _, input) in PANICS {
        let scene = Scene::new("");
        let mut command = scene.run(input);
        let run =
            Running::start(command.env("STREAMGAUGE_PANIC", point).env("STREAMGAUGE_UNWIND", "1"), input);
        let (status, said) = run.end();
        assert_eq!(status.code(), Some(3), "{point}: {status}: {said}");
        assert!(said.contains("\nerror: ") && said.contains(" failed: "), "{point}: {said}");
        scene.go_on(point, input);
    }
}

#[test]
fn a_panic_of_who_hears_signals_is_told() {
    for unwinds in [false, true] {
        let scene = Scene::new("");
        let mut command = scene.run(Input::Open);
        command.env("STREAMGAUGE_PANIC", "signals.hang_up");
        if unwinds {
            command.env("STREAMGAUGE_UNWIND", "1");
        }
        let run = Running::start(&mut command, Input::Open);
        while !scene.folder.path().join("rows.jsonl").exists() {
            pause(Duration::from_millis(2));
        }
        run.signal("HUP");
        let (status, said) = run.end();
        match unwinds {
            false => assert_told("signals.hang_up", "signals", &(status, said)),
            true => assert_eq!(status.code(), Some(3), "{said}"),
        }
        scene.go_on("signals.hang_up", Input::Open);
    }
}

/// Where the process answers: the address behind these words.
fn address(said: &mut impl BufRead, words: &str) -> String {
    let mut line = String::new();
    while !line.contains(words) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it says where it listens");
    }
    let (_, rest) = line.split_once("http://").unwrap();
    rest.split('/').next().unwrap().to_owned()
}

#[test]
fn a_panic_of_who_answers_scrapes_is_told() {
    for (point, thread, unwinds) in [
        ("scrape.before_show", "to scrapes", false),
        ("scrape.before_show", "to scrapes", true),
        ("scrape.render", "deliver", false),
        ("scrape.render", "deliver", true),
    ] {
        let scene = Scene::new(SCRAPED);
        let mut command = scene.run(Input::Open);
        command.env("STREAMGAUGE_PANIC", point);
        if unwinds {
            command.env("STREAMGAUGE_UNWIND", "1");
        }
        let mut run = Running::start(&mut command, Input::Open);
        let mut said = BufReader::new(run.child.stderr.take().unwrap());
        let address = address(&mut said, "answers scrapes at http://");
        if point == "scrape.render" {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            // No answer comes.
            drop(stream.read(&mut [0]));
            if unwinds {
                let mut line = String::new();
                while !line.contains("sink 'page' answers no scrapes any more: it panicked, which is a bug: ")
                {
                    line.clear();
                    assert!(said.read_line(&mut line).unwrap() > 0, "it is told");
                }
                run.signal("TERM");
            }
        }
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let (status, _) = run.end();
        match unwinds {
            false => assert_told(point, thread, &(status, rest)),
            true => assert_eq!(status.code(), Some(3), "{point}: {rest}"),
        }
    }
}

#[test]
fn a_panic_of_who_answers_for_the_process_is_told() {
    for unwinds in [false, true] {
        let scene = Scene::new("");
        let mut command = scene.run(Input::Open);
        command.args(["--listen", "127.0.0.1:0"]).env("STREAMGAUGE_PANIC", "monitor.render");
        if unwinds {
            command.env("STREAMGAUGE_UNWIND", "1");
        }
        let mut run = Running::start(&mut command, Input::Open);
        let mut said = BufReader::new(run.child.stderr.take().unwrap());
        let mut stream = TcpStream::connect(address(&mut said, "answers at http://")).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        // No answer comes.
        drop(stream.read(&mut [0]));
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        let (status, _) = run.end();
        match unwinds {
            false => assert_told("monitor.render", "monitor", &(status, rest)),
            true => {
                assert_eq!(status.code(), Some(3), "{rest}");
                assert!(
                    rest.contains("error: the thread that answers at --listen failed: it panicked"),
                    "{rest}"
                );
            }
        }
    }
}

/// The message never holds up the end.
#[test]
fn a_panic_ends_the_process_whatever_standard_error_is() {
    let panics = |command: &mut Command| {
        command.env("STREAMGAUGE_PANIC", "read.before_hand:3").stdout(Stdio::null());
    };
    let (_reader, mut full) = io::pipe().unwrap();
    full.write_all(&[b'x'; 1 << 16]).unwrap();
    let scene = Scene::new("");
    let mut command = scene.run(Input::File);
    panics(command.stderr(full));
    let run = Running::start(&mut command, Input::File);
    drop(command);
    assert_eq!(run.end().0.signal(), Some(SIGABRT), "nobody reads it");

    let closed = closed_stderr(scene.folder.path());
    let mut command = Command::new("sh");
    command.args(["-c", &closed]).current_dir(scene.folder.path()).stderr(Stdio::null());
    panics(&mut command);
    let (status, _) = Running::start(&mut command, Input::File).end();
    assert!(
        status.signal() == Some(SIGABRT) || status.code() == Some(128 + SIGABRT),
        "it is closed: {status}"
    );

    let scene = Scene::new("");
    let mut command = scene.run(Input::File);
    panics(command.env("RUST_BACKTRACE", "1"));
    let (_, said) = Running::start(&mut command, Input::File).end();
    assert!(
        said.contains("goes on from there\n") && said.contains("   0: "),
        "a backtrace where it is asked for: {said}"
    );
}

fn closed_stderr(folder: &Path) -> String {
    let binary: PathBuf = env!("CARGO_BIN_EXE_streamgauge").into();
    let state = folder.join("closed");
    format!(
        "exec {} run query.sql --input s=events.jsonl --output k=closed.jsonl --state {} 2>&-",
        binary.display(),
        state.display()
    )
}
