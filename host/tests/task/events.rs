//! Records that hold several events: rows, positions, dead letters and keys.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, LazyLock},
};

use proptest::prelude::*;
use serde_json::Value as Json;
use streamgauge::{
    decode::{
        Batch,
        format::Format,
        json,
        layout::ColumnSpec,
        schema::{PresentDecoder, SharedSchema},
    },
    deliver::{
        dead_letter::RecordText,
        encode::{Encode, RecordKey, Records},
        key::Keys,
        letters::DeadLetterQueue,
        output::Output,
    },
    deploy::{Connectors, HostCatalog},
    query::{
        Context, Counts, DecisionLog, OpenAggregates, Operators, QueryTask, RunningQuery, Subscription,
        TaskColumns, TaskTables, WindowFactory, Windows,
    },
};
use streamgauge_common::{offset::Offset, partition::SourceIndex, row::Identity};
use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_engine::{Accumulators, Settings, WindowQuery};
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    SourceText, compile,
    manifest::{Manifest, Source, SourceColumn, TimeFormat},
    types::DataType,
};
use streamgauge_state::{
    decision::{Forced, Verdict},
    manifest::{Decided, Offsets, StartBounds},
    outbox::{Acknowledged, Bounds, Outbox},
    recovery::RecoveredDecisions,
};

use crate::{
    bundles::{self, BROKEN, EMPTY},
    records::{self, first},
};

pub(crate) const COUNT: &str =
    "SELECT window_end, count(*) AS n, sum(n) AS total FROM TUMBLE(s, ts, INTERVAL '10' SECOND);";
pub(crate) const ROWS: &str = "SELECT n FROM s;";

/// Compiled once for all cases of the properties.
static PLUGINS: LazyLock<Arc<Plugins>> =
    LazyLock::new(|| Arc::new(Plugins::embedded(Runtime::new().unwrap())));

/// Rows as records for a topic.
pub(crate) fn as_records(manifest: &Manifest) -> Box<dyn Encode> {
    let (keys, key) = (Keys::new(7, &manifest.name), RecordKey::Group);
    Box::new(Records { keys, key, headers: Vec::new() })
}

/// A query over records of a format.
pub(crate) struct Scene {
    source: Source,
    pub(crate) task: QueryTask,
    pub(crate) outbox: Outbox,
    pub(crate) schema: Arc<SharedSchema>,
    pub(crate) folder: tempfile::TempDir,
    open: OpenAggregates,
}

impl Scene {
    pub(crate) fn new(format: Format, statement: &str) -> Self {
        Self::after(format, statement, RecoveredDecisions::default())
    }

    /// With tables.
    pub(crate) fn with_tables(format: Format, statement: &str, tables: TaskTables) -> Self {
        let Self { source, task, outbox, schema, folder, open } = Self::new(format, statement);
        Self { source, task: task.with_tables(tables), outbox, schema, folder, open }
    }

    /// After these decisions.
    fn after(format: Format, statement: &str, decisions: RecoveredDecisions) -> Self {
        Self::sharing(SharedSchema::new(format, 1 << 20), statement, decisions)
    }

    /// With a schema that others may read.
    fn sharing(schema: Arc<SharedSchema>, statement: &str, decisions: RecoveredDecisions) -> Self {
        Self::bounded(schema, statement, decisions, None, &as_records)
    }

    /// A query with windows writes to a file, unless there are bounds of an outbox; another one to an outbox, by `encode`.
    pub(crate) fn bounded(
        schema: Arc<SharedSchema>,
        statement: &str,
        decisions: RecoveredDecisions,
        bounds: Option<Bounds>,
        encode: &dyn Fn(&Manifest) -> Box<dyn Encode>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| {
            let path = folder.path().join(name);
            Output::to_file(&path, fs::File::create(&path).unwrap())
        };
        let plugins = PLUGINS.clone();
        let program = format!(
            "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = 'kafka', \
             brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_s');\n{statement}"
        );
        let text = SourceText { name: "test.sql".into(), text: program };
        let connectors = Connectors::default();
        let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
        let program = compile(&[text], &catalog).unwrap().program;
        let (source, query) = (program.sources.first().unwrap().clone(), program.queries.first().unwrap());
        let manifest = query.plan.manifest.clone();
        let declared = |name: &str| source.columns.iter().find(|column| column.name == name).unwrap();
        let columns = manifest.columns.iter().map(|field| ColumnSpec::of(&source, declared(&field.name)));
        let ticket = schema.register(&columns.collect::<Vec<_>>());
        let aggregates = manifest.window.clone().map(|window| window.aggregates).unwrap_or_default();
        let open = move || {
            let open = |aggregate| Ok(Box::new(plugins.open(aggregate)?) as Box<dyn Accumulators>);
            aggregates.iter().map(open).collect()
        };
        let open: OpenAggregates = Arc::new(open);
        let factory = WindowFactory { settings: Settings::default(), open: open.clone() };
        let windows = manifest.window.as_ref().map(|window| Windows {
            engine: WindowQuery::new(window, Settings::default(), []).unwrap(),
            accumulators: (factory.open)().unwrap(),
        });
        let (name, is_written) = (manifest.name.clone(), windows.is_some() && bounds.is_none());
        let encode = encode(&manifest);
        let mut running =
            RunningQuery::new(manifest, None, windows, ticket.positions().to_vec(), Operators::default());
        let outbox = Outbox::new(bounds.unwrap_or_default(), Acknowledged::default(), |_| ());
        match is_written {
            true => running.send_to(Arc::new(create("rows"))),
            false => running.post_to(encode),
        }
        let log = DecisionLog::new(None, BTreeMap::from([(name, outbox.clone())]), decisions);
        let letters = DeadLetterQueue::new(Arc::new(create("letters")), RecordText::Excerpt);
        let subscription = Subscription {
            dead_letters: Some(Arc::new(letters)),
            ..Arc::into_inner(Subscription::silent("s")).unwrap()
        };
        let context = Context::new(Arc::new(subscription));
        let task = QueryTask::new(running, log, context, StartBounds::default(), Offsets::new(), factory)
            .holding(TaskColumns { own: ticket, late: None });
        Self { source, task, outbox, schema, folder, open }
    }

