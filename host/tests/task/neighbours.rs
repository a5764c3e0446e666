//! A query whose reducer fails: its neighbour is exact, a record that makes it trap is a dead letter alone, and a reducer that
//! takes too long fails its query.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use streamgauge::{
    decode::{
        format::Format,
        json,
        schema::{ColumnTicket, SharedSchema},
    },
    deliver::{dead_letter::RecordText, letters::DeadLetterQueue, output::Output},
    deploy::{Connectors, DeploymentEnd, HostCatalog, HostResources, Runtime, RuntimeEvent, Wired},
    logging::{LogFormat, dispatch},
    metrics::SourceMetrics,
    pipeline::Pipeline,
    query::{
        Context, Counts, DecisionLog, Operators, Progress, QueryTask, RunningQuery, Subscription,
        WindowFactory, Windows,
    },
};
use streamgauge_common::{
    column::{Column, Texts},
    partition::SourceIndex,
    wakeup::Stop,
};
use streamgauge_component::{limits::Limits, plugins::Plugins, runtime};
use streamgauge_engine::{Accumulators, Evaluated, Fault, Settings, StateVersions, WindowQuery};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    Program, Query, SourceText, compile,
    manifest::{Aggregate, SourceColumn},
};
use streamgauge_state::{
    backend::{BackendSettings, StateBackend},
    fingerprint::StateFingerprint,
    manifest::{Offsets, StartBounds},
    pool::{PoolSettings, StatePool},
    recovery::{self, Recovered},
    store::Store,
};
use tracing::{Level, dispatcher::with_default};

use crate::{
    bundles,
    guests::{Reducer, open},
    recorder::{Recorded, expected as counted},
    records::{file_source, spec},
};

const PROGRAM: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_s');
SELECT window_end, count(*) AS n, sum(n) AS total FROM HOP(s, ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND);
SELECT window_end, sum(n) AS total FROM HOP(s, ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND);
";
const EVENTS: i64 = 100_000;
/// Traps where one of the arguments is 77,777, or 77,790.
const TRAPS: &str = "
    (local $at i32) (local $value i64)
    (block $done (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $len)))
        (local.set $value (i64.load
            (i32.add (i32.load offset=8 (local.get 3)) (i32.shl (local.get $at) (i32.const 3)))))
        (if (i64.eq (local.get $value) (i64.const 77777)) (then unreachable))
        (if (i64.eq (local.get $value) (i64.const 77790)) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (i32.const 16)";

/// A sum, behind a guest that sees all arguments first.
struct Guarded {
    guard: Box<dyn Accumulators>,
    sum: Box<dyn Accumulators>,
}

impl Accumulators for Guarded {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        self.guard.accumulate(slots, arguments)?;
        self.sum.accumulate(slots, arguments)
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        self.sum.merge(into, source)
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        self.sum.evaluate(slots)
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        self.sum.release(slots)
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        self.sum.snapshot(slots)
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        self.sum.restore(state_version, slots, states)
    }

    fn state_version(&self) -> u32 {
        self.sum.state_version()
    }

    fn restores(&self) -> &[u32] {
        self.sum.restores()
    }
}

/// What a run has left.
struct Run {
    end: DeploymentEnd,
    rows: [String; 2],
    letters: String,
    told: Vec<String>,
}

/// Runs the program's queries, the second behind a guest that does `body`.
fn run(body: &'static str) -> Run {
    run_on(body, None, &|_| {})
}

/// The same, with the second query's state in a directory; who looks on hears what is told.
fn run_on(body: &'static str, state: Option<&Path>, look_on: &(dyn Fn(&str) + Sync)) -> Run {
    run_as((json::FORMAT, 1), body, state, look_on)
}

/// The same, with so many events in each record of a format.
fn run_as(
    (format, events_a_record): (Format, usize),
    body: &'static str,
    state: Option<&Path>,
    look_on: &(dyn Fn(&str) + Sync),
) -> Run {
    let events: Vec<String> = (0..EVENTS).map(event).collect();
    let lines: String = events.chunks(events_a_record).map(|record| record.join("|") + "\n").collect();
    run_over(&lines, (format, true), body, state, look_on)
}

fn event(n: i64) -> String {
    format!("{{\"n\":{n},\"ts\":{}}}", n / 1000)
}

