//! What a run tells of itself while it goes on: the first dead letters, names that are spelled otherwise, how far it is, why there are
//! no rows, and what it answers by HTTP.

use std::{
    fs,
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::{Stopwatch, pause};
use tempfile::TempDir;

use crate::{outcome, streamgauge};

const SOURCE: &str = "CREATE SOURCE s (\"SessionID\" TEXT, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json'";
pub(crate) const ROWS: &str = "CREATE VIEW plain AS SELECT n FROM s;
CREATE SINK k WITH (connector = 'console');
INSERT INTO k SELECT n FROM plain;";
pub(crate) const WINDOWS: &str =
    "CREATE VIEW w AS SELECT window_end, sum(n) AS total FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_end;
CREATE SINK k WITH (connector = 'console');
INSERT INTO k SELECT * FROM w WHERE total > 0;";
const PATIENCE: Duration = Duration::from_secs(30);

/// A folder with a program; `options` follow those of the source.
pub(crate) fn folder(options: &str, statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), format!("{SOURCE}{options});\n{statements}")).unwrap();
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments).stdin(Stdio::null());
    command
}

/// What a run over a file tells.
pub(crate) fn told(folder: &Path, events: &str, arguments: &[&str]) -> Vec<String> {
    fs::write(folder.join("events.jsonl"), events).unwrap();
    let (status, _, said) = outcome(run(folder, &["--input", "s=events.jsonl"]).args(arguments));
    assert_eq!(status, 0, "{said}");
    said.lines().map(str::to_owned).collect()
}

/// A run whose input has no end yet; it does not outlive its test.
pub(crate) struct Running {
    child: Child,
    events: Option<ChildStdin>,
    said: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = run(folder, &["--input", "s=-"]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { events: child.stdin.take(), child, said }
    }