    /// Takes records of a partition, from an offset on.
    pub(crate) fn take(&mut self, partition: u32, first: usize, records: &[impl AsRef<str>]) {
        let batch = self.batch(partition, first, records);
        self.task.take(SourceIndex::FIRST, &batch);
        assert_eq!(self.task.task_failure(), None);
    }

    /// The batch of some records, which is counted.
    pub(crate) fn batch(&mut self, partition: u32, first: usize, records: &[impl AsRef<str>]) -> Batch {
        let chunk = records::chunk(partition, first as i64, records);
        let batch = PresentDecoder::new(self.schema.clone()).get().decode(chunk);
        self.task.context_mut().counts.events += batch.events();
        assert!(self.task.can_take(&batch));
        batch
    }

    /// The accumulators of its aggregate calls, anew.
    pub(crate) fn open_aggregates(&self) -> Vec<Box<dyn Accumulators>> {
        (self.open)().unwrap()
    }

    /// The rows and the dead letters when partitions have ended.
    pub(crate) fn end(mut self, partitions: &[u32]) -> (String, Vec<Json>, Counts) {
        partitions.iter().for_each(|&partition| self.task.end(first(partition)));
        self.task.flush();
        self.task.context_mut().flush_letters();
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let letters = read("letters").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (read("rows"), letters, self.task.context().counts)
    }
}

/// Reads partition 0 from its start to its end.
fn run(format: Format, statement: &str, records: &[String]) -> (String, Vec<Json>, Counts) {
    let mut scene = Scene::new(format, statement);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, records);
    scene.end(&[0])
}

pub(crate) fn event(n: i64, ts: i64) -> String {
    format!("{{\"n\":{n},\"ts\":{ts}}}")
}

/// What letters say: the offset, the reason and the message.
fn said(letters: &[Json]) -> Vec<String> {
    let text = |letter: &Json, name: &str| letter[name].as_str().unwrap().to_owned();
    let said = |letter: &Json| {
        format!("{} {}: {}", letter["offset"], text(letter, "reason"), text(letter, "message"))
    };
    letters.iter().map(said).collect()
}

#[test]
fn letters_of_one_record_are_kept_apart() {
    let records = [
        [event(1, 5), event(2, 65)].join("|"),
        // Behind the watermark.
        [event(3, 6), event(4, 66), event(5, 7)].join("|"),
        ["{\"n\":\"x\",\"ts\":67}".to_owned(), event(6, 68), "{\"n\":\"y\"}".to_owned(), "{".to_owned()]
            .join("|"),
        BROKEN.to_owned(),
        EMPTY.to_owned(),
        // The only event of its record.
        "{\"n\":7}".to_owned(),
    ];
    let (rows, letters, counts) = run(bundles::FORMAT, COUNT, &records);
    let ends: Vec<&str> = rows.lines().collect();
    assert_eq!(
        ends,
        [
            "{\"window_end\":\"1970-01-01T00:00:10.000Z\",\"n\":1,\"total\":1}",
            "{\"window_end\":\"1970-01-01T00:01:10.000Z\",\"n\":3,\"total\":12}",
        ]
    );
    let wrong = "column \"n\": expected BIGINT, found";
    let late = "late for all its windows: [1970-01-01T00:00:00.000Z, 1970-01-01T00:00:10.000Z); the partition's watermark was";
    let mut found = said(&letters);
    found.sort();
    assert_eq!(
        found,
        [
            &*format!("1 late: event 1 of 3: {late} 1970-01-01T00:01:05.000Z"),
            &format!("1 late: event 3 of 3: {late} 1970-01-01T00:01:06.000Z"),
            "2 malformed: event 4 of 4: expected a key in quotes at byte 1, found the end of the record",
            &format!("2 wrong_type: event 1 of 4: {wrong} `\"x\"`"),
            &format!("2 wrong_type: event 3 of 4: {wrong} `\"y\"`"),
            "3 malformed: this is no bundle",
            "5 null_time: the event time is missing or null",
        ]
    );
    assert_eq!(letters.iter().find(|letter| letter["offset"] == 1).unwrap()["record"], records[1].as_str());
    // Two, three, four, the record that could not be decoded, none, one.
    assert_eq!((counts.events, counts.late, counts.dead_letters), (11, 2, 5));
}