/// The same over these lines; dead letters are written, or only counted.
fn run_over(
    lines: &str,
    (format, keeps_letters): (Format, bool),
    body: &'static str,
    state: Option<&Path>,
    look_on: &(dyn Fn(&str) + Sync),
) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("events"), lines).unwrap();

    let plugins = Arc::new(Plugins::embedded(runtime::Runtime::new().unwrap()));
    let text = SourceText { name: "test.sql".into(), text: PROGRAM.into() };
    let connectors = Connectors::default();
    let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
    let Program { sources, queries, .. } = compile(&[text], &catalog).unwrap().program;
    let schema = sources.first().unwrap().columns.clone();
    let letters = Output::to_file(&path("letters"), fs::File::create(path("letters")).unwrap());
    let letters = DeadLetterQueue::new(Arc::new(letters), RecordText::Excerpt);
    let subscription = Arc::new(Subscription {
        deployment: "test".into(),
        dead_letters: keeps_letters.then(|| Arc::new(letters)),
        progress: Progress::shown_in(SourceMetrics::new("test", "s")),
        ..Arc::into_inner(Subscription::silent("s")).unwrap()
    });
    let mut tasks = Vec::new();
    for (query, body) in queries.iter().zip([None, Some(body)]) {
        let state = state.filter(|_| body.is_some());
        tasks.push(task(
            query,
            body,
            &plugins,
            &schema,
            &path(&query.plan.manifest.name),
            state,
            &subscription,
        ));
    }
    let (schema, _held) = columns(format, &schema);
    let source = Arc::new(file_source(path("events"), schema, Arc::default()));
    let reader = (source.open)(&tasks.first().unwrap().read_from(SourceIndex::FIRST)).unwrap();
    let pipelines = vec![Pipeline { source, reader, tasks }];
    let (tell, told) = crossbeam_channel::unbounded();
    let notice = tell.clone();
    let lines = dispatch(Level::INFO, LogFormat::Text, move |line| drop(notice.send(Told::Line(line))));
    let ended = move |RuntimeEvent::Ended(_, end)| drop(tell.send(Told::Ended(end)));
    let start = || Runtime::start(Arc::new(ended), Stop::default(), HostResources::default());
    let runtime = with_default(&lines, start).unwrap();
    runtime.run("test", Wired { pipelines, workers: None, control: Arc::default() }).unwrap();
    let mut notices = Vec::new();
    let end = loop {
        match told.recv().unwrap() {
            Told::Line(text) => {
                look_on(&text);
                notices.push(text);
            }
            Told::Ended(end) => break end,
        }
    };
    let read = |name: &str| fs::read_to_string(path(name)).unwrap();
    Run { end, rows: ["select_1", "select_2"].map(read), letters: read("letters"), told: notices }
}

/// What a runtime tells, in its order.
enum Told {
    Line(String),
    Ended(DeploymentEnd),
}

fn task(
    query: &Query,
    body: Option<&'static str>,
    plugins: &Arc<Plugins>,
    schema: &[SourceColumn],
    rows: &Path,
    state: Option<&Path>,
    subscription: &Arc<Subscription>,
) -> QueryTask {
    let context = Context::new(subscription.clone());
    let manifest = query.plan.manifest.clone();
    let window = manifest.window.clone().unwrap();
    let (plugins, aggregates) = (plugins.clone(), window.aggregates.clone());
    let opened = move |aggregate: &Aggregate| -> Box<dyn Accumulators> {
        let sum = Box::new(plugins.open(aggregate).unwrap());
        let Some(body) = body else { return sum };
        let limits = Limits { plugin_call_timeout: Duration::from_millis(100), ..Limits::default() };
        let guard = open(limits, &Reducer { accumulate: body, ..Reducer::default() }).unwrap();
        Box::new(Guarded { guard: Box::new(guard), sum })
    };
    let factory = WindowFactory {
        settings: Settings::default(),
        open: Arc::new(move || Ok(aggregates.iter().map(&opened).collect())),
    };
    let engine = WindowQuery::new(&window, Settings::default(), []).unwrap();
    let windows = Windows { engine, accumulators: (factory.open)().unwrap() };
    let place = |name: &str| schema.iter().position(|column| column.name == name).unwrap();
    let columns = manifest.columns.iter().map(|column| place(&column.name)).collect();
    let mut running = RunningQuery::new(manifest.clone(), None, Some(windows), columns, Operators::default());
    running.send_to(Arc::new(Output::to_file(rows, fs::File::create(rows).unwrap())));
    let Some(state) = state else {
        return QueryTask::new(
            running,
            DecisionLog::idle(),
            context,
            StartBounds::default(),
            Offsets::new(),
            factory,
        );
    };
    let folder = Store::open(state.to_str().unwrap()).unwrap().folder(&manifest.name).unwrap();
    let Recovered { state, checkpoint, decisions, .. } = recovery::open(
        folder,
        &StateFingerprint::of(&manifest, None, &[StateVersions { written: 1, restores: Vec::new() }]),
        2,
    )
    .unwrap();
    let pool = StatePool::start(PoolSettings::default()).unwrap();
    let log = DecisionLog::new(
        Some(StateBackend::start(&pool, state, BackendSettings::default())),
        BTreeMap::new(),
        decisions,
    );
    let (saved, parts) = checkpoint.unwrap_or_default();
    let mut task =
        QueryTask::new(running, log, context, StartBounds::default(), saved.offsets.clone(), factory);
    task.put_back(&saved, parts.iter()).unwrap();
    task
}

