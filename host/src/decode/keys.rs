//! Columns that have no value in the first records of a source: a name that is spelled otherwise is noticed there.
//!
//! This is a slow path of its own beside decoding: it parses whole records, and only until nothing is sought any more, or
//! [`RECORDS_MAX`] records.

mod lookup;
mod notice;

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use serde_json::{Map, Value};
use streamgauge_common::chunk::Chunk;
use streamgauge_sql::{
    manifest::SourceColumn,
    path::{PathStep, spell},
};

use self::lookup::{End, follow, meant};
pub use self::notice::{MissingColumn, MoreElements, Notice, Why};

/// How many records are looked at.
pub const RECORDS_MAX: u64 = 1000;
/// How many keys are remembered of each column that is sought, and how long they may be.
const KEYS_MAX: usize = 200;
const KEY_BYTES_MAX: usize = 256;

/// Looks for the columns of a source in its first records.
#[derive(Debug)]
pub struct KeyWatch {
    /// Whether it is known what is there and what is not.
    is_over: AtomicBool,
    watched: Mutex<Watched>,
}

#[derive(Debug)]
struct Watched {
    /// JSON objects that were looked at.
    records: u64,
    /// Columns that no record had yet.
    sought: Vec<Sought>,
    /// Arrays of which columns read elements.
    arrays: Vec<Elements>,
}

/// A column that no record had yet.
#[derive(Debug)]
struct Sought {
    name: String,
    path: Vec<PathStep>,
    /// How many steps of the path were found in some record.
    depth: usize,
    /// The keys beside the one that is missing.
    keys: BTreeSet<String>,
    /// What stands where an object or array was to be.
    not_entered: Option<&'static str>,
    /// The path that was meant.
    meant: Option<Vec<PathStep>>,
}

/// An array, and which of its elements columns read.
#[derive(Debug)]
struct Elements {
    array: Vec<PathStep>,
    read: BTreeSet<u32>,
    column: String,
    path: Vec<PathStep>,
}

impl KeyWatch {
    /// For these columns; none is looked for twice.
    pub fn new(columns: impl IntoIterator<Item = SourceColumn>) -> Self {
        let mut watched = Watched { records: 0, sought: Vec::new(), arrays: Vec::new() };
        for column in columns {
            watched.add(column);
        }
        Self { is_over: AtomicBool::new(watched.is_empty()), watched: Mutex::new(watched) }
    }

    /// Looks at records of a chunk, if it is not over; gives what is to be told now.
    pub fn look(&self, chunk: &Chunk, records: Range<usize>) -> Vec<Notice> {
        if self.is_over.load(Relaxed) {
            return Vec::new();
        }
        // Nothing that could panic happens while it is held.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut notices = Vec::new();
        for record in records {
            notices.extend(watched.look(chunk.record(record)).into_iter().map(Notice::MoreElements));
            if watched.records >= RECORDS_MAX || watched.is_empty() {
                notices.extend(self.end_of(&mut watched, false));
                break;
            }
        }
        notices
    }

    /// Nothing more is to be looked at, though more records may come (`goes_on`); gives what is missing, unless that is known already
    /// or no record was seen.
    pub fn end(&self, goes_on: bool) -> Vec<Notice> {
        if self.is_over.load(Relaxed) {
            return Vec::new();
        }
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match watched.records {
            0 => Vec::new(),
            _ => self.end_of(&mut watched, goes_on),
        }
    }

    fn end_of(&self, watched: &mut Watched, goes_on: bool) -> Vec<Notice> {
        self.is_over.store(true, Relaxed);
        let records = watched.records;
        watched.arrays.clear();
        let missing = watched.sought.drain(..).filter_map(|sought| sought.missing(records, goes_on));
        missing.map(Notice::Missing).collect()
    }
}

impl Watched {
    fn add(&mut self, SourceColumn { name, path, .. }: SourceColumn) {
        for (depth, step) in path.iter().enumerate() {
            let (PathStep::Element(number), Some(array)) = (step, path.get(..depth)) else { continue };
            let known = match self.arrays.iter_mut().find(|known| known.array == array) {
                Some(known) => known,
                None => {
                    let (column, path) = (name.clone(), path.clone());
                    self.arrays.push(Elements { array: array.to_vec(), read: BTreeSet::new(), column, path });
                    let Some(new) = self.arrays.last_mut() else { continue };
                    new
                }
            };
            known.read.insert(*number);
        }
        if !self.sought.iter().any(|known| known.path == path) {
            let (keys, not_entered, meant) = (BTreeSet::new(), None, None);
            self.sought.push(Sought { name, path, depth: 0, keys, not_entered, meant });
        }
    }

    fn is_empty(&self) -> bool {
        self.sought.is_empty() && self.arrays.is_empty()
    }

    /// Looks at a record; gives arrays with elements that no column reads.
    fn look(&mut self, record: &[u8]) -> Vec<MoreElements> {
        // What is no JSON object is a dead letter, and says nothing of keys.
        let Ok(Value::Object(record)) = serde_json::from_slice(record) else { return Vec::new() };
        self.records += 1;
        self.sought.retain_mut(|sought| !sought.find(&record));
        self.arrays
            .extract_if(.., |array| array.is_longer(&record))
            .map(|array| array.told(&record))
            .collect()
    }
}

