//! Each hostile plugin in a run, beside a query that does not use it, and under `plugin check`.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use super::{Hostile, Kind, Run, all};
use crate::streamgauge;

/// What the neighbour's rows are made of: a model, and the second in which it happened.
const EVENTS: u32 = 200;
/// How long a run or a check may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn event(second: u32) -> (char, u32) {
    (if second.is_multiple_of(3) { 'a' } else { 'b' }, second)
}

fn events() -> String {
    let line = |second| {
        let (model, second) = event(second);
        let (minute, second) = (second / 60, second % 60);
        format!("{{\"model\":\"{model}\",\"ts\":\"2026-01-01T00:{minute:02}:{second:02}Z\"}}\n")
    };
    (0..EVENTS).map(line).collect()
}

/// The neighbour's rows: the events of each model in each 10 seconds.
fn counted() -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::<(u32, char), usize>::new();
    (0..EVENTS).map(event).for_each(|(model, second)| *counts.entry((second / 10, model)).or_default() += 1);
    let mut rows = BTreeMap::new();
    for ((_, model), count) in counts {
        *rows.entry(format!("{{\"model\":\"{model}\",\"n\":{count}}}")).or_default() += 1;
    }
    rows
}

/// A folder with a hostile plugin and a program that uses it beside another query. `receiver` is where its requests go.
fn folder(hostile: &Hostile, receiver: SocketAddr) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("hostile.wasm"), &hostile.component).unwrap();
    fs::write(path.join("events.jsonl"), events()).unwrap();
    let with = "WITH (memory = '64 MiB', call_timeout = '250 ms')";
    let uses = match hostile.kind {
        Kind::Reducer => format!(
            "CREATE AGGREGATE hostile FROM 'hostile.wasm' {with};
            CREATE SINK h WITH (connector = 'file', path = 'hostile.jsonl');
            INSERT INTO h SELECT model, hostile() AS x
            FROM HOP(s, ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND) GROUP BY model;"
        ),
        Kind::Sink => format!(
            "CREATE CONNECTOR hostile FROM 'hostile.wasm' {with};
            CREATE SINK h WITH (connector = 'hostile', url = 'http://{receiver}/', allow_private = 'true');
            INSERT INTO h SELECT model, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '10' SECOND) GROUP BY model;"
        ),
    };
    let program = format!(
        "CREATE SOURCE s (model TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
        WITH (connector = 'file', path = 'events.jsonl', format = 'json');
        CREATE SINK k WITH (connector = 'file', path = 'rows.jsonl');
        {uses}
        INSERT INTO k SELECT model, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '10' SECOND) GROUP BY model;"
    );
    fs::write(path.join("query.sql"), program).unwrap();
    folder
}

/// Limits at which bombs end soon.
const LIMITS: [&str; 6] = [
    "--limit",
    "plugin_compile_time=2s",
    "--limit",
    "plugin_compile_memory=256MiB",
    "--limit",
    "plugin_check_time=5s",
];

/// Runs a command that must end; its status and what it said.
fn ended(name: &str, command: &mut Command) -> (Option<i32>, String) {
    let since = Stopwatch::start();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let printed = thread::spawn(move || {
        let mut printed = String::new();
        out.read_to_string(&mut printed).map(|_| printed).unwrap()
    });
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let said = printed.join().unwrap() + &said;
    let status = child.wait().unwrap();
    assert!(since.elapsed() < PATIENCE, "{name} took {:?}: {said}", since.elapsed());
    assert!(status.code().is_some(), "{name} ended by {status}: {said}");
    (status.code(), said)
}

