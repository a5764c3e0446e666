//! What a run tells of input that is not what its author expected: keys and times of a slow source, records that are no JSON, columns
//! that cannot be read, many late events; and of rows that are not delivered.

use std::{fs, process::Command};

use streamgauge_common::clock::Stopwatch;

use crate::{
    observed::{ROWS, Running, WINDOWS, folder, told},
    outcome, streamgauge,
};

#[test]
fn of_a_slow_source_the_first_records_are_told_after_ten_seconds() {
    let statements = format!("{WINDOWS}\nSELECT \"SessionID\" FROM s;");
    let folder = folder(", time_format = 'unix_ms'", &statements);
    let mut running = Running::start(folder.path(), &["-q"]);
    let since = Stopwatch::start();
    running.write(&"{\"SessionId\":\"a\",\"n\":1,\"ts\":1767225600}\n".repeat(3));
    assert_eq!(
        running.hear("SessionID"),
        "source 's': column \"SessionID\" was NULL in all 3 records so far: there is no key `SessionID`; did you mean `SessionId`?"
    );
    assert!(since.elapsed().as_secs() >= 9, "it is waited for more records first");
    assert!(running.hear("are all in 1970").contains("and as unix_s it is 2026-01-01T00:00:00"));
    running.write(&"{\"SessionId\":\"a\",\"n\":1,\"ts\":1767225600}\n".repeat(1000));
    let rest = running.end();
    assert!(
        !rest.iter().any(|line| line.contains("was NULL") || line.contains("1970")),
        "told once: {rest:?}"
    );
}

/// The message and the help of what is told first.
fn first(statements: &str, events: &[u8]) -> (String, String) {
    let folder = folder(", time_format = 'unix_s'", statements);
    fs::write(folder.path().join("events.jsonl"), events).unwrap();
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["run", "query.sql", "-q", "--input", "s=events.jsonl"]);
    let (status, _, said) = outcome(&mut command);
    assert_eq!(status, 0, "{said}");
    let mut lines = said.lines().map(str::to_owned);
    (lines.next().unwrap(), lines.next().unwrap())
}

#[test]
fn records_that_are_no_json_are_told_by_what_they_are() {
    let utf16: Vec<u8> = "\u{feff}{\"n\":1}\n{\"n\":2}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (events, words) in [
        (
            &b"n,m\n1,2\n"[..],
            "help: each line must be one JSON object, and this one looks like CSV; `python3 -c ",
        ),
        (
            &utf16,
            "help: records must be UTF-8, and this one is UTF-16; `iconv -f UTF-16 -t UTF-8 FILE` converts a file",
        ),
        (
            b"[{\"n\":1}]\n",
            "help: each record must be one JSON object: send the elements of an array one by one; `jq -c '.[]' FILE`",
        ),
        (
            b"\0\0\0\0\x07{\"n\":1}\n",
            "help: each record must be one JSON object: a first byte 0 is how records of a schema registry begin; behind it are the id of a schema, 7, and JSON",
        ),
        (b"{\"n\":NaN}\n", "help: JSON has no `NaN`: let the producer write null"),
        (b"{\"n\":01}\n", "help: `01` is no number of JSON"),
    ] {
        let (message, help) = first(ROWS, events);
        assert!(message.contains("first dead letter '"), "{message}");
        assert!(help.starts_with(words), "{message}\n{help}");
    }
}

#[test]
fn each_column_that_cannot_be_read_is_told_also_where_they_are_of_one_record() {
    let folder = folder(", time_format = 'unix_s'", "SELECT \"SessionID\", n FROM s;\nSELECT n FROM s;");
    let lines = told(folder.path(), &"{\"SessionID\":1,\"n\":\"x\",\"ts\":5}\n".repeat(2), &["-q"]);
    let messages: Vec<&String> = lines.iter().filter(|line| line.contains("first dead letter")).collect();
    let [session, n] = &messages[..] else { panic!("{lines:#?}") };
    assert!(session.contains("'wrong_type': column \"SessionID\": expected TEXT, found `1`"), "{session}");
    assert!(n.contains("'wrong_type': column \"n\": expected BIGINT, found `\"x\"`"), "{n}");
}