#[test]
fn a_verdict_is_of_a_record_with_all_of_its_events() {
    for (verdict, said_of_it) in [
        (Verdict::Future("ahead".to_owned()), "1 future: ahead"),
        (Verdict::Plugin("trapped".to_owned()), "1 plugin: trapped"),
    ] {
        let verdicts = BTreeMap::from([((first(0), Offset(1)), verdict)]);
        let decisions = RecoveredDecisions { verdicts, ..RecoveredDecisions::default() };
        let mut scene = Scene::after(bundles::FORMAT, COUNT, decisions);
        scene.task.assign_active(first(0), Offset(0));
        let records = [[1, 2], [10, 20], [3, 4]].map(|pair| pair.map(|n| event(n, 5)).join("|"));
        scene.take(0, 0, &records);
        let (rows, letters, _) = scene.end(&[0]);
        assert_eq!(rows, "{\"window_end\":\"1970-01-01T00:00:10.000Z\",\"n\":4,\"total\":10}\n");
        assert_eq!(said(&letters), [said_of_it]);
    }
}

#[test]
fn a_replay_stops_between_records() {
    let forced = |window_end: i64, next: [i64; 2]| Forced {
        window_end: window_end * 1_000_000,
        offsets: (0..).map(first).zip(next.map(Offset)).collect(),
    };
    let forced = vec![forced(10, [2, 1]), forced(20, [2, 2])];
    let decided = Decided { forced: Some(20_000_000), ..Decided::default() };
    let decisions = RecoveredDecisions { decided, forced, ..RecoveredDecisions::default() };
    let mut scene = Scene::after(bundles::FORMAT, COUNT, decisions);
    [0, 1].into_iter().for_each(|partition| scene.task.assign_active(first(partition), Offset(0)));
    let times = |records: &[&[i64]]| -> Vec<String> {
        let record =
            |times: &&[i64]| times.iter().map(|&time| event(time, time)).collect::<Vec<_>>().join("|");
        records.iter().map(record).collect()
    };
    // The last record of partition 1 comes behind the second forced close, and both of its events are late.
    scene.take(1, 0, &times(&[&[2, 3], &[12, 13], &[14, 15]]));
    scene.take(0, 0, &times(&[&[1], &[25, 26], &[27]]));
    let (rows, letters, counts) = scene.end(&[0, 1]);
    let rows: Vec<Json> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rows: Vec<_> = rows.iter().map(|row| (row["n"].as_i64(), row["total"].as_i64())).collect();
    assert_eq!(rows, [(Some(3), Some(6)), (Some(2), Some(25)), (Some(3), Some(78))]);
    assert_eq!((counts.late, letters.len()), (2, 2));
}

#[test]
fn rows_of_records_are_passed_record_by_record_and_each_has_its_own_key() {
    let records = [vec![1, 2], vec![3], vec![], vec![4, 5, 6]];
    let records = records.map(|record| match record.is_empty() {
        true => EMPTY.to_owned(),
        false => record.into_iter().map(|n| event(n, 0)).collect::<Vec<_>>().join("|"),
    });
    // The first record was decided in an earlier run.
    let decided = Decided { passed: BTreeMap::from([(first(0), Offset(1))]), ..Decided::default() };
    let decisions = RecoveredDecisions { decided, ..RecoveredDecisions::default() };
    let mut scene = Scene::after(bundles::FORMAT, ROWS, decisions);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, &records);
    let keys = Keys::new(7, "select_1");
    let identity = Identity::Records {
        partition: first(0),
        offsets: [1, 3, 3, 3].map(Offset).to_vec(),
        indexes: Some(vec![0, 0, 1, 2]),
    };
    let sent: Vec<String> = scene.outbox.take(10).iter().map(|message| message.key.clone()).collect();
    assert_eq!(sent, (0..4).map(|row| keys.name(&identity, row).key).collect::<Vec<_>>());
    assert_eq!(scene.task.log().passed(first(0)), Offset(4));
}