/// The columns of a source, and its schema as long as they are held.
fn columns(format: Format, columns: &[SourceColumn]) -> (Arc<SharedSchema>, ColumnTicket) {
    let schema = SharedSchema::new(format, 1 << 20);
    let ticket = schema.register(&columns.iter().map(spec).collect::<Vec<_>>());
    assert_eq!(ticket.positions(), [0, 1]);
    (schema, ticket)
}

/// Windows of 20,000 events, every 10,000, without some of them.
fn expected(without: &[i64], counted: bool) -> String {
    let row = |window: i64| {
        let numbers = (window * 10_000..(window + 2) * 10_000)
            .filter(|n| (0..EVENTS).contains(n) && !without.contains(n));
        let (count, total) = (numbers.clone().count(), numbers.sum::<i64>());
        let end = (window + 2) * 10;
        let end = format!("1970-01-01T00:{:02}:{:02}.000Z", end / 60, end % 60);
        let count = if counted { format!("\"n\":{count},") } else { String::new() };
        format!("{{\"window_end\":\"{end}\",{count}\"total\":{total}}}\n")
    };
    (-1..10).map(row).collect()
}

#[test]
fn a_record_that_makes_a_reducer_trap_is_a_dead_letter_alone() {
    let Run { end, rows: [neighbour, rows], letters, told } = run(TRAPS);
    assert_eq!(neighbour, expected(&[], true), "the neighbour is exact");
    assert_eq!(rows, expected(&[77_777, 77_790], false), "{end:?} {told:?}");
    assert_eq!(end.failures, []);
    let letters: Vec<serde_json::Value> =
        letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((first["offset"].as_i64(), second["offset"].as_i64()), (Some(77_777), Some(77_790)));
    assert_eq!((&first["query"], &first["reason"]), (&"select_2".into(), &"plugin".into()));
    assert!(first["message"].as_str().unwrap().starts_with("reducer `probe` trapped"), "{first}");
    assert!(told.iter().any(|text| text.contains("partition 0 offset 77777 is a dead letter")), "{told:?}");
}