#[test]
fn many_late_events_are_told_once_with_the_delay_that_would_be_enough() {
    let folder = folder(", time_format = 'unix_s'", WINDOWS);
    let event = |second: u32| format!("{{\"n\":1,\"ts\":{}}}\n", 1_767_225_600 + second);
    // Two hosts, one after the other.
    let host = || (0..100).map(|minute| event(60 * minute));
    let events: String = host().chain(host()).collect();
    let lines = told(folder.path(), &events, &["-q"]);
    let at = lines.iter().position(|line| line.contains("events are late for query")).unwrap();
    assert_eq!(
        lines[at],
        "source 's': 99 of 200 events are late for query 'w' (49.5 %), by up to 1h 39m behind the newest event of their partition"
    );
    assert_eq!(
        lines[at + 1],
        "help: WATERMARK FOR ts AS ts - INTERVAL '99' MINUTE waits for them, and rows come so much later; a file is one partition: if \
         'events.jsonl' has the records of several partitions or hosts one after the other, save a file of each and give all of them \
         (--input s=A.jsonl --input s=B.jsonl)"
    );
    assert_eq!(lines.iter().filter(|line| line.contains("events are late")).count(), 1, "{lines:#?}");
    // One in a hundred is not worth it.
    let few: String = (0..99).map(event).chain([event(600), event(1)]).chain((601..700).map(event)).collect();
    let lines = told(folder.path(), &few, &["-q"]);
    assert!(lines.iter().any(|line| line.contains("first late event")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("events are late")), "{lines:#?}");
}

#[test]
fn only_a_run_with_state_speaks_of_checkpoints() {
    let folder = folder(", time_format = 'unix_s'", ROWS);
    let with = ["-v", "--summary-interval", "50ms", "--state", "state", "--checkpoint-interval", "20ms"];
    let mut running = Running::start(folder.path(), &with);
    running.write("{\"n\":1}\n");
    let line = running.hear("checkpoint_age=");
    let age = line.rsplit_once("checkpoint_age=").unwrap().1.strip_suffix('s').unwrap();
    assert!(age.parse::<f64>().unwrap() < 60.0, "{line}");
    drop(running);
    let mut running = Running::start(folder.path(), &["-v", "--summary-interval", "50ms"]);
    running.write("{\"n\":1}\n");
    running.hear("running: events=1");
    let said = running.end();
    assert!(!said.iter().any(|line| line.contains("checkpoint")), "{said:#?}");
}

#[test]
fn rows_that_keep_a_run_from_ending_are_told_and_what_becomes_of_them() {
    let sink =
        "CREATE SINK hook WITH (connector = 'webhook', url = 'http://127.0.0.1:1/', allow_private = 'true');
        INSERT INTO hook SELECT n FROM s;";
    for (state, fate, left) in [
        (
            &[][..],
            "what is left is lost, as without --state nothing is kept",
            "they are lost, as without --state nothing is kept",
        ),
        (
            &["--state", "state"],
            "what is left is delivered by the next run with this state",
            "the next run with this state delivers them",
        ),
    ] {
        let folder = folder("", sink);
        let mut running = Running::start(folder.path(), &[&["--summary-interval", "20ms"], state].concat());
        running.write("{\"n\":1}\n{\"n\":2}\n");
        running.hear("outbox=insert_hook_1:2");
        let terminate = format!("kill -TERM {}", running.id());
        let signal = || assert!(Command::new("sh").args(["-c", &terminate]).status().unwrap().success());
        signal();
        let line = running.hear("the run ends when");
        assert!(
            line.starts_with(
                "query 'insert_hook_1': the run ends when 2 rows are delivered (http://127.0.0.1:1 cannot"
            ),
            "{line}"
        );
        assert!(line.contains(", or in 2") && line.ends_with(&format!(" s; {fate}")), "{line}");
        signal();
        let line = running.hear("interrupted twice");
        assert_eq!(line, format!("interrupted twice: rows not delivered: query 'insert_hook_1': 2; {left}"));
    }
}