/// Runs the program of a hostile plugin, and looks at what became of it and of its neighbour.
fn run(hostile: &Hostile, receiver: SocketAddr) {
    let Hostile { name, run, .. } = hostile;
    let folder = folder(hostile, receiver);
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["run", "query.sql", "--drain-timeout", "40s"]).args(LIMITS);
    let (status, said) = match run {
        Run::FailsAtCheckpoint(_) => until_checkpoint(name, folder.path(), &mut command),
        _ => ended(name, command.stdin(Stdio::null())),
    };
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{name}: {said:?}");
    let (expected, words): (&[i32], _) = match *run {
        // 3 where it is opened when all files are right.
        Run::Refused(words) => (&[1, 3], words),
        Run::Fails(words) | Run::FailsAtCheckpoint(words) => (&[3], words),
        Run::GoesOn => (&[0], ""),
    };
    assert!(status.is_some_and(|status| expected.contains(&status)), "{name}: {status:?}: {said}");
    assert!(said.contains(words), "{name}: {said}");
    if !matches!(run, Run::Refused(_)) {
        let mut rows = BTreeMap::new();
        for row in fs::read_to_string(folder.path().join("rows.jsonl")).unwrap().lines() {
            *rows.entry(row.to_owned()).or_default() += 1;
        }
        assert_eq!(rows, counted(), "{name}: the rows of its neighbour: {said}");
    }
}

/// Gives a run events, and ends them when a query has failed, which it does when a checkpoint is written.
fn until_checkpoint(name: &str, folder: &Path, command: &mut Command) -> (Option<i32>, String) {
    command.args(["--input", "s=-", "--state", "state", "--checkpoint-interval", "50ms"]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&fs::read(folder.join("events.jsonl")).unwrap()).unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !said.contains("failed: ") {
        assert!(lines.read_line(&mut said).unwrap() > 0, "{name} does not fail: {said}");
    }
    drop(input);
    lines.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// `plugin check` ends with a verdict that says what is wrong.
fn check(hostile: &Hostile) {
    let Hostile { name, component, check, .. } = hostile;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hostile.wasm"), component).unwrap();
    let limits = ["--limit", "plugin_call_timeout=400ms", "--limit", "plugin_memory=64MiB"];
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["plugin", "check", "hostile.wasm"]).args(limits).args(LIMITS);
    let (status, said) = ended(name, command.stdin(Stdio::null()));
    let expected = i32::from(!check.starts_with("all "));
    assert_eq!(status, Some(expected), "{name}: {said}");
    assert!(
        ["laws failed", "no other law was tried", "laws hold"].iter().any(|end| said.contains(end)),
        "{name}: {said}"
    );
    assert!(said.contains(check), "{name}: {said}");
    assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{name}: {said:?}");
}

/// Takes every request, as long as the tests run.
fn receiver() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || take(stream.unwrap()));
        }
    });
    address
}

fn take(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let before = head.len();
            if !matches!(reader.read_line(&mut head), Ok(1..)) {
                return;
            }
            let line = head[before..].to_ascii_lowercase();
            length =
                line.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
        }
        let mut body = vec![0; length];
        let answered = reader.read_exact(&mut body).and_then(|()| {
            reader.get_mut().write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n")
        });
        if answered.is_err() {
            return;
        }
    }
}

/// Does something with each of them, on some threads. All that fail are told, not only the first.
fn with_each(hostiles: &[Hostile], threads: usize, work: impl Fn(&Hostile) + Sync) {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(hostile) = hostiles.get(next.fetch_add(1, Relaxed)) {
                    if catch_unwind(AssertUnwindSafe(|| work(hostile))).is_err() {
                        failed.lock().unwrap().push(hostile.name);
                    }
                }
            });
        }
    });
    assert!(failed.lock().unwrap().is_empty(), "{:?}", failed.lock().unwrap());
}

#[test]
fn a_run_stops_each_and_its_neighbour_is_exact() {
    let receiver = receiver();
    with_each(&all(), 2, |hostile| run(hostile, receiver));
}

#[test]
fn a_check_of_each_ends_with_a_verdict() {
    with_each(&all(), 2, check);
}

#[test]
#[ignore = "takes long: `make soak`"]
fn fifty_times_each_eight_at_once() {
    let receiver = receiver();
    for round in 1..=50 {
        let since = Stopwatch::start();
        with_each(&all(), 8, |hostile| run(hostile, receiver));
        eprintln!("hostile plugins, round {round} of 50: {} runs in {:?}", all().len(), since.elapsed());
    }
}
