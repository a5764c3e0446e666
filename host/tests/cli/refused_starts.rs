//! A start that is refused leaves nothing behind that would refuse the next one.

use std::{fs, path::Path};

use crate::{outcome, streamgauge};

/// Two views with windows of 10 s and of `seconds`, each to a file of its own.
fn run(folder: &Path, seconds: u32, more: &[&str]) -> (i32, String) {
    let program = format!(
        "CREATE SOURCE e (t TIMESTAMP, WATERMARK FOR t AS t - INTERVAL '5' SECOND)
           WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_s');
         CREATE SINK f1 WITH (connector = 'file', path = 'f1.jsonl');
         CREATE SINK f2 WITH (connector = 'file', path = 'f2.jsonl');
         CREATE VIEW v1 AS SELECT window_end, count(*) AS n FROM TUMBLE(e, t, INTERVAL '10' SECOND) GROUP BY window_end;
         CREATE VIEW v2 AS SELECT window_end, count(*) AS n FROM TUMBLE(e, t, INTERVAL '{seconds}' SECOND) GROUP BY window_end;
         INSERT INTO f1 SELECT * FROM v1;
         INSERT INTO f2 SELECT * FROM v2;"
    );
    fs::write(folder.join("query.sql"), program).unwrap();
    fs::write(folder.join("events.jsonl"), "{\"t\":1}\n{\"t\":35}\n").unwrap();
    let mut command = streamgauge();
    command.current_dir(folder).args([
        "run",
        "query.sql",
        "--input",
        "e=events.jsonl",
        "--state",
        "state",
        "-q",
    ]);
    let (status, _, said) = outcome(command.args(more));
    (status, said)
}

#[test]
fn a_program_that_is_refused_for_a_file_begins_no_state() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(run(folder, 20, &[]), (0, String::new()));
    let rows = fs::read_to_string(folder.join("f2.jsonl")).unwrap();
    let remove = ["state", "rm", "--state", "state", "v2"];
    assert!(streamgauge().current_dir(folder).args(remove).status().unwrap().success());

    let (status, told) = run(folder, 30, &[]);
    assert_eq!(status, 1, "{told}");
    let holds = format!("sink 'f2': 'f2.jsonl' holds {} bytes that the state in", rows.len());
    assert!(told.contains(&holds), "{told}");
    assert!(!told.contains("were written as"), "no query has written these rows to another file: {told}");
    let (_, listed, _) = outcome(streamgauge().current_dir(folder).args(["state", "ls", "--state", "state"]));
    assert!(listed.contains("v1") && !listed.contains("v2"), "{listed}");

    // Whichever program comes next, it begins.
    assert_eq!(run(folder, 20, &["--overwrite", "f2"]), (0, String::new()));
    assert_eq!(fs::read_to_string(folder.join("f2.jsonl")).unwrap(), rows);
}
