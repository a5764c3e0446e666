//! Columns whose key no record has: a name that is spelled otherwise is noticed in the first records of a source.
//!
//! This is a slow path of its own beside decoding: it parses whole records, and only until it has seen each column once, or
//! [`RECORDS_MAX`] records.

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
    nearest,
    path::{PathStep, spell},
};

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
}

#[derive(Debug)]
struct Sought {
    name: String,
    path: Vec<PathStep>,
    /// How many steps of the path were found in some record.
    depth: usize,
    /// The keys beside the one that is missing.
    keys: BTreeSet<String>,
}

/// A column whose key was in no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingColumn {
    /// Its name.
    pub name: String,
    /// The key, with the names of the objects around it.
    pub key: String,
    /// How many records were looked at.
    pub records: u64,
    /// A key that was there and is spelled much like it, with the objects around it.
    pub meant: Option<String>,
    /// Keys that were there in its stead, some of them.
    pub keys: Vec<String>,
}

impl KeyWatch {
    /// For these columns; none is looked for twice.
    pub fn new(columns: impl IntoIterator<Item = SourceColumn>) -> Self {
        let mut sought: Vec<Sought> = Vec::new();
        for SourceColumn { name, path, .. } in columns {
            if !sought.iter().any(|known| known.path == path) {
                sought.push(Sought { name, path, depth: 0, keys: BTreeSet::new() });
            }
        }
        Self {
            is_over: AtomicBool::new(sought.is_empty()),
            watched: Mutex::new(Watched { records: 0, sought }),
        }
    }

    /// Looks at records of a chunk, if it is not over; gives what is missing where it is known now.
    pub fn look(&self, chunk: &Chunk, records: Range<usize>) -> Vec<MissingColumn> {
        if self.is_over.load(Relaxed) {
            return Vec::new();
        }
        // Nothing that could panic happens while it is held.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            watched.look(chunk.record(record));
            if watched.records >= RECORDS_MAX || watched.sought.is_empty() {
                return self.end_of(&mut watched);
            }
        }
        Vec::new()
    }

    /// Nothing more is to be looked at; gives what is missing, unless that is known already or no record was seen.
    pub fn end(&self) -> Vec<MissingColumn> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        match watched.records {
            0 => Vec::new(),
            _ => self.end_of(&mut watched),
        }
    }

    fn end_of(&self, watched: &mut Watched) -> Vec<MissingColumn> {
        self.is_over.store(true, Relaxed);
        let records = watched.records;
        watched.sought.drain(..).map(|sought| sought.missing(records)).collect()
    }
}

impl Watched {
    fn look(&mut self, record: &[u8]) {
        // What is no JSON object is a dead letter, and says nothing of keys.
        let Ok(Value::Object(record)) = serde_json::from_slice(record) else { return };
        self.records += 1;
        self.sought.retain_mut(|sought| !sought.find(&record));
    }
}

impl Sought {
    /// Whether the record has it; where not, the keys beside it are remembered.
    fn find(&mut self, record: &Map<String, Value>) -> bool {
        let (depth, around) = reach(record, &self.path);
        let Some(around) = around else { return true };
        if depth > self.depth {
            self.depth = depth;
            self.keys.clear();
        }
        if depth == self.depth {
            let room = KEYS_MAX.saturating_sub(self.keys.len());
            let keys = around.keys().filter(|key| key.len() <= KEY_BYTES_MAX).take(room);
            self.keys.extend(keys.cloned());
        }
        false
    }

    fn missing(self, records: u64) -> MissingColumn {
        let around = self.path.get(..self.depth).unwrap_or_default();
        let within = |key: &str| beside(around, key);
        // Only fields are sought: see `reach`.
        let wanted = match self.path.get(self.depth) {
            Some(PathStep::Field(name)) => name.as_str(),
            _ => "",
        };
        MissingColumn {
            key: within(wanted),
            meant: like(wanted, self.keys.iter().map(String::as_str)).map(within),
            keys: self.keys.iter().map(|key| within(key)).collect(),
            name: self.name,
            records,
        }
    }
}