    pub(crate) fn write(&mut self, events: &str) {
        self.events.as_mut().unwrap().write_all(events.as_bytes()).unwrap();
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that holds these words.
    pub(crate) fn hear(&mut self, words: &str) -> String {
        let mut heard = Vec::new();
        for line in self.said.by_ref().map(Result::unwrap) {
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("'{words}' is not told: {heard:#?}");
    }

    /// Ends it by SIGTERM: what it told until then.
    pub(crate) fn end(mut self) -> Vec<String> {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let said = self.said.by_ref().map(Result::unwrap).collect();
        assert!(self.child.wait().unwrap().success(), "{said:#?}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; then there is nothing to kill.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn the_first_dead_letter_of_each_reason_and_column_is_told_at_once_with_what_would_help() {
    let folder = folder("", WINDOWS);
    let mut running = Running::start(folder.path(), &["-q"]);
    running.write("{\"n\":1,\"ts\":1767225600000}\n{\"n\":2,\"ts\":1767225600001}\n");
    assert_eq!(
        running.hear("dead letter"),
        "source 's': first dead letter 'wrong_type': column \"ts\": expected TIMESTAMP as text of RFC 3339, found `1767225600000`; \
         partition 0, offset 0 (line 1 of standard input): {\"n\":1,\"ts\":1767225600000}"
    );
    assert_eq!(
        running.hear("help"),
        "help: write time_format = 'unix_ms' in the WITH of source 's'; `run --dead-letters PATH` keeps all dead letters with their records"
    );
    running.write("{\"n\":1,\"ts\":\n");
    assert!(running.hear("dead letter").contains("'malformed': expected "));
    running.write("{\"n\":\"x\",\"ts\":1767225600002}\n");
    assert!(
        running.hear("first dead letter").contains("'wrong_type': column \"n\": expected BIGINT"),
        "another column"
    );
    running.write("{\"n\":\"x\",\"ts\":1767225600003}\n[]\n");
    let rest = running.end();
    assert!(!rest.iter().any(|line| line.contains("dead letter '")), "each is told once: {rest:?}");
}

#[test]
fn a_line_of_json_about_a_dead_letter_has_its_place() {
    let folder = folder(", time_format = 'unix_ms'", ROWS);
    let arguments = ["--dead-letters", "letters.jsonl", "--log-format", "json"];
    let lines = told(folder.path(), "{\"n\":1}\n{\"n\":2.5}\n", &arguments);
    let letters = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let letters: Vec<Value> = letters.filter(|line| line["reason"] == "wrong_type").collect();
    let [letter] = &letters[..] else { panic!("{lines:?}") };
    assert_eq!((&letter["level"], &letter["source"]), (&"warn".into(), &"s".into()));
    assert_eq!(letter.get("query"), None, "it is the record's fault, for whoever reads it");
    assert_eq!((&letter["partition"], &letter["offset"]), (&0.into(), &1.into()));
    let message = letter["message"].as_str().unwrap();
    assert!(message.contains("(line 2 of 'events.jsonl'): {\"n\":2.5}"), "{message}");
    assert_eq!(
        letter["help"],
        "declare column n as DOUBLE, if that is what the source has; CAST converts it in a query"
    );
}

#[test]
fn an_event_that_is_late_is_told_once_unless_nothing_is_to_be_said_of_late_events() {
    let events: String = [0, 600, 1, 2].map(|second| format!("{{\"n\":1,\"ts\":{second}}}\n")).concat();
    let late = |options: &str| {
        let folder = folder(options, WINDOWS);
        let lines = told(folder.path(), &events, &[]);
        assert!(lines.last().unwrap().contains(" late=2 dead_letters=0"), "{lines:?}");
        lines.into_iter().filter(|line| line.contains("first late event")).collect::<Vec<_>>()
    };
    let told = late(", time_format = 'unix_s'");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "query 'w': first late event: late for all its windows: [1970-01-01T00:00:00.000Z, "
        ),
        "{told:?}"
    );
    assert!(told[0].ends_with("offset 2 (line 3 of 'events.jsonl'): {\"n\":1,\"ts\":1}"), "{told:?}");
    assert_eq!(late(", time_format = 'unix_s', late_dead_letters = 'false'"), [""; 0]);
}

#[test]
fn a_key_that_no_record_has_is_told_with_the_one_that_was_meant() {
    let query = "SELECT \"SessionID\", n FROM s;";
    let folder = folder("", query);
    let lines =
        told(folder.path(), "{\"SessionId\":\"a\",\"n\":1}\n{\"SessionId\":\"b\",\"n\":1}\n", &["-q"]);
    let expected = [
        "source 's': column \"SessionID\" was NULL in all 2 records: there is no key `SessionID`; did you mean `SessionId`?",
        "help: write SessionID ... PATH 'SessionId' behind its type; JSON keys are matched exactly",
    ];
    assert_eq!(lines, expected);
    // Something else is no misspelling: that is not worth attention in every run.
    assert_eq!(told(folder.path(), "{\"other\":\"a\",\"n\":1}\n", &["-q"]), [""; 0]);
    let lines = told(folder.path(), "{\"other\":\"a\",\"n\":1}\n", &[]);
    assert!(
        lines[0].ends_with("was NULL in the only record: there is no key `SessionID`; there are: n, other"),
        "{lines:?}"
    );

    let mut running = Running::start(folder.path(), &["-q"]);
    running.write(&"{\"SessionId\":\"a\",\"n\":1}\n".repeat(1000));
    assert!(running.hear("SessionID").contains("was NULL in the first 1000 records"));
    running.write("{\"SessionId\":\"a\",\"n\":1}\n");
    assert!(!running.end().iter().any(|line| line.contains("was NULL")), "it is told once");
}

#[test]
fn a_run_without_a_terminal_says_now_and_then_how_far_it_is() {
    let folder = folder(", time_format = 'unix_ms'", ROWS);
    let mut running = Running::start(folder.path(), &["--summary-interval", "20ms", "--state", "state"]);
    running.write("{\"n\":1}\n{\"n\":2}\n{\"n\":\"x\"}\n");
    let line = running.hear("running: events=3 rows=2 late=0 dead_letters=1");
    assert!(line.contains(" outbox=insert_k_1:"), "{line}");
    let rest = running.end();
    assert_eq!(rest.last().unwrap(), "events=3 rows=2 late=0 dead_letters=1");
}

#[test]
fn the_end_has_totals_of_each_query_before_those_of_the_run() {
    let statements = format!("{ROWS}\nSELECT 10 / n AS inverse FROM s;");
    let folder = folder(", time_format = 'unix_ms'", &statements);
    let lines = told(folder.path(), "{\"n\":0}\n{\"n\":2}\n{\"n\":\"x\"}\n", &[]);
    let totals: Vec<&String> = lines.iter().skip_while(|line| !line.contains(": rows=")).collect();
    assert_eq!(
        totals,
        [
            "query 'plain': rows=0 late=0 dead_letters=1",
            "query 'insert_k_1': rows=2 late=0 dead_letters=0",
            "query 'select_1': rows=1 late=0 dead_letters=2",
            "events=3 rows=3 late=0 dead_letters=3",
        ]
    );
}

#[test]
fn a_query_that_goes_on_says_where_and_how_old_its_checkpoint_is() {
    let folder = folder(", time_format = 'unix_ms'", ROWS);
    let state = ["--state", "state", "--summary-interval", "20ms"];
    let mut running = Running::start(folder.path(), &state);
    running.write("{\"n\":1}\n{\"n\":2}\n");
    running.hear("running: events=2");
    assert!(!running.end().iter().any(|line| line.contains("resumes")));
    let mut running = Running::start(folder.path(), &state);
    let line = running.hear("resumes");
    let age =
        line.strip_prefix("query 'plain' resumes at offset 2 of partition 0, its checkpoint is ").unwrap();
    assert!(age.strip_suffix(" s old").unwrap().parse::<u32>().unwrap() < 60, "{line}");
}

#[test]
fn who_asks_is_told_why_there_are_no_rows_yet() {
    let folder = folder(", time_format = 'unix_s'", WINDOWS);
    let mut running = Running::start(folder.path(), &["-v"]);
    assert_eq!(running.hear("no rows yet"), "query 'w' has no rows yet: no event has come");
    running.write("{\"n\":0,\"ts\":5}\n");
    assert_eq!(
        running.hear("no rows yet"),
        "query 'w' has no rows yet: the first window ends at 1970-01-01T00:01:00.000Z, the watermark is at 1970-01-01T00:00:05.000Z"
    );
    running.write("{\"n\":0,\"ts\":65}\n");
    let closed =
        "query 'w' has no rows yet: windows have closed (1), but HAVING or WHERE keeps no row of them";
    assert_eq!(running.hear("no rows yet"), closed);
    let quiet = Running::start(folder.path(), &["--summary-interval", "700ms"]);
    let mut quiet = quiet;
    quiet.hear("running: ");
    assert!(!quiet.end().iter().any(|line| line.contains("no rows yet")), "only who asks is told");
}

/// The status and the body of a page.
fn ask(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn a_run_that_listens_answers_with_its_metrics_and_whether_it_reads() {
    let folder = folder(", time_format = 'unix_ms'", ROWS);
    let mut running =
        Running::start(folder.path(), &["--listen", "127.0.0.1:0", "--summary-interval", "20ms"]);
    let line = running.hear("answers at http://");
    let address = line.strip_prefix("answers at http://").unwrap().split('/').next().unwrap().to_owned();
    assert_eq!(ask(&address, "/livez"), (200, "alive\n".to_owned()));
    let (status, body) = ask(&address, "/readyz");
    // Nothing has come, so nobody knows yet that the input can be read.
    assert!(status == 503 && body.starts_with("not ready: "), "{status} {body}");
    running.write("{\"n\":1}\n{\"n\":2}\n{\"n\":\"x\"}\n");
    running.hear("running: events=3");
    assert_eq!(ask(&address, "/readyz"), (200, "ready\n".to_owned()));
    let (status, page) = ask(&address, "/metrics");
    assert_eq!(status, 200);
    for line in [
        "streamgauge_events_total{deployment=\"run\",source=\"s\"} 3",
        "streamgauge_rows_total{deployment=\"run\",query=\"insert_k_1\"} 2",
        "streamgauge_dead_letters_total{deployment=\"run\",query=\"plain\",reason=\"wrong_type\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} in {page}");
    }
    let mut taken = run(folder.path(), &["--input", "s=/dev/null", "--listen", &address]);
    let (status, _, said) = outcome(&mut taken);
    assert!(
        status == 1 && said.starts_with(&format!("error: --listen: cannot listen on '{address}'")),
        "{status} {said}"
    );
    let rest = running.end();
    assert_eq!(rest.last().unwrap(), "events=3 rows=2 late=0 dead_letters=1", "SIGTERM ends it well");
    let since = Stopwatch::start();
    while TcpStream::connect(&address).is_ok() {
        assert!(since.elapsed() < PATIENCE);
        pause(Duration::from_millis(5));
    }
}

#[test]
fn what_is_no_address_is_refused() {
    let folder = folder("", ROWS);
    let (status, _, said) = outcome(&mut run(folder.path(), &["--listen", "here"]));
    assert!(status == 2 && said.contains("write it as 127.0.0.1:9464"), "{status} {said}");
}
