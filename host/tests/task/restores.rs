//! A reducer whose states get another version: the state goes on where the new one restores the old version, and is refused by
//! name where it does not; no checkpoint holds states of two versions.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use streamgauge::{
    decode::Batch,
    deliver::output::Output,
    deploy::{Connectors, HostCatalog},
    query::{Context, DecisionLog, Operators, QueryTask, RunningQuery, Subscription, WindowFactory, Windows},
};
use streamgauge_common::{offset::Offset, partition::SourceIndex};
use streamgauge_component::runtime::Runtime;
use streamgauge_engine::{Accumulators, Settings, StateVersions, WindowQuery};
use streamgauge_kafka::Depth;
use streamgauge_sql::{SourceText, compile, manifest::SourceColumn};
use streamgauge_state::{
    backend::{BackendSettings, StateBackend},
    error::StateError,
    fingerprint::StateFingerprint,
    manifest::StartBounds,
    pool::{PoolSettings, StatePool},
    recovery::{self, Recovered},
    store::Store,
};

use crate::{
    records::{self, first},
    tally::{Versions, plugins},
};

const PROGRAM: &str = "
CREATE SOURCE s (k BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_s');
SELECT window_end, k, tally(k) AS n FROM HOP(s, ts, INTERVAL '10' SECOND, INTERVAL '20' SECOND) GROUP BY window_end, k;
";
const FIRST: Versions = Versions { written: 1, restores: &[] };
const SECOND: Versions = Versions { written: 2, restores: &[1] };
const SECOND_ALONE: Versions = Versions { written: 2, restores: &[] };

/// Records of the only partition: keys and times. The group of key 2 stands still while the versions change.
const RECORDS: [(i64, i64); 10] =
    [(0, 1), (1, 2), (0, 11), (2, 12), (0, 13), (0, 14), (1, 21), (0, 22), (1, 33), (0, 45)];

/// A process with a state, until it is killed.
struct Process {
    task: QueryTask,
    schema: Vec<SourceColumn>,
    _pool: StatePool,
}

impl Process {
    fn start(store: &Store, versions: Versions, rows: &Path) -> Result<Self, StateError> {
        let plugins = Arc::new(plugins(Runtime::new().unwrap(), versions));
        let text = SourceText { name: "test.sql".into(), text: PROGRAM.into() };
        let connectors = Connectors::default();
        let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
        let program = compile(&[text], &catalog).unwrap().program;
        let manifest = program.queries.first().unwrap().plan.manifest.clone();
        let window = manifest.window.clone().unwrap();
        let aggregates = window.aggregates.clone();
        let open = move || {
            let open = |aggregate| Ok(Box::new(plugins.open(aggregate)?) as Box<dyn Accumulators>);
            aggregates.iter().map(open).collect()
        };
        let factory = WindowFactory { settings: Settings::default(), open: Arc::new(open) };
        let accumulators = (factory.open)().unwrap();
        let known: Vec<StateVersions> =
            accumulators.iter().map(|calls| StateVersions::of(&**calls)).collect();
        let source = program.sources.first().unwrap();
        let fingerprint = StateFingerprint::of(&manifest, Some(source), &known);
        let Recovered { state, checkpoint, decisions, .. } = recovery::open(store.clone(), &fingerprint, 2)?;
        let pool = StatePool::start(PoolSettings::default()).unwrap();
        let log = DecisionLog::new(
            Some(StateBackend::start(&pool, state, BackendSettings::default())),
            BTreeMap::new(),
            decisions,
        );
        let mut engine = WindowQuery::new(&window, Settings::default(), []).unwrap();
        engine.track_changes();
        let place = |name: &str| source.columns.iter().position(|column| column.name == name).unwrap();
        let columns = manifest.columns.iter().map(|column| place(&column.name)).collect();
        let mut running = RunningQuery::new(
            manifest,
            None,
            Some(Windows { engine, accumulators }),
            columns,
            Operators::default(),
        );
        running.send_to(Arc::new(Output::to_file(
            rows,
            fs::File::options().create(true).append(true).open(rows).unwrap(),
        )));
        let (saved, parts) = checkpoint.clone().unwrap_or_default();
        let context = Context::new(Subscription::silent("s"));
        let mut task =
            QueryTask::new(running, log, context, StartBounds::default(), saved.offsets.clone(), factory);
        if checkpoint.is_some() {
            task.put_back(&saved, parts.iter()).unwrap();
        }
        task.assign(first(0), Offset(0));
        Ok(Self { task, schema: source.columns.clone(), _pool: pool })
    }

    /// Reads records, from where the query stands up to this one.
    fn read_up_to(&mut self, end: usize) {
        let next = self.task.offsets().values().next().unwrap().next.0 as usize;
        if next < end {
            self.task.take(SourceIndex::FIRST, &batch(&self.schema, next, RECORDS.get(next..end).unwrap()));
        }
        assert!(self.task.task_failure().is_none(), "no reducer traps");
    }

    fn checkpoint(&mut self) {
        self.task.checkpoint(false);
        let backend = self.task.log().backend().unwrap();
        backend.wait();
        assert_eq!(backend.failure(), None);
    }

    /// Everything is read and decided.
    fn finish(mut self) {
        self.read_up_to(RECORDS.len());
        self.task.end(first(0));
        self.checkpoint();
        self.task.flush();
    }

    /// What is decided is in the log, and nothing else of it is left.
    fn kill(mut self) {
        self.task.log().backend().unwrap().wait();
        self.task.flush();
    }
}

impl Process {
    /// So much time has passed since the last event.
    fn pass(&mut self, seconds: i64) {
        // Forced closes that a replay has to do come first.
        self.task.close();
        assert!(!self.task.is_behind_barrier());
        let engine = self.task.engine_mut().unwrap();
        engine.set_idle_baseline();
        engine.idle(&[first(0)], seconds * 1_000_000);
        self.task.close();
        assert!(self.task.task_failure().is_none(), "no reducer traps");
    }
}

fn batch(schema: &[SourceColumn], first: usize, records: &[(i64, i64)]) -> Batch {
    let records: Vec<String> =
        records.iter().map(|(key, time)| format!("{{\"k\":{key},\"ts\":{time}}}")).collect();
    records::batch(schema, 0, first as i64, &records)
}

/// Rows of one process that reads everything.
fn expected() -> String {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows");
    Process::start(&Store::memory().unwrap(), FIRST, &rows).unwrap().finish();
    let rows = fs::read_to_string(rows).unwrap();
    let second = "{\"window_end\":\"1970-01-01T00:00:20.000Z\",\"k\":0,\"n\":4}\n{\"window_end\":\"1970-01-01T00:00:20.000Z\",\"k\":1,\"n\":1}\n";
    assert!(rows.contains(second), "a window counts its rows: {rows}");
    rows
}

fn refused(store: &Store, versions: Versions, rows: &Path) -> String {
    match Process::start(store, versions, rows) {
        Ok(_) => panic!("it is not refused"),
        Err(error) => error.to_string(),
    }
}

/// A state of version 1 in two pieces, as the second checkpoint has only what changed since the first.
fn first_life(store: &Store, rows: &Path) {
    let mut process = Process::start(store, FIRST, rows).unwrap();
    process.read_up_to(4);
    process.checkpoint();
    process.read_up_to(5);
    process.checkpoint();
    // Behind the checkpoint: read again by the next one.
    process.read_up_to(6);
    process.kill();
}

#[test]
fn a_state_goes_on_with_a_reducer_that_restores_its_version() {
    let expected = expected();
    // At the first checkpoint of the new version a slice with the group that stands still is open; or it was sealed since.
    for read_before in [6, 7] {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows");
        let store = Store::memory().unwrap();
        first_life(&store, &rows);
        let why = refused(&store, SECOND_ALONE, &rows);
        let told = "the reducer of tally(k) changed: states of version 1 -> states of version 2, and it restores no others";
        assert!(why.ends_with(told), "{why}");

        // Killed before its first checkpoint: the state is still one of version 1.
        let mut process = Process::start(&store, SECOND, &rows).unwrap();
        process.read_up_to(read_before);
        process.kill();
        let mut process = Process::start(&store, SECOND, &rows).unwrap();
        process.read_up_to(read_before);
        process.checkpoint();
        process.kill();

        let why = refused(&store, FIRST, &rows);
        let told = "the reducer of tally(k) changed: states of version 2 -> states of version 1, and it restores no others";
        assert!(why.ends_with(told), "{why}");
        // The first checkpoint of the new version holds no state of the old one: this guest would trap.
        Process::start(&store, SECOND_ALONE, &rows).unwrap().finish();
        assert_eq!(fs::read_to_string(&rows).unwrap(), expected, "read {read_before} before the checkpoint");
    }
}

#[test]
fn a_state_is_reloaded_in_the_process_that_changed_its_version() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows");
    let store = Store::memory().unwrap();
    first_life(&store, &rows);
    let mut process = Process::start(&store, SECOND, &rows).unwrap();
    for _ in 0..2 {
        // Before and after the first checkpoint of the new version, as after a fault of a reducer.
        let (saved, parts) = process.task.last_checkpoint().unwrap();
        process.task.go_back(&saved.offsets).unwrap();
        process.task.put_back(&saved, parts.iter()).unwrap();
        process.read_up_to(7);
        process.checkpoint();
    }
    process.finish();
    assert_eq!(fs::read_to_string(&rows).unwrap(), expected());
}