/// How many steps of a path a record has, and the object that lacks the field of the next one; none where it lacks none.
fn reach<'a>(record: &'a Map<String, Value>, path: &[PathStep]) -> (usize, Option<&'a Map<String, Value>>) {
    let Some((PathStep::Field(first), rest)) = path.split_first() else { return (path.len(), None) };
    let Some(mut value) = record.get(first) else { return (0, Some(record)) };
    for (before, step) in rest.iter().enumerate() {
        let next = match (step, value) {
            (PathStep::Field(name), Value::Object(object)) => match object.get(name) {
                None => return (before + 1, Some(object)),
                next => next,
            },
            (PathStep::Element(number), Value::Array(elements)) => elements.get(*number as usize),
            // A value where an object was to be is a matter of types, not of spelling.
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return (path.len(), None),
        }
    }
    (path.len(), None)
}

/// The key that a name was meant to be: the same but for case and the signs between words, or misspelled.
fn like<'a>(name: &str, keys: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let wanted = bare(name);
    keys.clone().find(|key| bare(key) == wanted).or_else(|| nearest(name, keys))
}

/// The key of a record that a path was meant to be, if the record lacks it.
pub fn nearest_to(record: &[u8], path: &[PathStep]) -> Option<String> {
    let Ok(Value::Object(record)) = serde_json::from_slice(record) else { return None };
    let (depth, around) = reach(&record, path);
    let PathStep::Field(wanted) = path.get(depth)? else { return None };
    let key = like(wanted, around?.keys().map(String::as_str))?;
    Some(beside(path.get(..depth)?, key))
}

/// A key with the steps that lead to its object, as PATH spells them.
fn beside(around: &[PathStep], key: &str) -> String {
    let steps: Vec<PathStep> = around.iter().cloned().chain([PathStep::Field(key.to_owned())]).collect();
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

    fn missing(paths: &[&str], records: &[&str]) -> Vec<MissingColumn> {
        let watch = watch(paths);
        assert_eq!(watch.look(&chunk(records), 0..records.len()), []);
        watch.end()
    }

    #[test]
    fn a_key_that_no_record_has_is_told_with_the_one_that_was_meant() {
        let records =
            [r#"{"SessionId":1,"model":null}"#, "no object", r#"{"SessionId":2,"usage":{"total_tokens":3}}"#];
        let found = missing(&["session_id", "model", "usage.totalTokens", "wholly_else"], &records);
        let meant: Vec<_> =
            found.iter().map(|missing| (missing.key.as_str(), missing.meant.as_deref())).collect();
        assert_eq!(
            meant,
            [
                ("session_id", Some("SessionId")),
                ("usage.totalTokens", Some("usage.total_tokens")),
                ("wholly_else", None)
            ]
        );
        assert_eq!(found[0].records, 2, "what is no object is not counted");
        assert_eq!(found[2].keys, ["SessionId", "model", "usage"]);
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
        assert_eq!((told.len(), told[0].records, told[0].meant.as_deref()), (1, 1000, Some("a")));
        assert_eq!((sought.look(&chunk(&[record]), 0..1), sought.end()), (vec![], vec![]));
    }

    #[test]
    fn nothing_is_told_of_a_source_without_a_record() {
        let watch = watch(&["a"]);
        assert_eq!(watch.end(), []);
        assert_eq!(watch.look(&chunk(&[r#"{"b":1}"#]), 0..1), []);
        assert_eq!(watch.end().len(), 1, "it goes on when there are some");
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
        let told = watch.end();
        assert_eq!(told[0].keys.len(), KEYS_MAX);
        assert!(told[0].keys.iter().all(|key| key.len() <= KEY_BYTES_MAX));
    }
}