#[test]
fn letters_and_rows_do_not_depend_on_what_others_read() {
    let records = ["{\"n\":\"x\",\"ts\":\"y\",\"m\":\"z\"}".to_owned(), event(1, 5), "{\"m\":1}".to_owned()];
    let alone = run(json::FORMAT, COUNT, &records);
    let schema = SharedSchema::new(json::FORMAT, 1 << 20);
    let spec = |name: &str, data_type| ColumnSpec {
        column: SourceColumn { name: name.into(), data_type, path: vec![name.into()], time_format: None },
        time_format: TimeFormat::UnixSeconds,
        lenient_numbers: false,
    };
    // Others read another column, the time, and the number: the query's positions are not in its order.
    let others = ["m", "ts", "n"].map(|name| match name {
        "ts" => spec(name, DataType::Timestamp),
        _ => spec(name, DataType::Int64),
    });
    let gone = schema.register(&others);
    let mut scene = Scene::sharing(schema, COUNT, RecoveredDecisions::default());
    assert_eq!(gone.positions(), [0, 1, 2]);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, &records[..1]);
    drop(gone);
    scene.take(0, 1, &records[1..]);
    let shared = scene.end(&[0]);
    assert_eq!(
        said(&shared.1),
        [
            "0 wrong_type: column \"n\": expected BIGINT, found `\"x\"`",
            "2 null_time: the event time is missing or null"
        ]
    );
    assert_eq!(shared, alone);
}

#[test]
fn a_batch_without_a_column_is_refused_by_name_and_not_taken_for_nulls() {
    let mut scene = Scene::new(json::FORMAT, COUNT);
    scene.task.assign_active(first(0), Offset(0));
    let old = SharedSchema::new(json::FORMAT, 100);
    let time = scene.source.columns.last().unwrap();
    let _ticket = old.register(&[ColumnSpec::of(&scene.source, time)]);
    let chunk = records::chunk(0, 0, &[event(1, 1)]);
    let batch = PresentDecoder::new(old).get().decode(chunk);
    assert!(!scene.task.can_take(&batch));
    scene.task.take(SourceIndex::FIRST, &batch);
    let why = scene.task.task_failure().unwrap().fault.to_string();
    assert_eq!(
        why,
        "the source's reader decoded a batch without the column at position 1, which the query reads"
    );
}

/// Events with good and bad values, on time and late.
fn any_event() -> impl Strategy<Value = String> {
    let value = prop_oneof![8 => (-99i64..99).prop_map(|n| n.to_string()), 1 => Just("\"x\"".to_owned())];
    let time = prop_oneof![8 => (0i64..90).prop_map(|ts| ts.to_string()), 1 => Just("null".to_owned())];
    prop_oneof![
        12 => (value, time).prop_map(|(n, ts)| format!("{{\"n\":{n},\"ts\":{ts}}}")),
        1 => Just("{\"n\"".to_owned()),
    ]
}

/// What letters say, without the offsets of their records and the places of their events in them.
fn without_places(letters: &[Json]) -> Vec<String> {
    let without = |said: String| {
        let (_, said) = said.split_once(' ').unwrap();
        let (reason, message) = said.split_once(": ").unwrap();
        let event = message.split_once(": ").filter(|(event, _)| event.starts_with("event "));
        format!("{reason}: {}", event.map_or(message, |(_, message)| message))
    };
    said(letters).into_iter().map(without).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Windows depend on the events and their order, not on how they are put into records.
    #[test]
    fn putting_events_into_records_changes_no_row(
        events in prop::collection::vec(any_event(), 1..40),
        sizes in prop::collection::vec(1usize..5, 40),
    ) {
        let (mut records, mut rest) = (Vec::new(), events.as_slice());
        for size in sizes {
            let (record, others) = rest.split_at(size.min(rest.len()));
            rest = others;
            records.push(if record.is_empty() { EMPTY.to_owned() } else { record.join("|") });
        }
        let (rows, letters, counts) = run(json::FORMAT, COUNT, &events);
        let (bundled, bundled_letters, bundled_counts) = run(bundles::FORMAT, COUNT, &records);
        prop_assert_eq!(rows, bundled);
        prop_assert_eq!(counts, bundled_counts);
        prop_assert_eq!(without_places(&letters), without_places(&bundled_letters));
    }

    /// A format that could hold several events says the same as JSON where each record holds one.
    #[test]
    fn one_event_a_record_is_what_json_makes_of_it(events in prop::collection::vec(any_event(), 1..40)) {
        let (rows, letters, counts) = run(json::FORMAT, COUNT, &events);
        prop_assert_eq!((rows, letters, counts), run(bundles::FORMAT, COUNT, &events));
    }
}
