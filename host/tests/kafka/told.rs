//! What the binary tells of a topic that gives no rows, and of brokers that are away.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use crossbeam_channel::{Receiver, unbounded};
use streamgauge_kafka::MockCluster;

use super::*;

/// A run of the binary that does not outlive its test, and the lines that it tells.
struct Running {
    child: Child,
    said: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (tell, said) = unbounded();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        // It ends with the process.
        thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, said }
    }

    /// The next line with these words; before each look `meanwhile` is done.
    fn hear(&self, words: &str, mut meanwhile: impl FnMut()) -> String {
        let (since, mut heard) = (Stopwatch::start(), Vec::new());
        while since.elapsed() < PATIENCE {
            meanwhile();
            let Ok(line) = self.said.recv_timeout(Duration::from_millis(100)) else { continue };
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("'{words}' is not told: {heard:#?}");
    }

    /// Its exit status, and what it told since.
    fn end(mut self) -> (Option<i32>, Vec<String>) {
        let said = self.said.iter().collect();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A cluster with a topic `t`, and a folder with a query file that reads it.
fn scene(options: &str, statements: &str) -> (MockCluster, Connection, tempfile::TempDir) {
    let cluster = MockCluster::start().unwrap();
    cluster.create_topic("t", 1).unwrap();
    let (connection, folder) = (cluster.connection(), tempfile::tempdir().unwrap());
    let sql = format!(
        "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'kafka', brokers = '{}', topic = 't', \
         format = 'json', time_format = 'unix_s'{options});\n{statements}",
        connection.brokers
    );
    fs::write(folder.path().join("query.sql"), sql).unwrap();
    (cluster, connection, folder)
}

fn command(folder: &tempfile::TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.current_dir(folder.path()).env("NO_COLOR", "1").args(arguments);
    command
}

fn send(producer: &Producer, value: &str) {
    let value = Some(value.as_bytes());
    producer.send(&Record { partition: Some(0), key: None, value, time_us: None }).unwrap();
    producer.flush(PATIENCE).unwrap();
}

#[test]
fn events_that_are_older_than_the_first_window_are_told_with_what_would_help() {
    let windows = "SELECT window_end, count(*) AS events FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_start, window_end;";
    let (_cluster, connection, folder) = scene(", start = 'latest'", windows);
    let producer = Producer::new(&connection, "t").unwrap();
    // A summary comes after the first explanation, in which no event has come.
    let running =
        Running::start(command(&folder, &["run", "query.sql", "-v", "--summary-interval", "300ms"]));
    let mut second = 1_000_000_000;
    let write = || {
        second += 1;
        send(&producer, &format!("{{\"n\":1,\"ts\":{second}}}"));
    };
    let line = running.hear("the first window that is emitted starts at 20", write);
    assert!(line.starts_with("query 'select_1' has no rows yet: "), "{line}");
    assert!(line.contains(", and all events are before it, the newest at 2001-09-09T01:4"), "{line}");
    let line = running.hear("help: ", || ());
    assert!(line.starts_with("help: start = 'earliest' in the WITH of source 's'"), "{line}");
    // That of the summary, which is told without -v, too.
    running.hear("the first window that is emitted starts at 20", || ());
    let kill = format!("kill -TERM {}", running.child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let line = running.hear("query 'select_1' has no rows: the first window that is emitted", || ());
    assert!(line.contains("the newest at 2001-"), "{line}");
    let (status, said) = running.end();
    assert_eq!(status, Some(0), "{said:?}");
}

#[test]
fn who_asks_for_it_does_not_wait_for_brokers_for_ever() {
    let (cluster, connection, folder) = scene("", "");
    let producer = Producer::new(&connection, "t").unwrap();
    send(&producer, "{\"n\":1,\"ts\":1}");
    cluster.set_down(true).unwrap();
    let told = |line: &str| {
        let which = format!("(topic 't' of '{}'); given up after 1s (--connect-timeout)", connection.brokers);
        assert!(line.starts_with("error: source 's' failed: Kafka ") && line.ends_with(&which), "{line}");
    };
    let asked = ["query", "query.sql", "-e", "SELECT n FROM s", "--connect-timeout", "1s"];
    let running = Running::start(command(&folder, &asked));
    told(&running.hear("error: source 's' failed", || ()));
    assert_eq!(running.end().0, Some(3));

    // It goes away while it is read.
    cluster.set_down(false).unwrap();
    let asked =
        ["tap", "s", "query.sql", "--earliest", "--connect-timeout", "1s", "--summary-interval", "50ms"];
    let running = Running::start(command(&folder, &asked));
    running.hear("running: events=1 ", || ());
    cluster.set_down(true).unwrap();
    told(&running.hear("error: source 's' failed", || ()));
    assert_eq!(running.end().0, Some(3));
}
