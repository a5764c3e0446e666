//! Standard input, which can be read only once.

use std::{fs, io::Write, process::Stdio, time::Duration};

use streamgauge_common::clock::Stopwatch;

use crate::kept::{folder, numbers, program, run, to_file, until_row};

/// An event for a query that reads standard input.
fn event(n: u32) -> String {
    format!("{{\"n\":{n},\"model\":\"a\"}}\n")
}

#[test]
fn queries_that_stand_at_different_places_of_standard_input_all_read_it() {
    let first = to_file("first", "");
    let folder = folder(&first);
    until_row(folder.path(), 40, &["--checkpoint-interval", "50ms"]);
    let second = "CREATE SINK l WITH (connector = 'file', path = 'others.jsonl');
        CREATE VIEW second AS SELECT n, model FROM s; INSERT INTO l SELECT n FROM second;";
    program(folder.path(), &format!("{first}{second}"));
    let mut child =
        run(folder.path(), &["--input", "s=-", "--state", "state"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let since = Stopwatch::start();
    for n in 1..=60 {
        // One by one, so that two readers would both get some of it.
        stdin.write_all(event(n).as_bytes()).unwrap();
        let row = format!("{{\"n\":{n}}}\n");
        let others = || fs::read_to_string(folder.path().join("others.jsonl")).unwrap_or_default();
        while !others().ends_with(&row) {
            assert!(since.elapsed() < Duration::from_secs(60), "row {n} does not come: {}", others());
        }
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(numbers(folder.path()), (1..=60).collect::<Vec<_>>());
    let others = fs::read_to_string(folder.path().join("others.jsonl")).unwrap();
    let expected: String = (1..=60).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert_eq!(others, expected);
}
