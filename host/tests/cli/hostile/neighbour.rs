//! How late the rows of a query are whose neighbour uses a hostile plugin. Both read one topic of a real Kafka.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{ChildStdout, Stdio},
    thread,
    time::Duration,
};

use crossbeam_channel::{Sender, tick, unbounded};
use streamgauge_common::clock::{Stopwatch, now_us};
use streamgauge_kafka::{Connection, Producer, Record, create_topic, delete_topic};

use super::{Hostile, reducers};
use crate::{real_broker::broker, streamgauge};

/// How often an event comes, and for how long. Each closes a window.
const EVERY: Duration = Duration::from_millis(2);
const TIME: Duration = Duration::from_secs(60);
/// Before this event nothing counts: the process starts.
const FIRST: usize = 500;
/// The clocks of two threads and of the scheduler.
const GRAIN: Duration = Duration::from_millis(2);

/// What runs for ever, is slow all the time, traps or takes memory: one of each kind.
const NAMES: [&str; 7] = [
    "loops in Accumulate",
    "loops in Evaluate",
    "fills memory",
    "is slow",
    "traps in Merge",
    "recurses",
    "grows its memory",
];

fn events() -> usize {
    TIME.div_duration_f64(EVERY) as usize
}

/// A program in which one query counts, and another one uses the plugin, if there is one.
fn program(brokers: &str, topic: &str, hostile: bool) -> String {
    let window = "TUMBLE(s, ts, INTERVAL '1' SECOND)";
    let mut program = format!(
        "CREATE SOURCE s (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
         WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', start = 'earliest',
               time_format = 'unix_s', max_future_skew = '10000 days');
         SELECT count(*) AS n, sum(id) AS id FROM {window};"
    );
    if hostile {
        program +=
            "CREATE AGGREGATE hostile FROM 'hostile.wasm' WITH (memory = '64 MiB', call_timeout = '250 ms');
             CREATE SINK h WITH (connector = 'file', path = 'hostile.jsonl');
             INSERT INTO h SELECT hostile() AS x FROM HOP(s, ts, INTERVAL '1' SECOND, INTERVAL '2' SECOND);";
    }
    program
}

/// When the rows of the neighbour came, by number of their event; each must be there once.
fn read_rows(stdout: ChildStdout, since: Stopwatch, all: &Sender<Vec<Duration>>) {
    let mut came = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let expected = format!("{{\"n\":1,\"id\":{}}}", came.len());
        assert_eq!(line.unwrap(), expected);
        came.push(since.elapsed());
        // The last event closes no window.
        if came.len() + 1 == events() {
            break;
        }
    }
    all.send(came).unwrap();
}

/// The time in which 99 of 100 rows of the neighbour came, from when the event was written that closes their window.
fn p99(kafka: &Connection, hostile: Option<&Hostile>) -> Duration {
    let topic = format!("neighbour-{}", now_us());
    create_topic(kafka, &topic, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), program(&kafka.brokers, &topic, hostile.is_some())).unwrap();
    hostile.iter().for_each(|it| fs::write(folder.path().join("hostile.wasm"), &it.component).unwrap());
    let mut command = streamgauge();
    command.current_dir(folder.path()).args(["run", "query.sql", "-q"]).stdin(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (since, stdout, (all, rows)) = (Stopwatch::start(), child.stdout.take().unwrap(), unbounded());
    let reading = thread::spawn(move || read_rows(stdout, since, &all));
    let producer = Producer::new(kafka, &topic).unwrap();
    let (due, mut written) = (tick(Duration::from_millis(1)), Vec::new());
    while written.len() < events() {
        due.recv().unwrap();
        while written.len() < events() && EVERY * written.len() as u32 <= since.elapsed() {
            let value = format!("{{\"id\":{0},\"ts\":{0}}}", written.len());
            written.push(since.elapsed());
            let record =
                Record { partition: Some(0), key: None, value: Some(value.as_bytes()), time_us: None };
            producer.send(&record).unwrap();
        }
    }
    producer.flush(Duration::from_secs(60)).unwrap();
    let came = rows.recv_timeout(Duration::from_secs(60));
    child.kill().unwrap();
    child.wait().unwrap();
    reading.join().unwrap();
    delete_topic(kafka, &topic).unwrap();
    let came = came.expect("the neighbour gives all of its rows");
    let late = came.iter().zip(written.iter().skip(1)).map(|(came, written)| came.saturating_sub(*written));
    let mut late: Vec<Duration> = late.skip(FIRST).collect();
    late.sort_unstable();
    late[late.len() * 99 / 100]
}

#[test]
#[ignore = "takes long: `make soak`"]
fn the_p99_of_a_neighbour_at_most_doubles() {
    let Some(kafka) = broker() else { return };
    let hostiles = reducers::all();
    let mut failed = Vec::new();
    for name in NAMES {
        let hostile = hostiles.iter().find(|hostile| hostile.name == name).expect("there is one");
        let quiet = p99(&kafka, None);
        let beside = p99(&kafka, Some(hostile));
        eprintln!("p99 of rows beside nothing: {quiet:?}; beside a plugin that {name}: {beside:?}");
        if beside > 2 * quiet + GRAIN {
            failed.push((name, quiet, beside));
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}
