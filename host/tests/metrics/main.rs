//! What a deployment counts, compared with what a plain program knows of its events and of what a receiver answered.
#![expect(clippy::unwrap_used, reason = "what does not hold here fails the test")]

#[path = "../common/recorder.rs"]
mod recorder;
#[path = "../deliver/receiver.rs"]
#[expect(dead_code, reason = "the tests of deliveries use the others")]
mod receiver;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use metrics::with_local_recorder;
use streamgauge::{
    deploy::{
        Binding, Connectors, Deployment, DeploymentEnd, HostCatalog, HostResources, Runtime, RuntimeEvent,
    },
    metrics::METRICS,
    query::Counts,
    timings::Timings,
};
use streamgauge_common::wakeup::Stop;
use streamgauge_component::{plugins::Plugins, runtime};
use streamgauge_kafka::Depth;
use streamgauge_sql::{SourceText, compile};
use streamgauge_state::store::Store;

use self::{
    receiver::{Receiver, status},
    recorder::{Recorded, expected},
};

const SOURCE: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_ms');
CREATE VIEW per_window AS SELECT window_end, count(*) AS events FROM HOP(s, ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND)
WHERE n >= 0;
";
const FILES: &str = "
CREATE SINK rows WITH (connector = 'console');
CREATE SINK few WITH (connector = 'console');
CREATE SINK inverse WITH (connector = 'console');
INSERT INTO rows SELECT window_end, events FROM per_window;
INSERT INTO few SELECT window_end, events FROM per_window WHERE events > 1500;
INSERT INTO inverse SELECT 1000 / n AS inverse FROM s;
";
const EVENTS: u64 = 20_000;

/// A line of the input: what it holds, and its time in milliseconds where it can be used.
fn line(number: u64) -> (String, Option<i64>) {
    // 100 events a second, and now and then one that comes too late for some of its windows, or for all.
    let time = match number {
        _ if number % 97 == 96 => number * 10 - (number * 10).min(12_000),
        _ if number % 501 == 500 => number * 10 - (number * 10).min(40_000),
        _ => number * 10,
    };
    match number {
        _ if number % 1000 == 999 => ("{\"n\":1,".to_owned(), None),
        // Of the time of the one before: it moves no watermark.
        _ if number % 700 == 350 => (format!("{{\"n\":\"x\",\"ts\":{}}}", number * 10 - 10), None),
        _ => (format!("{{\"n\":{},\"ts\":{time}}}", number % 10), Some(time as i64)),
    }
}

/// What the events should come to.
#[derive(Default)]
struct Known {
    lines: String,
    malformed: f64,
    wrong_type: f64,
    zeros: f64,
    usable: f64,
    late: f64,
    partly_late: f64,
    /// By their ends, in seconds: how many events they have.
    windows: BTreeMap<i64, u64>,
    greatest_ms: i64,
}

impl Known {
    fn new() -> Self {
        let mut known = Self { greatest_ms: i64::MIN, ..Self::default() };
        for number in 0..EVENTS {
            let (text, time) = line(number);
            known.lines += &(text.clone() + "\n");
            match time {
                None if text.ends_with(',') => known.malformed += 1.0,
                None => known.wrong_type += 1.0,
                Some(time) => known.take(number, time),
            }
        }
        known
    }

    fn take(&mut self, number: u64, time_ms: i64) {
        self.usable += 1.0;
        self.zeros += f64::from(u8::from(number.is_multiple_of(10)));
        let watermark = self.greatest_ms.saturating_sub(1000);
        let first_end = time_ms.div_euclid(10_000) * 10 + 10;
        let open: Vec<i64> =
            [first_end, first_end + 10].into_iter().filter(|end| watermark < end * 1000).collect();
        match open.len() {
            0 => self.late += 1.0,
            1 => self.partly_late += 1.0,
            _ => {}
        }
        open.into_iter().for_each(|end| *self.windows.entry(end).or_default() += 1);
        self.greatest_ms = self.greatest_ms.max(time_ms);
    }
}

