//! The host as a process, and the rows that it has written.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;

use crate::{
    pause,
    traffic::{Counted, Events, Windows},
};

const LOOK_EVERY: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that counts the events of a topic; it does not outlive its test.
pub(crate) struct Host {
    child: Child,
    folder: PathBuf,
}

/// Writes the query into a folder.
pub(crate) fn prepare(folder: &tempfile::TempDir, brokers: &str, topic: &str, idle_timeout: &str) {
    let sql = format!(
        "CREATE SOURCE events (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '2' SECOND)
         WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', start = 'earliest',
               time_format = 'unix_ms', idle_timeout = '{idle_timeout}');
         CREATE VIEW counted AS SELECT window_end, count(*) AS n, sum(id) AS ids
         FROM TUMBLE(events, ts, INTERVAL '1' SECOND) GROUP BY window_end;
         SELECT * FROM counted;"
    );
    fs::write(folder.path().join("query.sql"), sql).unwrap();
}

impl Host {
    /// Starts it in a folder that was prepared; what it wrote there before stays.
    pub(crate) fn start(folder: &tempfile::TempDir, arguments: &[&str]) -> Self {
        let folder = folder.path().to_owned();
        let file = |name: &str| File::options().create(true).append(true).open(folder.join(name)).unwrap();
        // Another one, for who wants to see a test fail with it.
        let binary = env::var("STREAMGAUGE_BINARY").unwrap_or(env!("CARGO_BIN_EXE_streamgauge").to_owned());
        let child = Command::new(binary)
            .arg("run")
            .arg(folder.join("query.sql"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file("rows"))
            .stderr(file("said"))
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    /// With its state in the folder.
    pub(crate) fn start_with_state(folder: &tempfile::TempDir) -> Self {
        Self::start(
            folder,
            &["--checkpoint-interval", "200ms", "--state", folder.path().join("state").to_str().unwrap()],
        )
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([format!("-{name}"), self.process().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Stands still for a while, as a process that is stopped.
    pub(crate) fn stop_for(&self, time: Duration) {
        self.signal("STOP");
        pause(time);
        self.signal("CONT");
    }

    /// Waits until something is so.
    pub(crate) fn until(&mut self, what: &str, mut so: impl FnMut(&Self) -> bool) {
        let since = Stopwatch::start();
        while !so(self) {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before {what}: {}", self.said());
            assert!(since.elapsed() < PATIENCE, "{what} takes too long: {}", self.said());
            pause(LOOK_EVERY);
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let since = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.said());
            pause(LOOK_EVERY);
        }
    }

    /// Ends it as Ctrl-C does.
    pub(crate) fn interrupt(&mut self) {
        self.signal("INT");
        let status = self.end();
        assert!(status.success(), "{status}: {}", self.said());
    }

    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder.join("said")).unwrap()
    }

    /// The rows so far; a window is there once.
    pub(crate) fn rows(&self) -> Windows {
        let mut rows = BTreeMap::new();
        let text = fs::read_to_string(self.folder.join("rows")).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let end = of_time(row["window_end"].as_str().unwrap());
            let counted = Counted { n: row["n"].as_i64().unwrap(), ids: row["ids"].as_i64().unwrap() };
            assert_eq!(rows.insert(end, counted), None, "a window is there twice: {line}");
        }
        rows
    }

    /// Waits until all windows of these events are there, ends it, and compares them.
    pub(crate) fn assert_exact(mut self, events: &Events) {
        let expected = events.windows();
        let last = *expected.last_key_value().expect("events").0;
        self.until("the last window", |host| host.rows().range(last..).next().is_some());
        self.interrupt();
        let mut rows = self.rows();
        // Windows of the events that close the others.
        rows.split_off(&(last + 1));
        let differ = expected.iter().filter(|(end, counted)| rows.get(end) != Some(counted)).count();
        assert!(differ == 0, "{differ} of {} windows are wrong: {}", expected.len(), self.said());
        assert_eq!(rows.len(), expected.len());
        let said = self.said();
        assert!(said.contains(" late=0 dead_letters=0"), "{said}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A time as rows have it, in milliseconds since the epoch.
fn of_time(text: &str) -> i64 {
    streamgauge_functions::parse_timestamp(text.as_bytes()).expect("a time") / 1000
}
