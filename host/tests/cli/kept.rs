//! What people trust: files that exist, state that exists, and where rows go that wait.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use crate::{outcome, streamgauge};

pub(crate) const SOURCE: &str = "CREATE SOURCE s (n BIGINT, model TEXT) \
    WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');\n";

/// A folder with a program and two events.
pub(crate) fn folder(statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("events.jsonl"), "{\"n\":1,\"model\":\"a\"}\n{\"n\":2,\"model\":\"a\"}\n")
        .unwrap();
    program(folder.path(), statements);
    folder
}

pub(crate) fn program(folder: &Path, statements: &str) {
    fs::write(folder.join("query.sql"), format!("{SOURCE}{statements}")).unwrap();
}

pub(crate) fn to_file(view: &str, with: &str) -> String {
    format!(
        "CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl'{with});
        CREATE VIEW {view} AS SELECT n FROM s; INSERT INTO k SELECT n FROM {view};"
    )
}

pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = streamgauge();
    command.current_dir(folder).args(["run", "query.sql"]).args(arguments).stdin(Stdio::null());
    command
}

pub(crate) fn over_events(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    outcome(run(folder, &["--input", "s=events.jsonl"]).args(arguments))
}

pub(crate) fn rows(folder: &Path) -> String {
    fs::read_to_string(folder.join("rows.jsonl")).unwrap()
}

pub(crate) fn numbers(folder: &Path) -> Vec<u64> {
    let number = |row: &str| {
        let row: Value = serde_json::from_str(row).unwrap();
        row.pointer("/n").and_then(Value::as_u64).unwrap()
    };
    rows(folder).lines().map(number).collect()
}

