//! Which version of a table a record meets follows from its offset alone, however the partitions are read.

use std::{collections::BTreeMap, fs, path::Path};

use proptest::prelude::*;
use streamgauge::{
    decode::json,
    metrics::TableMetrics,
    query::TaskTables,
    table::{FeedSettings, TableFeed},
};
use streamgauge_common::offset::Offset;
use streamgauge_sql::{SourceText, compile, manifest::Table};
use streamgauge_state::{store::Store, table::TableVersion};

use crate::{
    events::{Scene, event},
    records::first,
};

const TABLE: &str = "CREATE TABLE t (id BIGINT PRIMARY KEY, v BIGINT) \
    WITH (connector = 'file', path = 'PATH', format = 'csv');";
const JOINED: &str = "SELECT window_end, t.v, count(*) AS events, sum(n) AS total \
    FROM TUMBLE(s, ts, INTERVAL '10' SECOND) r LEFT JOIN t ON r.n = t.id GROUP BY t.v;";
/// Events of a partition; each has its offset as its time.
const EVENTS: usize = 40;

/// Version `k` knows 0 and 1.
fn content(version: i64) -> String {
    format!("id,v\n0,{version}\n1,{}\n", 10 + version)
}

fn table(path: &Path) -> Table {
    let text = TABLE.replace("PATH", &path.display().to_string());
    let text =
        format!("CREATE SOURCE s (n BIGINT) WITH (connector = 'file', path = 'x');{text} SELECT n FROM s;");
    let text = SourceText { name: "test.sql".into(), text };
    let plugins = streamgauge_component::plugins::Plugins::embedded(
        streamgauge_component::runtime::Runtime::new().unwrap(),
    );
    let connectors = streamgauge::deploy::Connectors::default();
    let catalog = streamgauge::deploy::HostCatalog {
        plugins: &plugins,
        connectors: &connectors,
        depth: streamgauge_kafka::Depth::Quick,
    };
    compile(&[text], &catalog).unwrap().program.tables.remove(0)
}

/// The number in an event.
fn number(partition: u32, offset: usize) -> i64 {
    (offset as i64 * 7 + i64::from(partition)) % 3
}

/// The rows of a task that has these versions and reads pieces of partitions in this order.
fn rows(feed_of: &Table, store: &Store, versions: &[TableVersion], pieces: &[(bool, usize)]) -> String {
    let settings = FeedSettings { bytes_max: 1000, permissions: None, metrics: TableMetrics::new("d", "t") };
    let feeds = vec![TableFeed::open(feed_of, settings)];
    let tables = TaskTables::new(feeds, Some(store.clone()), versions.to_vec(), 2).unwrap();
    let statement = format!("{}{JOINED}", TABLE.replace("PATH", "unused"));
    let mut scene = Scene::with_tables(json::FORMAT, &statement, tables);
    let mut read = [0, 0];
    [0, 1].iter().for_each(|&partition| scene.task.assign_active(first(partition), Offset(0)));
    let rest = [(false, EVENTS), (true, EVENTS)];
    for &(is_second, count) in pieces.iter().chain(&rest) {
        let partition = u32::from(is_second);
        let from = read[usize::from(is_second)];
        let upto = (from + count).min(EVENTS);
        let events: Vec<String> =
            (from..upto).map(|offset| event(number(partition, offset), offset as i64)).collect();
        if !events.is_empty() {
            scene.take(partition, from, &events);
        }
        read[usize::from(is_second)] = upto;
    }
    let (rows, letters, _) = scene.end(&[0, 1]);
    assert!(letters.is_empty(), "{letters:?}");
    rows
}

/// The same by a simple loop.
fn expected(begins: &[[usize; 2]]) -> String {
    let mut groups: BTreeMap<(usize, bool, i64), (i64, i64)> = BTreeMap::new();
    for partition in 0..2_u32 {
        for offset in 0..EVENTS {
            let met = begins.iter().rposition(|begins| begins[partition as usize] <= offset).unwrap() as i64;
            let n = number(partition, offset);
            let v = (n < 2).then_some(10 * n + met);
            let key = (offset / 10, v.is_none(), v.unwrap_or_default());
            let (events, total) = groups.entry(key).or_default();
            (*events, *total) = (*events + 1, *total + n);
        }
    }
    let row = |((window, is_null, v), (events, total)): ((usize, bool, i64), (i64, i64))| {
        let end = format!("1970-01-01T00:00:{:02}.000Z", (window + 1) * 10);
        let v = (!is_null).then_some(v);
        let v = v.map_or_else(|| "null".to_owned(), |v| v.to_string());
        format!("{{\"window_end\":\"{end}\",\"v\":{v},\"events\":{events},\"total\":{total}}}\n")
    };
    groups.into_iter().map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_same_partitions_and_positions_give_the_same_rows(
        mut begins in prop::collection::vec([0..EVENTS, 0..EVENTS], 0..4),
        pieces in prop::collection::vec((any::<bool>(), 1..12_usize), 0..20),
    ) {
        // Versions follow each other in every partition.
        begins.insert(0, [0, 0]);
        for at in 1..begins.len() {
            let before = begins[at - 1];
            begins[at] = [begins[at][0].max(before[0]), begins[at][1].max(before[1])];
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let last = begins.len() as i64 - 1;
        fs::write(&path, content(last)).unwrap();
        let store = Store::memory().unwrap();
        let table = table(&path);
        let version = |(number, begins): (usize, &[usize; 2])| {
            let text = content(number as i64);
            let offsets = [(first(0), Offset(begins[0] as i64)), (first(1), Offset(begins[1] as i64))];
            let version = TableVersion {
                table: "t".to_owned(),
                number: number as u64,
                digest: xxhash_rust::xxh3::xxh3_128(text.as_bytes()),
                offsets: offsets.into(),
                after_window_end: i64::MIN,
            };
            version.put(&store, "csv", text.as_bytes()).unwrap();
            version
        };
        let versions: Vec<TableVersion> = begins.iter().enumerate().map(version).collect();
        prop_assert_eq!(rows(&table, &store, &versions, &pieces), expected(&begins));
    }
}