#[test]
fn a_record_of_which_one_event_makes_a_reducer_trap_is_one_dead_letter_with_all_of_its_events() {
    let Run { end, rows: [neighbour, rows], letters, told } =
        run_as((bundles::FORMAT, 2), TRAPS, None, &|_| {});
    assert_eq!(neighbour, expected(&[], true), "the neighbour is exact");
    assert_eq!(rows, expected(&[77_776, 77_777, 77_790, 77_791], false), "{end:?} {told:?}");
    assert_eq!(end.counts.events, EVENTS as u64, "each event is counted once, whoever reads it again");
    let letters: Vec<serde_json::Value> =
        letters.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [first, second] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!((first["offset"].as_i64(), second["offset"].as_i64()), (Some(38_888), Some(38_895)));
    assert_eq!(first["record"], r#"{"n":77776,"ts":77}|{"n":77777,"ts":77}"#);
    assert!(first["message"].as_str().unwrap().starts_with("reducer `probe` trapped"), "{first}");
    assert!(told.iter().any(|text| text.contains("partition 0 offset 38888 is a dead letter")), "{told:?}");
}

#[test]
fn after_a_restart_the_record_is_a_dead_letter_without_another_trap() {
    let folder = tempfile::tempdir().unwrap();
    let (state, copy) = (folder.path().join("state"), folder.path().join("copy"));
    // What is on the disk when the verdict is told to be in the log: a kill at this moment.
    let kill = |text: &str| {
        if text.contains("offset 77790 is a dead letter") {
            copy_all(&state, &copy);
        }
    };
    let first = run_on(TRAPS, Some(&state), &kill);
    assert_eq!(first.rows[1], expected(&[77_777, 77_790], false));
    let second = run_on(TRAPS, Some(&copy), &|_| {});
    assert_eq!(second.rows[0], expected(&[], true));
    let all = expected(&[77_777, 77_790], false);
    assert!(
        !second.rows[1].is_empty() && all.ends_with(&second.rows[1]),
        "what was decided is not decided again"
    );
    assert_eq!(second.letters, first.letters);
    // It is the first dead letter of this process.
    let trapped = |text: &&String| text.contains("trapped") && !text.contains("first dead letter 'plugin'");
    assert_eq!(second.told.iter().find(trapped), None);
}

/// One that is malformed, one that is late for all its windows, one that is late for some: all in the batch in which the reducer traps.
fn troubled(n: i64) -> String {
    match n {
        77_700 => "{".to_owned(),
        77_701 => "{\"n\":1,\"ts\":0}".to_owned(),
        77_702 => "{\"n\":1,\"ts\":65}".to_owned(),
        n => event(n),
    }
}

#[test]
fn what_was_counted_of_a_batch_that_failed_is_counted_once() {
    let lines: String = (0..EVENTS).map(|n| troubled(n) + "\n").collect();
    let state = tempfile::tempdir().unwrap();
    for state in [None, Some(state.path())] {
        for keeps_letters in [false, true] {
            let state = state.map(|state| state.join(keeps_letters.to_string()));
            let recorded = Recorded::default();
            let Run { end, letters, .. } = metrics::with_local_recorder(&recorded, || {
                run_over(&lines, (json::FORMAT, keeps_letters), TRAPS, state.as_deref(), &|_| {})
            });
            let mut wanted = counted([
                ("events_total deployment=test source=s", EVENTS as f64),
                ("watermark_seconds deployment=test source=s", 99.0),
                ("faults_total deployment=test query=select_2", 1.0),
                ("dead_letters_total deployment=test query=select_2 reason=plugin", 2.0),
            ]);
            for query in ["select_1", "select_2"] {
                let labels = format!("deployment=test query={query}");
                wanted.extend(counted([
                    (format!("rows_total {labels}").as_str(), 11.0),
                    (&format!("late_events_total {labels}"), 1.0),
                    (&format!("partly_late_events_total {labels}"), 1.0),
                    (&format!("dead_letters_total {labels} reason=malformed"), 1.0),
                ]));
            }
            let mut values = recorded.values();
            // How many windows close at a time depends on batches.
            values.retain(|name, _| !name.contains("close_duration"));
            assert_eq!(values, wanted, "{end:?}");
            let Counts { events, rows, late, late_partial, dead_letters } = end.counts;
            assert_eq!((events, rows, late, late_partial, dead_letters), (EVENTS as u64, 22, 2, 2, 4));
            assert_eq!(letters.lines().count(), if keeps_letters { 6 } else { 0 });
        }
    }
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_all(&entry.path(), &to),
            false => _ = fs::copy(entry.path(), to).unwrap(),
        }
    }
}

#[test]
fn a_reducer_that_always_traps_or_never_ends_fails_its_query_alone() {
    for (body, why) in [
        ("unreachable", "reducer `probe` trapped"),
        (
            "(loop $on (br $on)) unreachable",
            "reducer `probe` ran longer than 100 ms (--limit plugin_call_timeout)",
        ),
    ] {
        let Run { end, rows: [neighbour, rows], letters, told } = run(body);
        assert_eq!(neighbour, expected(&[], true), "the neighbour is exact");
        assert_eq!((rows.as_str(), letters.as_str()), ("", ""), "time-outs drop no record");
        let failures = end.failures;
        let [(who, what)] = failures.as_slice() else { panic!("{failures:?}") };
        assert_eq!(who, "query 'select_2'");
        assert!(what.starts_with(why), "{what}");
        let failed = format!("query 'select_2' failed: {why}");
        assert_eq!(told.iter().filter(|text| text.starts_with(&failed)).count(), 1, "{told:?}");
    }
}