/// Runs on standard input with the events up to `n` until the last one's row is in the file and nothing waits, then kills it: its
/// state is not finished.
pub(crate) fn until_row(folder: &Path, n: u32, arguments: &[&str]) {
    let mut child = run(folder, &["--input", "s=-", "--state", "state"])
        .args(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    // Events that were read before are passed over.
    let events: String = (1..=n).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    child.stdin.as_mut().unwrap().write_all(events.as_bytes()).unwrap();
    let row = format!("{{\"n\":{n}}}\n");
    let since = Stopwatch::start();
    while !fs::read_to_string(folder.join("rows.jsonl")).unwrap_or_default().ends_with(&row) || waits(folder)
    {
        assert_eq!(child.try_wait().unwrap(), None, "it ended before row {n}");
        let late = || {
            let listed = outcome(streamgauge().current_dir(folder).args(["state", "ls", "--state", "state"]));
            format!("row {n} does not come: {:?}, {listed:?}", fs::read_to_string(folder.join("rows.jsonl")))
        };
        assert!(since.elapsed() < Duration::from_secs(30), "{}", late());
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Whether some rows of the state are not known to be in the file.
fn waits(folder: &Path) -> bool {
    let (_, listed, _) =
        outcome(streamgauge().current_dir(folder).args(["state", "ls", "--json", "--state", "state"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    listed.as_array().unwrap().iter().any(|query| query.pointer("/undelivered_rows") != Some(&Value::from(0)))
}

pub(crate) const ROWS: &str = "{\"n\":1}\n{\"n\":2}\n";

#[test]
fn what_a_file_holds_is_emptied_only_where_somebody_asked_for_it() {
    let (none, append, overwrite) = ("", ", mode = 'append'", ", mode = 'overwrite'");
    let output = &["--output", "k=rows.jsonl"][..];
    let state = &["--state", "state"][..];
    let asked = &["--overwrite", "K"][..];
    // `old` has no line end, so it gets one.
    let (refused, emptied, appended) = ("old".to_owned(), ROWS.to_owned(), format!("old\n{ROWS}"));
    let cases = [
        (none, vec![], &refused),
        (append, vec![], &appended),
        (overwrite, vec![], &emptied),
        (none, vec![asked], &emptied),
        (none, vec![output], &emptied),
        (none, vec![state], &refused),
        (append, vec![state], &appended),
        (overwrite, vec![state], &emptied),
        (none, vec![state, asked], &emptied),
        (none, vec![state, output], &refused),
        (append, vec![state, output], &refused),
        (none, vec![state, output, asked], &emptied),
    ];
    for (with, arguments, expected) in cases {
        let folder = folder(&to_file("v", with));
        let path = folder.path();
        let arguments = arguments.concat();
        fs::write(path.join("rows.jsonl"), "old").unwrap();
        let (exit, _, said) = over_events(path, &arguments);
        assert_eq!(
            (exit, &rows(path)),
            (i32::from(expected == &refused), expected),
            "{with} {arguments:?}: {said}"
        );
        if expected == &refused {
            assert!(said.contains("add --overwrite k"), "{said}");
            assert_eq!(said.contains("mode = 'append'"), !arguments.contains(&"--output"), "{said}");
            fs::remove_file(path.join("rows.jsonl")).unwrap();
            let (exit, _, said) = over_events(path, &arguments);
            assert_eq!((exit, rows(path).as_str()), (0, ROWS), "a file that is not there is written: {said}");
        }
    }
}

#[test]
fn a_file_that_is_gone_is_missed_until_it_is_begun_anew() {
    let folder = folder(&to_file("v", ", mode = 'overwrite'"));
    let path = folder.path();
    until_row(path, 1, &[]);
    fs::remove_file(path.join("rows.jsonl")).unwrap();
    let (exit, _, said) = outcome(&mut run(path, &["--input", "s=-", "--state", "state"]));
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("it holds 0 bytes, but 8 were written to it before"), "{said}");
    assert!(said.contains("begin it anew with --overwrite k"), "{said}");
    until_row(path, 2, &["--overwrite", "k"]);
    assert_eq!(rows(path), "{\"n\":2}\n");
    until_row(path, 3, &["--overwrite", "k"]);
    assert_eq!(rows(path), "{\"n\":2}\n{\"n\":3}\n", "and from then on it goes on");
}

#[test]
fn a_query_with_another_name_leaves_the_file_of_the_old_one_alone_and_may_have_its_name_again() {
    let folder = folder(&to_file("first", ""));
    let path = folder.path();
    until_row(path, 1, &[]);
    program(path, &to_file("second", ""));
    for _ in 0..2 {
        let (exit, _, said) = outcome(&mut run(path, &["--input", "s=-", "--state", "state"]));
        assert_eq!((exit, rows(path).as_str()), (1, "{\"n\":1}\n"), "{said}");
        assert!(
            said.contains(
                "'rows.jsonl' holds rows of query 'first', which the program does not have any more"
            ),
            "{said}"
        );
        assert!(said.contains("or call the query 'first' again"), "{said}");
    }
    // Each way out is one.
    program(path, &to_file("first", ""));
    until_row(path, 2, &[]);
    assert_eq!(rows(path), ROWS);
    program(path, &to_file("second", ", mode = 'append'"));
    until_row(path, 3, &[]);
    program(path, &to_file("first", ""));
    until_row(path, 4, &[]);
    assert_eq!(numbers(path), [1, 2, 1, 2, 3, 3, 4]);
    program(path, &to_file("third", ""));
    until_row(path, 5, &["--overwrite", "k"]);
    assert_eq!(numbers(path), [1, 2, 3, 4, 5]);
    program(path, &to_file("first", ""));
    let (exit, _, said) = outcome(&mut run(path, &["--input", "s=-", "--state", "state"]));
    assert_eq!((exit, numbers(path)), (1, vec![1, 2, 3, 4, 5]), "{said}");
    until_row(path, 6, &["--overwrite", "k"]);
    assert_eq!(numbers(path), [5, 6], "what was delivered before is not sent again");
}

#[test]
fn state_that_no_query_has_any_more_is_told_and_not_left_with_rows_that_wait() {
    let webhook =
        "CREATE SINK w WITH (connector = 'webhook', url = 'http://127.0.0.1:1/', allow_private = 'true');
        CREATE VIEW old AS SELECT n FROM s; INSERT INTO w SELECT n FROM old;";
    let folder = folder(webhook);
    let path = folder.path();
    let state = ["--state", "state", "--drain-timeout", "100ms"];
    assert_eq!(over_events(path, &state).0, 3);
    let ls = |arguments: &[&str]| {
        outcome(streamgauge().current_dir(path).args(["state", "ls", "--state", "state"]).args(arguments))
    };
    let (exit, listed, said) = ls(&["--json"]);
    assert_eq!(exit, 0, "{said}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed[0]["name"], "old");
    assert_eq!(listed[0]["means"], "rows of s");
    assert_eq!(listed[0]["undelivered_rows"], 2);
    assert_eq!(listed[0]["offsets"]["0"], 2);
    let (_, listed, _) = ls(&[]);
    assert!(listed.starts_with("old\n  rows of s\n  offsets 0:2"), "{listed}");
    assert!(listed.ends_with(" s ago\n  2 rows not delivered\n"), "{listed}");

    program(path, &to_file("new", ""));
    let (exit, _, said) = over_events(path, &state);
    assert_eq!(exit, 1, "{said}");
    let why = "error: query 'old': 2 rows of it were decided and are not known to be delivered, but the program does not have it";
    assert!(said.starts_with(why) && said.contains("add --forget old"), "{said}");
    assert!(!path.join("rows.jsonl").exists());
    let (exit, _, said) = over_events(path, &[&state[..], &["--forget", "OLD"]].concat());
    assert_eq!((exit, rows(path).as_str()), (0, ROWS), "{said}");
    assert!(said.starts_with("state of query 'old' is removed"), "{said}");

    // Without rows that wait it is a notice, at each start.
    program(path, "SELECT n FROM s;");
    for _ in 0..2 {
        let (exit, _, said) = over_events(path, &state);
        assert_eq!(exit, 0, "{said}");
        assert!(said.contains("state of query 'new' is kept, but the program does not have it any more: --forget new removes it"), "{said}");
    }
    let (exit, _, said) = over_events(path, &[&state[..], &["--forget", "select_1"]].concat());
    assert_eq!(exit, 2, "what runs is not forgotten: {said}");
    let rm = |names: &[&str]| {
        outcome(streamgauge().current_dir(path).args(["state", "rm", "--state", "state"]).args(names))
    };
    let (exit, _, said) = rm(&["new", "other"]);
    assert_eq!(exit, 1, "{said}");
    assert!(said.contains("help: there is new, select_1"), "{said}");
    assert_eq!(rm(&["new"]).0, 0);
    let told =
        "query 'select_1' came to the end of its input in an earlier run with this state: nothing is read\n";
    assert_eq!(over_events(path, &state).2, format!("{told}events=0 rows=0 late=0 dead_letters=0\n"));
    assert_eq!(rm(&["select_1"]).0, 0);
    assert_eq!(over_events(path, &state).1, ROWS, "it begins anew");
}

#[test]
fn state_in_use_is_shown_and_not_removed() {
    let folder = folder("SELECT n FROM s;");
    let path = folder.path();
    let mut child = run(path, &["--input", "s=-", "--state", "state"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut events = child.stdin.take().unwrap();
    events.write_all(b"{\"n\":1}\n").unwrap();
    let mut row = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut row).unwrap();
    assert_eq!(row, "{\"n\":1}\n");
    let state = |what: &str, names: &[&str]| {
        outcome(streamgauge().current_dir(path).args(["state", what, "--state", "state"]).args(names))
    };
    let (exit, listed, said) = state("ls", &[]);
    assert!(exit == 0 && listed.starts_with("select_1\n"), "{said}");
    let (exit, _, said) = state("rm", &["select_1"]);
    assert_eq!(exit, 3, "{said}");
    assert!(said.contains("is in use by"), "{said}");
    drop(events);
    assert!(child.wait().unwrap().success());
    let (exit, _, said) = outcome(streamgauge().current_dir(path).args(["state", "ls", "--state", "none"]));
    assert!(exit == 1 && !path.join("none").exists(), "{said}");
}

/// Takes one request and answers it: its head in lower case, and its body.
pub(crate) fn answer(listener: &TcpListener, status: &str) -> (String, String) {
    let (stream, _): (TcpStream, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let head = head.to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    reader.get_mut().write_all(reply.as_bytes()).unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn rows_that_wait_go_to_the_url_that_the_sink_has_now() {
    let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (wrong, right) = (listener(), listener());
    let sink = |listener: &TcpListener, path: &str| {
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        format!(
            "CREATE SINK w WITH (connector = 'webhook', url = '{url}', allow_private = 'true');
            INSERT INTO w SELECT n FROM s WHERE n = 1;"
        )
    };
    let folder = folder(&sink(&wrong, "/wrong"));
    let path = folder.path();
    let took = thread::spawn(move || answer(&wrong, "503 Service Unavailable"));
    let (exit, _, said) = over_events(path, &["--state", "state", "--drain-timeout", "300ms"]);
    assert_eq!(exit, 3, "{said}");
    let (first, body) = took.join().unwrap();
    assert!(first.starts_with("post /wrong "), "{first}");
    program(path, &sink(&right, "/right"));
    let took = thread::spawn(move || answer(&right, "204 No Content"));
    let (exit, _, said) = over_events(path, &["--state", "state"]);
    assert_eq!(exit, 0, "{said}");
    let (second, again) = took.join().unwrap();
    assert!(second.starts_with("post /right "), "{second}");
    let key =
        |head: &str| head.lines().find(|line| line.starts_with("idempotency-key: ")).unwrap().to_owned();
    assert_eq!((key(&second), again), (key(&first), body));
}

#[test]
fn state_is_for_its_owner_and_rows_are_as_the_umask_says() {
    let folder = folder(&to_file("v", ""));
    let path = folder.path();
    let open = |arguments: &str| {
        let run = format!(
            "umask 000; exec {} run query.sql --input s=events.jsonl --dead-letters dead.jsonl {arguments}",
            env!("CARGO_BIN_EXE_streamgauge")
        );
        outcome(Command::new("sh").args(["-c", &run]).current_dir(path))
    };
    let (exit, _, said) = open("--state state");
    assert_eq!(exit, 0, "{said}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut modes = BTreeMap::new();
    let mut folders = vec![path.join("state")];
    while let Some(folder) = folders.pop() {
        modes.insert(folder.clone(), mode(&folder));
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else {
                modes.insert(entry.clone(), mode(&entry));
            }
        }
    }
    assert!(modes.len() > 6, "{modes:?}");
    for (path, mode) in modes {
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
    assert_eq!([mode(&path.join("rows.jsonl")), mode(&path.join("dead.jsonl"))], [0o666, 0o666]);
    // What an earlier version left is closed.
    let (query, file) = (path.join("state/v"), path.join("state/v/query"));
    fs::set_permissions(&query, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(open("--state state").0, 0);
    assert_eq!([mode(&query), mode(&file)], [0o700, 0o600]);
}

#[test]
fn a_component_takes_the_place_of_a_link_and_does_not_follow_it() {
    let folder = folder("SELECT n FROM s;");
    let path = folder.path();
    fs::write(path.join("precious"), "precious").unwrap();
    fs::create_dir(path.join("out")).unwrap();
    symlink("../precious", path.join("out/select_1.wasm")).unwrap();
    let compile = |file: &str| outcome(streamgauge().current_dir(path).args(["compile", file, "-o", "out"]));
    let (exit, _, said) = compile("query.sql");
    assert_eq!(exit, 0, "{said}");
    assert_eq!(fs::read_to_string(path.join("precious")).unwrap(), "precious");
    assert!(fs::read(path.join("out/select_1.wasm")).unwrap().starts_with(b"\0asm"));
    assert_eq!(fs::read_dir(path.join("out")).unwrap().count(), 1, "nothing else is left");
    fs::copy(path.join("query.sql"), path.join("out/select_1.wasm")).unwrap();
    let (exit, _, said) = compile("out/select_1.wasm");
    assert_eq!(exit, 2, "{said}");
    assert!(fs::read_to_string(path.join("out/select_1.wasm")).unwrap().starts_with("CREATE"), "{said}");
}

#[test]
fn what_a_command_reads_is_never_written_to() {
    let folder = folder(
        "CREATE SINK k WITH (connector = 'console'); CREATE VIEW v AS SELECT n FROM s; INSERT INTO k SELECT n FROM v;",
    );
    let path = folder.path();
    symlink("query.sql", path.join("link")).unwrap();
    fs::hard_link(path.join("query.sql"), path.join("hard")).unwrap();
    let before = fs::read(path.join("query.sql")).unwrap();
    for output in ["query.sql", "link", "./hard"] {
        for arguments in [&["--output", &format!("k={output}")][..], &["--dead-letters", output]] {
            let (exit, _, said) = over_events(path, arguments);
            assert_eq!(exit, 2, "{arguments:?}: {said}");
            assert!(said.contains("is the same file"), "{said}");
            assert!(fs::read(path.join("query.sql")).unwrap() == before, "{arguments:?}");
        }
    }
    let (exit, _, said) = over_events(path, &["--output", "k=rows.jsonl", "--dead-letters", "./rows.jsonl"]);
    assert_eq!(exit, 2, "{said}");
    assert!(
        said.starts_with("error: './rows.jsonl' is the file of dead letters, and sink 'k' writes"),
        "{said}"
    );
    until_shown(path);
    for output in ["k=state/v/query", "k=state/v/more", "k=state/.lock"] {
        let (exit, _, said) = over_events(path, &["--state", "state", "--output", output]);
        assert_eq!(exit, 2, "{output}: {said}");
        assert!(said.contains("belongs to the state in"), "{said}");
    }
}

/// Leaves a state that is not finished.
fn until_shown(folder: &Path) {
    let mut child = run(folder, &["--input", "s=-", "--state", "state"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(b"{\"n\":1}\n").unwrap();
    let mut row = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut row).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}