#[test]
fn a_checkpoint_that_would_say_what_the_last_one_says_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("state").to_str().unwrap()).unwrap();
    let checkpoints = || -> Vec<String> {
        let names = fs::read_dir(folder.path().join("state")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut checkpoints: Vec<String> = names.filter(|name| name.starts_with("checkpoint-")).collect();
        checkpoints.sort();
        checkpoints
    };
    let rows = folder.path().join("rows");
    let mut process = Process::start(&store, FIRST, &rows).unwrap();
    let writes = |process: &mut Process, change: &dyn Fn(&mut Process)| {
        change(process);
        let before = checkpoints();
        process.checkpoint();
        checkpoints() != before
    };
    assert!(writes(&mut process, &|_| {}), "there was none");
    assert!(!writes(&mut process, &|_| {}));
    assert!(writes(&mut process, &|process| process.read_up_to(4)));
    assert!(!writes(&mut process, &|_| {}));
    assert!(!writes(&mut process, &|process| process.pass(5)), "no window ends");
    assert!(writes(&mut process, &|process| process.pass(60)), "windows have closed");
    // Windows without rows end every 10 seconds.
    let mut written = |passed: &mut dyn Iterator<Item = i64>| {
        passed.filter(|&seconds| writes(&mut process, &|process| process.pass(seconds))).count()
    };
    // The log has them. That the rows of before were acknowledged may be known only now, which is something new.
    let few = written(&mut (100..).step_by(10).take(90));
    assert!(few <= 1, "{few}");
    let many = written(&mut (1_000..).step_by(10).take(130));
    assert!((1..=2).contains(&many), "{many}");
    let told = fs::read_to_string(&rows).unwrap_or_default();
    process.kill();
    // What is behind the checkpoint is in the log: nothing is decided anew.
    let mut process = Process::start(&store, FIRST, &rows).unwrap();
    process.pass(4_000);
    process.kill();
    assert!(fs::read_to_string(&rows).unwrap().starts_with(&told));
    let mut lines: Vec<String> = fs::read_to_string(&rows).unwrap().lines().map(str::to_owned).collect();
    let count = lines.len();
    lines.dedup();
    assert_eq!((count, lines.len()), (7, 7), "{lines:?}");
}

#[test]
fn a_query_that_rests_goes_on_as_if_it_had_not() {
    let rows = |rests: bool| {
        let folder = tempfile::tempdir().unwrap();
        let rows = folder.path().join("rows");
        let mut process = Process::start(&Store::memory().unwrap(), FIRST, &rows).unwrap();
        let rest = |process: &mut Process| {
            (0..2).for_each(|_| {
                if rests {
                    process.task.rest()
                }
            })
        };
        rest(&mut process);
        process.read_up_to(3);
        // Accumulators are in use.
        rest(&mut process);
        process.read_up_to(4);
        process.pass(30);
        // None is: all windows with rows have closed.
        rest(&mut process);
        process.checkpoint();
        process.read_up_to(8);
        rest(&mut process);
        process.finish();
        fs::read_to_string(&rows).unwrap()
    };
    let expected = rows(false);
    assert!(expected.lines().count() > 4, "{expected}");
    assert_eq!(rows(true), expected);
}
