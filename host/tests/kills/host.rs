//! The host as a process: started, killed at a moment, ended.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::{
    clock::Stopwatch,
    crash::{PHASES, Phase},
};
use streamgauge_kafka::Connection;

use crate::{
    oracle::Lost,
    pause,
    receiver::{Receiver, SECRET_NAME, secret},
    rows::{self, Rows},
};

/// How often a process is asked whether it has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// How long one may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(120);
/// As `query.sql` says of its file.
const FILE_BYTES_MAX: usize = 32 << 10;
/// How much of what it said is told with a failure.
const SAID_LINES: usize = 40;

/// A query file and where its state, its dead letters and what it says are kept.
#[derive(Debug)]
pub(crate) struct Deployment {
    folder: PathBuf,
    arguments: Vec<String>,
}

impl Deployment {
    /// Lays a query file into a new folder.
    pub(crate) fn new(folder: PathBuf, sql: &str, arguments: &[&str]) -> Self {
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("query.sql"), sql).unwrap();
        Self { folder, arguments: arguments.iter().map(|&argument| argument.to_owned()).collect() }
    }

    /// The query file of the kills.
    pub(crate) fn of_kills(
        folder: PathBuf,
        kafka: &Connection,
        events: &str,
        receiver: &Receiver,
        rows: &str,
        arguments: &[&str],
    ) -> Self {
        let sql = include_str!("query.sql")
            .replace("$BROKERS", &kafka.brokers)
            .replace("$EVENTS", events)
            .replace("$URL", &receiver.url())
            .replace("$FILES", &folder.join("files.jsonl").display().to_string())
            .replace("$ROWS", rows);
        Self::new(folder, &sql, arguments)
    }

    /// The rows of its file, and of those that it was before.
    pub(crate) fn file_rows(&self) -> Rows {
        rows::of_lines(&rows::of_files(&self.folder.join("files.jsonl"), FILE_BYTES_MAX))
    }

    /// Starts a host on its state, with these settings of the environment.
    pub(crate) fn start(&self, environment: &[(&str, &str)]) -> Host {
        self.start_with(&[], environment)
    }

    /// The same, with more arguments.
    pub(crate) fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Host {
        let phases = self.folder.join("phases");
        // What an earlier one was doing must not pass for this one's.
        drop(fs::remove_file(&phases));
        let said = File::options().create(true).append(true).open(self.folder.join("said")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
            .arg("run")
            .arg(self.folder.join("query.sql"))
            .arg("--state")
            .arg(self.state())
            .arg("--dead-letters")
            .arg(self.folder.join("dead_letters.jsonl"))
            .args(&self.arguments)
            .args(arguments)
            .env("NO_COLOR", "1")
            .env(SECRET_NAME, secret())
            .env("STREAMGAUGE_PHASES", &phases)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        Host { child, since: Stopwatch::start(), phases, said: self.folder.join("said") }
    }

    /// Where its state is: in its folder, or under the URL of a bucket in `STREAMGAUGE_STATE`.
    fn state(&self) -> PathBuf {
        let bucket = env::var("STREAMGAUGE_STATE").map(|url| format!("{url}{}", self.folder.display()));
        bucket.map_or_else(|_| self.folder.join("state"), PathBuf::from)
    }

    /// Partition, offset and reason of every dead letter, those in the older file included; each of them is whole and there
    /// once.
    pub(crate) fn dead_letters(&self) -> BTreeSet<(u32, i64, Lost)> {
        let files = ["dead_letters.jsonl.1", "dead_letters.jsonl"].map(|name| self.folder.join(name));
        let letters = files.map(|file| fs::read_to_string(file).unwrap_or_default()).concat();
        let place = |line: &str| {
            let letter: Value =
                serde_json::from_str(line).unwrap_or_else(|_| panic!("no dead letter: {line}"));
            let partition = letter["partition"].as_u64().and_then(|number| u32::try_from(number).ok());
            let lost = if letter["reason"] == "late" { Lost::Late } else { Lost::Unusable };
            (partition.expect("a partition"), letter["offset"].as_i64().expect("an offset"), lost)
        };
        let places: BTreeSet<_> = letters.lines().map(place).collect();
        assert_eq!(places.len(), letters.lines().count(), "a dead letter is there twice");
        places
    }
}

/// A kill, and what it hit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kill {
    /// After the start.
    pub(crate) at: Duration,
    /// Which of [`PHASES`] were going on.
    pub(crate) inside: [bool; PHASES.len()],
}

/// A process; it does not outlive its test.
pub(crate) struct Host {
    child: Child,
    since: Stopwatch,
    phases: PathBuf,
    said: PathBuf,
}

impl Host {
    /// Its number.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Kills it some time after its start.
    pub(crate) fn kill_at(mut self, moment: Duration) -> Kill {
        pause(moment.saturating_sub(self.since.elapsed()));
        self.kill()
    }

    /// Kills it when it is in a phase, not before one moment and not after another.
    pub(crate) fn kill_in(mut self, phase: Phase, earliest: Duration, latest: Duration) -> Kill {
        pause(earliest.saturating_sub(self.since.elapsed()));
        let mut file = None;
        while self.since.elapsed() < latest {
            match &file {
                None => file = File::open(&self.phases).ok(),
                Some(file) if inside(file)[phase as usize] => break,
                Some(_) => thread::yield_now(),
            }
        }
        self.kill()
    }

    fn kill(&mut self) -> Kill {
        assert!(self.has_ended().is_none(), "it ended before it was killed: {}", self.said());
        self.child.kill().unwrap();
        let at = self.since.elapsed();
        self.child.wait().unwrap();
        let inside = File::open(&self.phases).map(|file| inside(&file)).unwrap_or_default();
        Kill { at, inside }
    }

    /// Waits until `done`; fails if it ends meanwhile, or takes too long.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut() -> bool) {
        let since = Stopwatch::start();
        while !done() {
            assert!(self.has_ended().is_none(), "it ended before {what}: {}", self.said());
            assert!(since.elapsed() < PATIENCE, "{what} takes too long: {}", self.said());
        }
    }

    /// Ends it as Ctrl-C does; it must end well.
    pub(crate) fn interrupt(self) {
        let kill = format!("kill -INT {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        self.drain_and_checkpoint();
    }

    /// Waits until it has ended by itself, well.
    pub(crate) fn drain_and_checkpoint(mut self) {
        let status = self.end();
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Waits until it has ended, however.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let since = Stopwatch::start();
        loop {
            if let Some(status) = self.has_ended() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.said());
            pause(LOOK_EVERY);
        }
    }

    fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// The last that it said.
    pub(crate) fn said(&self) -> String {
        let said = fs::read_to_string(&self.said).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(SAID_LINES)..].join("\n")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a process is in the middle of, by its file.
fn inside(file: &File) -> [bool; PHASES.len()] {
    let mut bytes = [0; PHASES.len()];
    // The file may be shorter than it will be.
    drop(file.read_at(&mut bytes, 0));
    bytes.map(|byte| byte == 1)
}