/// Runs a program over lines to their end, with what is counted, and as the deployment says that it ended.
fn run(program: &str, lines: &str, folder: &Path, keeps_state: bool) -> (DeploymentEnd, Arc<Recorded>) {
    let plugins = Arc::new(Plugins::embedded(runtime::Runtime::new().unwrap()));
    let text = SourceText { name: "test.sql".into(), text: format!("{SOURCE}{program}") };
    let connectors = Connectors::default();
    let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
    let program = compile(&[text], &catalog).map_err(|_| "it does not compile").unwrap().program;
    fs::write(folder.join("events"), lines).unwrap();
    let bind = |name: &str| Binding { name: name.to_owned(), path: folder.join(name) };
    let inputs = [Binding { name: "s".into(), path: folder.join("events") }];
    let to_files = program.sinks.iter().filter(|sink| sink.connector == "console");
    let outputs: Vec<Binding> = to_files.map(|sink| bind(&sink.name)).collect();
    let (timings, letters) = (Arc::new(Timings::default()), folder.join("letters"));
    let deployment = Deployment {
        inputs: &inputs,
        outputs: &outputs,
        dead_letters: Some(&letters),
        state: keeps_state.then(|| Store::open(folder.join("state").to_str().unwrap()).unwrap()),
        // None but the first and the last.
        checkpoint_interval: Duration::from_secs(3600),
        ..Deployment::new("d", &program, &plugins, &connectors, &timings)
    };
    let recorded = Arc::new(Recorded::default());
    let (tell, told) = crossbeam_channel::bounded(1);
    let runtime = with_local_recorder(&recorded, || {
        let ended = move |RuntimeEvent::Ended(_, end)| drop(tell.send(end));
        let runtime = Runtime::start(Arc::new(ended), Stop::default(), HostResources::default()).unwrap();
        runtime.deploy(&deployment).unwrap();
        runtime
    });
    let end = told.recv().unwrap();
    runtime.shut_down().unwrap();
    (end, recorded)
}

/// The values without how often windows were closed, and without the bytes of checkpoints, which are no more than the files of the state have, and not much less.
fn without_checkpoint_bytes(mut values: BTreeMap<String, f64>, folder: &Path) -> BTreeMap<String, f64> {
    // As often as a batch completes windows: no more often than there are windows.
    let closes = values.remove("streamgauge_close_duration_seconds deployment=d query=per_window");
    assert!(closes.is_some_and(|closes| (1.0..=100.0).contains(&closes)), "{closes:?}");
    let mut counted: BTreeMap<String, f64> = BTreeMap::new();
    values.retain(|name, value| {
        let of = name.strip_prefix("streamgauge_checkpoint_bytes_total deployment=d query=");
        if let Some(query) = of {
            counted.insert(query.to_owned(), *value);
        }
        of.is_none()
    });
    for (query, bytes) in counted {
        let files = fs::read_dir(folder.join("state").join(&query)).unwrap().map(|file| file.unwrap());
        let files = files.filter(|file| !file.file_name().to_str().unwrap().starts_with("log-"));
        let there = files.map(|file| file.metadata().unwrap().len() as f64).sum::<f64>();
        assert!(0.3 * there < bytes && bytes <= there, "{query}: {bytes} of {there}");
    }
    values
}

#[test]
fn every_counter_has_what_a_plain_count_of_the_events_has() {
    let known = Known::new();
    assert!(
        known.late > 10.0 && known.partly_late > 10.0 && known.wrong_type > 10.0,
        "there is something to count"
    );
    let rows = known.windows.len() as f64;
    let few = known.windows.values().filter(|&&events| events > 1500).count() as f64;
    assert!(0.0 < few && few < rows, "{few} of {rows}");
    let inverse = known.usable - known.zeros;
    let watermark = (known.greatest_ms - 1000) as f64 / 1000.0;
    let letters = 2.0 * (known.malformed + known.wrong_type) + known.zeros;
    for keeps_state in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let (end, recorded) = run(FILES, &known.lines, folder.path(), keeps_state);
        assert_eq!(end.failures, []);
        let mut expected = expected([
            ("events_total deployment=d source=s", EVENTS as f64),
            ("watermark_seconds deployment=d source=s", watermark),
            ("rows_total deployment=d query=insert_rows_1", rows),
            ("rows_total deployment=d query=insert_few_1", few),
            ("rows_total deployment=d query=insert_inverse_1", inverse),
            ("late_events_total deployment=d query=per_window", known.late),
            ("partly_late_events_total deployment=d query=per_window", known.partly_late),
            ("dead_letters_total deployment=d query=per_window reason=malformed", known.malformed),
            ("dead_letters_total deployment=d query=per_window reason=wrong_type", known.wrong_type),
            ("dead_letters_total deployment=d query=insert_inverse_1 reason=malformed", known.malformed),
            ("dead_letters_total deployment=d query=insert_inverse_1 reason=wrong_type", known.wrong_type),
            ("dead_letters_total deployment=d query=insert_inverse_1 reason=division_by_zero", known.zeros),
        ]);
        if keeps_state {
            for query in ["per_window", "insert_inverse_1"] {
                let labels = format!("deployment=d query={query}");
                expected.insert(format!("streamgauge_checkpoints_total {labels}"), 2.0);
                expected.insert(format!("streamgauge_checkpoint_seconds {labels}"), 2.0);
            }
        }
        assert_eq!(without_checkpoint_bytes(recorded.values(), folder.path()), expected);
        // What people are shown is the same.
        let shown = Counts {
            events: EVENTS,
            rows: (rows + few + inverse) as u64,
            late: known.late as u64,
            late_partial: known.partly_late as u64,
            dead_letters: letters as u64,
        };
        assert_eq!(end.counts, shown);
        let lines = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().lines().count() as f64;
        assert_eq!([lines("rows"), lines("few"), lines("inverse")], [rows, few, inverse]);
        assert_eq!(lines("letters"), letters + known.late);
    }
}