impl Elements {
    fn len(&self, record: &Map<String, Value>) -> usize {
        match follow(record, &self.array) {
            End::Found(Value::Array(elements)) => elements.len(),
            _ => 0,
        }
    }

    /// Whether the record has elements that no column reads.
    fn is_longer(&self, record: &Map<String, Value>) -> bool {
        (0..self.len(record))
            .any(|number| u32::try_from(number).is_ok_and(|number| !self.read.contains(&number)))
    }

    fn told(self, record: &Map<String, Value>) -> MoreElements {
        let elements = self.len(record);
        MoreElements { array: spell(&self.array), elements, column: self.column, path: spell(&self.path) }
    }
}

impl Sought {
    /// Whether the record has it; where not, the keys beside it are remembered.
    fn find(&mut self, record: &Map<String, Value>) -> bool {
        let (depth, keys, not_entered) = match follow(record, &self.path) {
            End::Found(_) => return true,
            End::Unknown => return false,
            End::Lacks(depth, object) => (depth, Some(object.keys()), None),
            End::NotEntered(depth, value) => (depth, None, Some(kind(value))),
        };
        if depth > self.depth {
            self.depth = depth;
            self.keys.clear();
            self.not_entered = None;
        }
        if depth == self.depth {
            let room = KEYS_MAX.saturating_sub(self.keys.len());
            let keys = keys.into_iter().flatten().filter(|key| key.len() <= KEY_BYTES_MAX).take(room);
            self.keys.extend(keys.cloned());
            self.not_entered = self.not_entered.or(not_entered);
        }
        if self.meant.is_none() {
            self.meant = meant(record, &self.path);
        }
        false
    }

    /// None where no record told whether it has it.
    fn missing(self, records: u64, goes_on: bool) -> Option<MissingColumn> {
        let (around, rest) = self.path.split_at_checked(self.depth)?;
        let why = match (self.not_entered, rest.first()) {
            (Some(found), _) if self.keys.is_empty() => Why::NotEntered { at: spell(around), found },
            (_, Some(PathStep::Field(name))) if self.depth > 0 || !self.keys.is_empty() => {
                let keys = self.keys.iter().map(|key| beside(around, key)).collect();
                Why::NoKey { key: beside(around, name), keys }
            }
            _ => return None,
        };
        Some(MissingColumn {
            name: self.name,
            records,
            goes_on,
            why,
            meant: self.meant.as_deref().map(spell),
        })
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            "a text (JSON in quotes is not entered)"
        }
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The path of a record that another path was meant to be, if the record lacks that one.
pub fn nearest_to(record: &[u8], path: &[PathStep]) -> Option<String> {
    let Ok(Value::Object(record)) = serde_json::from_slice(record) else { return None };
    meant(&record, path).as_deref().map(spell)
}

/// A key with the steps that lead to its object, as PATH spells them.
fn beside(around: &[PathStep], key: &str) -> String {
    let steps: Vec<PathStep> = around.iter().cloned().chain([PathStep::from(key)]).collect();
    spell(&steps)
}

#[cfg(test)]
mod tests {
    use streamgauge_common::offset::Offset;
    use streamgauge_sql::types::DataType;

    use super::*;

    fn watch(paths: &[&str]) -> KeyWatch {
        KeyWatch::new(paths.iter().map(|path| SourceColumn {
            name: path.to_lowercase(),
            data_type: DataType::Text,
            path: streamgauge_sql::path::parse(path).unwrap(),
            time_format: None,
        }))
    }

    fn chunk(records: &[&str]) -> Chunk {
        let ends = records.iter().scan(0, |end, record| {
            let start = *end;
            *end += record.len() as u32;
            Some((start, *end))
        });
        Chunk {
            spans: ends.collect(),
            bytes: records.concat().into_bytes().into(),
            offsets: (0..records.len() as i64).map(Offset).collect(),
            ..Chunk::default()
        }
    }

    fn told(paths: &[&str], records: &[&str]) -> Vec<Notice> {
        let watch = watch(paths);
        let mut told = watch.look(&chunk(records), 0..records.len());
        told.extend(watch.end(false));
        told
    }

    fn missing(notice: &Notice) -> &MissingColumn {
        match notice {
            Notice::Missing(missing) => missing,
            Notice::MoreElements(more) => panic!("{more:?}"),
        }
    }

