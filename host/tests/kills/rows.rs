//! Rows by their place, and the records of a topic.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::Value;
use streamgauge_kafka::{Connection, Event, KafkaSource, Reading};

/// How long a topic that exists may take to be read on.
const PATIENCE_S: u32 = 60;

/// Where a row belongs: a window and a group. Ordered as rows are, for times of one format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) end: String,
    pub(crate) start: String,
    pub(crate) group: String,
}

/// Each place's row, as it was sent.
pub(crate) type Rows = BTreeMap<Place, String>;

impl Place {
    /// The place that a row names; none where it is no row.
    pub(crate) fn of(row: &str) -> Option<Self> {
        let row: Value = serde_json::from_str(row).ok()?;
        let field = |name: &str| row.get(name)?.as_str().map(str::to_owned);
        Some(Self { end: field("window_end")?, start: field("window_start")?, group: field("model")? })
    }
}

/// A partition's records, in order: offsets and values.
pub(crate) type Records = Vec<(i64, Vec<u8>)>;

/// What a topic has now, by partition. What is not committed is not there.
pub(crate) fn records(connection: &Connection, topic: &str) -> BTreeMap<u32, Records> {
    let reading = Reading { topic: topic.to_owned(), bounded: true, ..Reading::default() };
    let mut source = KafkaSource::new(connection, reading).unwrap();
    let mut records: BTreeMap<u32, Records> = BTreeMap::new();
    let (mut done, mut silent_s) = (0, 0);
    while records.is_empty() || done < records.len() {
        match source.next(Duration::from_secs(1)) {
            Some(Event::Started(position)) => drop(records.insert(position.partition, Vec::new())),
            Some(Event::Records(chunk)) => {
                let values = (0..chunk.len()).map(|row| (chunk.offsets[row].0, chunk.record(row).to_vec()));
                records.entry(chunk.partition).or_default().extend(values);
            }
            Some(Event::Done { .. }) => done += 1,
            Some(Event::Failed { message }) => panic!("topic '{topic}': {message}"),
            Some(_) => {}
            None => silent_s += 1,
        }
        assert!(
            silent_s < PATIENCE_S,
            "topic '{topic}' cannot be read: {done} of {} partitions",
            records.len()
        );
    }
    records
}

/// How many rows a sink's topic has now.
pub(crate) fn count(connection: &Connection, topic: &str) -> usize {
    records(connection, topic).values().map(Vec::len).sum()
}

/// The rows of a sink's topic: each place once, and each group's windows in order within a partition.
pub(crate) fn of_topic(connection: &Connection, topic: &str) -> Rows {
    let mut rows = Rows::new();
    for (partition, records) in records(connection, topic) {
        let mut last: BTreeMap<String, Place> = BTreeMap::new();
        for (offset, value) in records {
            let row = String::from_utf8(value).expect("a row is UTF-8");
            let place = Place::of(&row).unwrap_or_else(|| panic!("no row: {row}"));
            let before = last.insert(place.group.clone(), place.clone());
            assert!(
                before.is_none_or(|before| before <= place),
                "partition {partition}, offset {offset}: {place:?} is out of order"
            );
            if let Some(twice) = rows.insert(place, row.clone()) {
                panic!("partition {partition}, offset {offset}: a row is there twice: {twice} and {row}");
            }
        }
    }
    rows
}

/// What a file holds and those that it was before it was rotated, in their order; none of them is longer than it may be.
pub(crate) fn of_files(path: &Path, bytes_max: usize) -> String {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let stem = name(path).trim_end_matches("jsonl").to_owned();
    let beside = fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = beside.filter(|file| name(file).starts_with(&stem) && file != path).collect();
    files.sort();
    files.push(path.to_owned());
    let read = |file: &std::path::PathBuf| {
        let rows = fs::read_to_string(file).unwrap_or_default();
        assert!(rows.len() <= bytes_max && (rows.is_empty() || rows.ends_with('\n')), "{}", file.display());
        rows
    };
    files.iter().map(read).collect()
}

/// The rows of lines: each place once.
pub(crate) fn of_lines(lines: &str) -> Rows {
    let mut rows = Rows::new();
    for row in lines.lines() {
        let place = Place::of(row).unwrap_or_else(|| panic!("no row: {row}"));
        if let Some(twice) = rows.insert(place, row.to_owned()) {
            panic!("a row is there twice: {twice} and {row}");
        }
    }
    rows
}

/// Fails where two tables of rows are not equal byte for byte, and says how.
pub(crate) fn assert_same(what: &str, found: &Rows, expected: &Rows) {
    let told = |rows: Vec<&Place>| format!("{} such as {:?}", rows.len(), rows.first());
    let missing: Vec<&Place> = expected.keys().filter(|place| !found.contains_key(place)).collect();
    let extra: Vec<&Place> = found.keys().filter(|place| !expected.contains_key(place)).collect();
    assert!(missing.is_empty(), "{what}: rows are missing: {}", told(missing));
    assert!(extra.is_empty(), "{what}: rows that should not be: {}", told(extra));
    for (place, row) in expected {
        assert_eq!(&found[place], row, "{what}: {place:?}");
    }
}
