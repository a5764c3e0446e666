//! What standard error tells, and how much of it.

use std::fs;

use serde_json::Value;

use crate::{outcome, streamgauge};

const PROGRAM: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_ms');
CREATE SINK rows WITH (connector = 'file', path = 'rows.jsonl');
INSERT INTO rows SELECT window_end, sum(n) AS n FROM TUMBLE(s, ts, INTERVAL '1' MINUTE) GROUP BY window_end;
";

/// Runs the program over two events with these arguments; the lines that it tells.
fn told(arguments: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), PROGRAM).unwrap();
    fs::write(
        folder.path().join("events.jsonl"),
        "{\"n\":1,\"ts\":1767225600001}\n{\"n\":true,\"ts\":1767225600002}\n",
    )
    .unwrap();
    let mut command = streamgauge();
    command.args(["run", "query.sql", "--input", "s=events.jsonl", "--state", "state"]).args(arguments);
    let (status, rows, told) = outcome(command.current_dir(folder.path()));
    assert_eq!((status, rows.as_str()), (0, ""), "{told}");
    told.lines().map(str::to_owned).collect()
}

#[test]
fn quiet_tells_what_wants_attention_and_verbose_tells_details() {
    let quiet = told(&["-q"]);
    assert!(
        quiet.len() == 2 && quiet[0].contains("first dead letter") && quiet[1].starts_with("help: "),
        "{quiet:?}"
    );
    let plain = told(&[]);
    assert!(plain.len() == 5 && plain[4] == "events=2 rows=1 late=0 dead_letters=1", "{plain:?}");
    assert!(quiet.iter().all(|line| plain.contains(line)), "{plain:?}");
    let verbose = told(&["--verbose"]);
    assert!(verbose.iter().any(|line| line.ends_with(" is written")), "{verbose:?}");
    assert!(plain.iter().all(|line| verbose.contains(line)), "{verbose:?}");
    let (status, _, both) = outcome(streamgauge().args(["run", "query.sql", "-q", "-v"]));
    assert!(status == 2 && both.contains("cannot be used with"), "{both}");
}

#[test]
fn a_line_of_json_has_its_time_its_level_and_the_names_of_what_it_is_about() {
    let lines = told(&["--log-format", "json"]);
    let objects: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [letter, cut_off, totals, end] = &objects[..] else { panic!("{lines:?}") };
    assert_eq!((&letter["level"], &letter["reason"]), (&"warn".into(), &"wrong_type".into()));
    assert_eq!((&totals["query"], &totals["rows"]), (&"insert_rows_1".into(), &1.into()));
    assert_eq!((&cut_off["level"], &cut_off["query"]), (&"info".into(), &"insert_rows_1".into()));
    assert!(cut_off["message"].as_str().unwrap().starts_with("query 'insert_rows_1': the input ends at "));
    assert!(cut_off["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(end["message"], "events=2 rows=1 late=0 dead_letters=1");
    assert_eq!((&end["events"], &end["dead_letters"]), (&2.into(), &1.into()));
}