    #[test]
    fn a_key_that_no_record_has_is_told_with_the_path_that_was_meant() {
        let records =
            [r#"{"SessionId":1,"model":null}"#, "no object", r#"{"SessionId":2,"usage":{"total_tokens":3}}"#];
        let found = told(&["session_id", "model", "usage.totalTokens", "wholly_else"], &records);
        let sentences: Vec<_> = found.iter().map(|notice| missing(notice).message()).collect();
        assert_eq!(
            sentences,
            [
                r#"column "session_id" was NULL in all 2 records: there is no key `session_id`; did you mean `SessionId`?"#,
                r#"column "usage.totaltokens" was NULL in all 2 records: there is no key `usage.totalTokens`; did you mean `usage.total_tokens`?"#,
                r#"column "wholly_else" was NULL in all 2 records: there is no key `wholly_else`; there are: SessionId, model, usage"#,
            ]
        );
        assert_eq!(missing(&found[0]).records, 2, "what is no object is not counted");
    }

    #[test]
    fn a_path_through_a_value_that_has_no_fields_is_told() {
        let record = r#"{"choices":[{"text":"a"}],"meta":"{\"k\":1}","tags":["a"],"usage":null,"none":[],"n":{"k":1}}"#;
        let paths = ["choices.text", "meta.k", "tags.k.l", "usage.x", "none[0].x", "n[0]", "n.k.x"];
        let found = told(&paths, &[record]);
        let sentences: Vec<_> =
            found.iter().map(|notice| (missing(notice).message(), missing(notice).help())).collect();
        let only = |text: &str| format!("column {text}");
        let expected = [
            (
                r#""choices.text" was NULL in the only record: `choices` is an array; did you mean `choices[0].text`?"#,
                Some("write choices.text ... PATH 'choices[0].text'"),
            ),
            (
                r#""meta.k" was NULL in the only record: `meta` is a text (JSON in quotes is not entered)"#,
                None,
            ),
            (
                r#""tags.k.l" was NULL in the only record: `tags` is an array"#,
                Some("PATH reaches an element of an array by its number, as in 'choices[0].text'"),
            ),
            (r#""n[0]" was NULL in the only record: `n` is an object"#, None),
            (r#""n.k.x" was NULL in the only record: `n.k` is a number"#, None),
        ];
        assert_eq!(sentences, expected.map(|(text, help)| (only(text), help.map(str::to_owned))));
    }

    #[test]
    fn an_array_with_elements_that_nobody_reads_is_told_once() {
        let two = r#"{"spans":[{"id":1,"tags":["a"]},{"id":2}]}"#;
        let found = told(&["spans[0].id", "spans[0].tags[0]"], &[r#"{"spans":[{"id":1}]}"#, two, two]);
        let more = match &found[..] {
            [Notice::MoreElements(more)] => more.message(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            more,
            r#"a record has 2 elements in `spans`, and PATH 'spans[0].id' of column "spans[0].id" reads one of them"#
        );
        assert_eq!(told(&["spans[0].id", "spans[1].id"], &[two]), [], "all are read");
    }

    #[test]
    fn it_is_over_when_all_are_found_or_after_a_thousand_records_and_told_once() {
        let record = r#"{"a":1}"#;
        let found = watch(&["a"]);
        assert_eq!(found.look(&chunk(&[record]), 0..1), []);
        assert!(found.is_over.load(Relaxed), "nothing more is parsed");

        let records = vec![record; 999];
        let sought = watch(&["A"]);
        assert_eq!(sought.look(&chunk(&records), 0..999), []);
        assert!(!sought.is_over.load(Relaxed));
        let told = sought.look(&chunk(&[record, r#"{"A":1}"#]), 0..2);
        assert_eq!(
            (told.len(), missing(&told[0]).records, missing(&told[0]).meant.as_deref()),
            (1, 1000, Some("a"))
        );
        assert_eq!((sought.look(&chunk(&[record]), 0..1), sought.end(false)), (vec![], vec![]));
    }

    #[test]
    fn what_is_told_while_more_records_may_come_says_so() {
        for (records, words) in [(1, "in the only record so far: "), (3, "in all 3 records so far: ")] {
            let watch = watch(&["a"]);
            watch.look(&chunk(&vec![r#"{"b":1}"#; records]), 0..records);
            let told = watch.end(true);
            assert!(missing(&told[0]).message().contains(words), "{told:?}");
        }
    }

    #[test]
    fn nothing_is_told_of_a_source_without_a_record() {
        let watch = watch(&["a"]);
        assert_eq!(watch.end(false), []);
        assert_eq!(watch.look(&chunk(&[r#"{"b":1}"#]), 0..1), []);
        assert_eq!(watch.end(false).len(), 1, "it goes on when there are some");
    }

    #[test]
    fn what_is_remembered_of_keys_is_bounded() {
        let watch = watch(&["a"]);
        let records: Vec<String> = (0..50)
            .map(|record| {
                let keys = (0..50).map(|key| format!("\"{record}_{key}\":1"));
                format!(
                    "{{{}}}",
                    keys.chain([format!("\"{}\":1", "x".repeat(1000))]).collect::<Vec<_>>().join(",")
                )
            })
            .collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        watch.look(&chunk(&records), 0..50);
        let told = watch.end(false);
        let Why::NoKey { keys, .. } = &missing(&told[0]).why else { panic!("{told:?}") };
        assert_eq!(keys.len(), KEYS_MAX);
        assert!(keys.iter().all(|key| key.len() <= KEY_BYTES_MAX));
    }
}
