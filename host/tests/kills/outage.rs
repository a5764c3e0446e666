//! A sink that is down under load: its query waits with bounded memory, its neighbour does not notice, and when it is back
//! every row arrives, in order.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use serde_json::Value;
use streamgauge_common::clock::Stopwatch;

use crate::{host::Deployment, pause, receiver::request::Request};

/// Files, each of them a partition, and their records: far more than an outbox takes.
const PARTITIONS: usize = 4;
const RECORDS: usize = 2_000;
/// What a record carries along: 64 MiB are the bound of an outbox.
const PAD_BYTES: usize = 20_000;
/// What the process may take: an outbox at its bound, as messages and as they are written to the log, and everything else.
const MEMORY_KIB_MAX: u64 = 420 << 10;

const SQL: &str = "
CREATE SOURCE events (id BIGINT, part BIGINT, pad TEXT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'unused:1', topic = 'unused', format = 'json', time_format = 'unix_ms',
      idle_timeout = '1 s');
CREATE SINK hook WITH (connector = 'webhook', url = '$URL', allow_private = 'true');
CREATE SINK counts WITH (connector = 'file', path = '$COUNTS');
INSERT INTO hook SELECT id, part, pad FROM events;
INSERT INTO counts SELECT window_end, count(*) AS n FROM TUMBLE(events, ts, INTERVAL '100' MILLISECOND);
";

/// A receiver that cuts every connection while it is down.
struct Hook {
    up: Arc<AtomicBool>,
    /// Bodies by key, as they came first.
    bodies: Arc<Mutex<Vec<(String, String)>>>,
    url: String,
}

impl Hook {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (up, bodies) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let hook = Self { up: Arc::clone(&up), bodies: Arc::clone(&bodies), url };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (up, bodies) = (Arc::clone(&up), Arc::clone(&bodies));
                thread::spawn(move || serve(&stream, &up, &bodies));
            }
        });
        hook
    }
}

fn serve(stream: &TcpStream, up: &AtomicBool, bodies: &Mutex<Vec<(String, String)>>) {
    let mut reader = BufReader::new(stream);
    while up.load(Relaxed)
        && let Ok(request) = Request::read(&mut reader)
    {
        let key = request.header("webhook-id").unwrap().to_owned();
        let mut bodies = bodies.lock().unwrap();
        match bodies.iter().rev().find(|(known, _)| *known == key) {
            Some((_, body)) => assert_eq!(*body, request.body, "one content for one key"),
            None => bodies.push((key, request.body)),
        }
        drop(bodies);
        let answered = { stream }.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        if answered.is_err() {
            return;
        }
    }
}

fn write_events(folder: &Path) -> Vec<String> {
    let pad = "x".repeat(PAD_BYTES);
    let write = |part: usize| {
        let path = folder.join(format!("events-{part}.jsonl"));
        let line = |id: usize| {
            format!(
                "{{\"id\":{id},\"part\":{part},\"ts\":{},\"pad\":\"{pad}\"}}\n",
                1_767_225_600_000_u64 + id as u64
            )
        };
        fs::write(&path, (0..RECORDS).map(line).collect::<String>()).unwrap();
        format!("events={}", path.display())
    };
    (0..PARTITIONS).map(write).collect()
}

/// The process's memory, in KiB.
fn memory_kib(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Windows of the neighbour that are there, and their events.
fn counted(path: &Path) -> (usize, u64) {
    let rows = fs::read_to_string(path).unwrap_or_default();
    let counts = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap()["n"].as_u64().unwrap());
    counts.fold((0, 0), |(windows, events), n| (windows + 1, events + n))
}

#[test]
fn a_sink_that_is_down_loses_nothing_and_disturbs_nobody() {
    let down_s = std::env::var("STREAMGAUGE_OUTAGE_S").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().unwrap();
    let inputs = write_events(folder.path());
    let (hook, counts) = (Hook::start(), folder.path().join("counts.jsonl"));
    let sql = SQL.replace("$URL", &hook.url).replace("$COUNTS", &counts.display().to_string());
    let mut arguments: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    arguments.extend(["--checkpoint-interval", "200ms", "--drain-timeout", "10m"]);
    let deployment = Deployment::new(folder.path().join("host"), &sql, &arguments);

    let mut host = deployment.start(&[]);
    let (since, mut most_kib) = (Stopwatch::start(), 0);
    let mut neighbour_done = None;
    while since.elapsed() < Duration::from_secs(down_s) || neighbour_done.is_none() {
        most_kib = memory_kib(host.process()).max(most_kib);
        let (windows, events) = counted(&counts);
        if windows == RECORDS / 100 && neighbour_done.is_none() {
            assert_eq!(events, (PARTITIONS * RECORDS) as u64, "no window was closed because somebody waited");
            neighbour_done = Some(since.elapsed());
        }
        assert!(since.elapsed() < Duration::from_secs(down_s + 100), "the neighbour waits: {}", host.said());
        pause(Duration::from_millis(50));
    }
    assert!(hook.bodies.lock().unwrap().is_empty(), "it is down");
    hook.up.store(true, Relaxed);
    let status = host.end();
    assert!(status.success(), "{status}: {}", host.said());
    assert!(most_kib < MEMORY_KIB_MAX, "{most_kib} KiB");

    let mut next: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, body) in hook.bodies.lock().unwrap().iter() {
        let row: Value = serde_json::from_str(body).unwrap();
        let next = next.entry(row["part"].as_u64().unwrap()).or_default();
        assert_eq!(row["id"].as_u64(), Some(*next), "rows of a lane in order");
        *next += 1;
    }
    let all: BTreeMap<u64, u64> = (0..PARTITIONS as u64).map(|part| (part, RECORDS as u64)).collect();
    assert_eq!(next, all, "nothing is lost");
    assert!(host.said().contains("late=0 dead_letters=0"), "{}", host.said());
    eprintln!(
        "down for {:?}; the neighbour was done after {neighbour_done:?}; at most {} MiB",
        since.elapsed(),
        most_kib >> 10
    );
}
