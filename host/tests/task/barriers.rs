//! A replay of closes that idle partitions had forced: each partition is folded up to its position of then, and no further,
//! before the close is done again; whatever has been read meanwhile.

use std::{fs, path::Path, sync::Arc};

use streamgauge::{
    decode::Batch,
    deliver::output::Output,
    deploy::{Connectors, HostCatalog},
    query::{Context, DecisionLog, Operators, QueryTask, RunningQuery, Subscription, WindowFactory, Windows},
};
use streamgauge_common::{offset::Offset, partition::SourceIndex};
use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_engine::{Accumulators, Settings, WindowQuery};
use streamgauge_kafka::Depth;
use streamgauge_sql::{SourceText, compile, manifest::SourceColumn};
use streamgauge_state::{
    decision::Forced,
    manifest::{Decided, Offsets, StartBounds},
    recovery::RecoveredDecisions,
};

use crate::records::{self, first};

const PROGRAM: &str = "
CREATE SOURCE s (ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_s');
SELECT window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '10' SECOND);
";

/// A query behind two forced closes, writing to a file.
fn task(rows: &Path, forced: Vec<Forced>) -> (QueryTask, Vec<SourceColumn>) {
    let plugins = Arc::new(Plugins::embedded(Runtime::new().unwrap()));
    let text = SourceText { name: "test.sql".into(), text: PROGRAM.into() };
    let connectors = Connectors::default();
    let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
    let program = compile(&[text], &catalog).unwrap().program;
    let manifest = program.queries.first().unwrap().plan.manifest.clone();
    let window = manifest.window.clone().unwrap();
    let aggregates = window.aggregates.clone();
    let open = move || {
        aggregates
            .iter()
            .map(|aggregate| Ok(Box::new(plugins.open(aggregate)?) as Box<dyn Accumulators>))
            .collect()
    };
    let factory = WindowFactory { settings: Settings::default(), open: Arc::new(open) };
    let engine = WindowQuery::new(&window, Settings::default(), [0, 1].map(first)).unwrap();
    let windows = Windows { engine, accumulators: (factory.open)().unwrap() };
    let mut running = RunningQuery::new(manifest, None, Some(windows), vec![0], Operators::default());
    running.send_to(Arc::new(Output::to_file(rows, fs::File::create(rows).unwrap())));
    let decided = Decided { forced: forced.last().map(|forced| forced.window_end), ..Decided::default() };
    let log = DecisionLog::new(
        None,
        Default::default(),
        RecoveredDecisions { decided, forced, ..RecoveredDecisions::default() },
    );
    let task = QueryTask::new(
        running,
        log,
        Context::new(Subscription::silent("s")),
        StartBounds::default(),
        Offsets::new(),
        factory,
    );
    (task, program.sources.first().unwrap().columns.clone())
}

fn batch(schema: &[SourceColumn], partition: u32, times: &[i64]) -> Batch {
    let records: Vec<String> = times.iter().map(|time| format!("{{\"ts\":{time}}}")).collect();
    records::batch(schema, partition, 0, &records)
}

/// The windows' ends, in seconds, and their counts, of everything up to the end of both partitions.
fn replay(steps: &dyn Fn(&mut QueryTask, &[SourceColumn])) -> (Vec<(String, i64)>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("rows");
    // Partition 1 was idle twice: first behind its first record, then behind its third.
    let forced = |window_end: i64, next: [i64; 2]| Forced {
        window_end: window_end * 1_000_000,
        offsets: (0..).map(first).zip(next.map(Offset)).collect(),
    };
    let (mut task, schema) = task(&rows, vec![forced(10, [2, 1]), forced(20, [3, 3])]);
    [0, 1].into_iter().for_each(|partition| task.assign_active(first(partition), Offset(0)));
    steps(&mut task, &schema);
    task.flush();
    let rows = fs::read_to_string(&rows).unwrap();
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let window_end = row.get("window_end").unwrap().as_str().unwrap();
        (window_end.get(17..19).unwrap().to_owned(), row.get("n").unwrap().as_i64().unwrap())
    };
    assert!(!task.is_behind_barrier() && task.task_failure().is_none());
    (rows.lines().map(row).collect(), task.context().counts.late)
}

/// Times of the records: of partition 1 the last comes behind the second forced close, which has closed its window.
const TIMES: [&[i64]; 2] = [&[1, 25, 26, 27], &[2, 12, 13, 14]];

fn expected() -> (Vec<(String, i64)>, u64) {
    ([("10", 2), ("20", 2), ("30", 3)].map(|(end, n)| (end.to_owned(), n)).to_vec(), 1)
}

#[test]
fn what_is_held_for_the_next_barrier_is_not_taken_for_read() {
    let ahead = replay(&|task, schema| {
        task.take(SourceIndex::FIRST, &batch(schema, 1, TIMES[1]));
        task.reached_end(first(1));
        task.take(SourceIndex::FIRST, &batch(schema, 0, TIMES[0]));
        [0, 1].into_iter().for_each(|partition| task.end(first(partition)));
    });
    assert_eq!(ahead, expected());
}

#[test]
fn a_partition_ends_behind_what_is_held_of_it() {
    let ended = replay(&|task, schema| {
        task.take(SourceIndex::FIRST, &batch(schema, 1, TIMES[1]));
        task.end(first(1));
        task.take(SourceIndex::FIRST, &batch(schema, 0, TIMES[0]));
        task.end(first(0));
    });
    assert_eq!(ended, expected());
}