/// Answers 503 to each third request, and 400 to each fifth of the others; how often it gave each answer is behind it.
fn moody() -> (tokio::runtime::Runtime, Receiver, Arc<Mutex<BTreeMap<u16, f64>>>) {
    let given: Arc<Mutex<BTreeMap<u16, f64>>> = Arc::default();
    let (counted, asked) = (given.clone(), AtomicUsize::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::start(move |_| {
        let code = match asked.fetch_add(1, SeqCst) {
            turn if turn % 3 == 0 => 503,
            turn if turn % 5 == 0 => 400,
            _ => 200,
        };
        *counted.lock().unwrap().entry(code).or_default() += 1.0;
        status(code)
    }));
    (runtime, receiver, given)
}

#[test]
fn requests_are_counted_by_what_came_of_them_and_rejected_rows_are_dead_letters() {
    let (_runtime, receiver, given) = moody();
    let folder = tempfile::tempdir().unwrap();
    let names = folder.path().join("names.csv");
    fs::write(&names, "n,name\n1,one\n").unwrap();
    let program = format!(
        "CREATE SINK hook WITH (connector = 'webhook', url = '{}', allow_private = 'true');
         INSERT INTO hook SELECT window_end, events FROM per_window;
         CREATE TABLE names (n BIGINT PRIMARY KEY, name TEXT) WITH (connector = 'file', path = '{}', format = 'csv');
         CREATE SINK named WITH (connector = 'console');
         INSERT INTO named SELECT p.name FROM s JOIN names p ON s.n = p.n;",
        receiver.url(),
        names.display()
    );
    let lines: String = (0..60).map(|n| format!("{{\"n\":1,\"ts\":{}}}\n", n * 5000)).collect();
    let windows: BTreeSet<u64> =
        (0..60).map(|n| n * 5000 / 10_000).flat_map(|slice| [slice, slice + 1]).collect();
    let (end, recorded) = run(&program, &lines, folder.path(), true);
    assert_eq!(end.failures, []);
    let given = given.lock().unwrap().clone();
    let rows = windows.len() as f64;
    assert_eq!(given[&200] + given[&400], rows, "each row has a final answer: {given:?}");
    assert_eq!(
        without_checkpoint_bytes(recorded.values(), folder.path()),
        expected([
            ("events_total deployment=d source=s", 60.0),
            ("watermark_seconds deployment=d source=s", 59.0 * 5.0 - 1.0),
            ("rows_total deployment=d query=insert_hook_1", rows),
            ("requests_total deployment=d sink=hook outcome=accepted", given[&200]),
            ("requests_total deployment=d sink=hook outcome=retried", given[&503]),
            ("requests_total deployment=d sink=hook outcome=rejected", given[&400]),
            ("dead_letters_total deployment=d query=insert_hook_1 reason=rejected", given[&400]),
            ("checkpoints_total deployment=d query=per_window", 2.0),
            ("checkpoint_seconds deployment=d query=per_window", 2.0),
            ("rows_total deployment=d query=insert_named_1", 60.0),
            ("checkpoints_total deployment=d query=insert_named_1", 2.0),
            ("checkpoint_seconds deployment=d query=insert_named_1", 2.0),
            ("table_versions_total deployment=d table=names", 1.0),
        ])
    );
    assert_eq!(end.counts.dead_letters as f64, given[&400]);
    // This deployment has all there are but those of a host and of traces: the table says their labels, and the recorder was told of all.
    let named: BTreeMap<String, Vec<String>> = METRICS
        .iter()
        .filter(|metric| {
            !["(only of `serve`)", "(only where work is traced)"]
                .iter()
                .any(|&only| metric.meaning.ends_with(only))
        })
        .map(|metric| (metric.name.to_owned(), metric.labels.iter().map(|&label| label.to_owned()).collect()))
        .collect();
    assert_eq!(recorded.names(), named);
    let described = METRICS.iter().map(|metric| (metric.name.to_owned(), Some(metric.unit))).collect();
    assert_eq!(*recorded.described.lock().unwrap(), described);
}
