//! The demo as somebody sees it who has nothing but the binary.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;

/// What the history has for every query, and the closing line.
const PATIENCE: Duration = Duration::from_secs(10);

fn demo(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .arg("demo")
        .args(arguments)
        .env("TERM", "xterm-256color")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn closing(stderr: &str) -> Vec<u64> {
    let last = stderr.lines().last().unwrap();
    let names = ["events", "rows", "late", "dead_letters"];
    let parts: Vec<(&str, &str)> = last.split(' ').filter_map(|part| part.split_once('=')).collect();
    assert_eq!(parts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names, "{stderr}");
    parts.iter().map(|(_, count)| count.parse().unwrap()).collect()
}

#[test]
fn rows_and_every_kind_of_message_are_there_within_ten_seconds() {
    let since = Stopwatch::start();
    let mut child = demo(&["--plain", "--seconds", "12"]);
    let mut kinds = BTreeSet::new();
    let mut rows = 0;
    let mut seen = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let row: Value = serde_json::from_str(&line.unwrap()).unwrap();
        rows += 1;
        let number = |field: &str| row[field].as_f64();
        let kind = match () {
            () if number("avg_ms").is_some_and(|average| average > 2000.0)
                && row["window_start"].is_string() =>
            {
                "slow"
            }
            () if number("quality_deviation").is_some_and(|deviation| deviation > 0.1) => "unstable",
            () if number("failed").is_some() && number("errors_pct").is_some_and(|share| share > 10.0) => {
                "failing"
            }
            () if number("z_score").is_some_and(|score| score > 5.5) => "outlier",
            () if row["model"].is_string() && row["window_start"].is_null() => "table",
            () => panic!("not to be told: {row}"),
        };
        if kinds.insert(kind) {
            seen.push((kind, since.elapsed()));
        }
    }
    for kind in ["table", "slow", "unstable", "failing"] {
        let at = seen.iter().find(|(seen, _)| *seen == kind).map(|(_, at)| *at);
        assert!(at.is_some_and(|at| at < PATIENCE), "{kind}: {seen:?}");
    }
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    let [events, counted, late, dead_letters] = closing(&stderr)[..] else { panic!("{stderr}") };
    assert!(events > 60_000, "ten minutes at 100 a second: {stderr}");
    assert_eq!(counted, rows, "{stderr}");
    assert_eq!(late, 0, "nothing is more than two seconds late: {stderr}");
    assert!((1..1000).contains(&dead_letters), "{stderr}");
    assert!(!stderr.contains("error"), "{stderr}");
}

#[test]
fn it_is_plain_text_where_nobody_watches_and_control_c_ends_it_well() {
    let mut child = demo(&["--rate", "30"]);
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut shown = String::new();
    while !shown.contains("▲ SLOW") {
        assert!(out.read_line(&mut shown).unwrap() > 0, "{shown}");
    }
    assert!(shown.contains("claude-sonnet"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "{shown}");
    assert!(
        Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap().success()
    );
    out.read_to_string(&mut shown).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    assert!(closing(&stderr)[0] > 10_000, "{stderr}");
}

#[test]
fn the_queries_are_printed_as_they_are() {
    let output = demo(&["--sql"]).wait_with_output().unwrap();
    let queries = include_str!("../../../examples/demo/queries.sql");
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), queries);
    assert!(output.stderr.is_empty());
}

#[test]
fn a_kafka_that_is_not_there_is_said_so() {
    let output = demo(&["--brokers", "127.0.0.1:1", "--seconds", "1"]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(stderr.contains("127.0.0.1:1"), "{stderr}");
}
