//! What a query's state means, and so for which query it may be used.
//!
//! The first object of a query's folder says it in words, with the identity that all others carry. It is put with *create*,
//! and never changes. The versions of reducers' states are not in it, as they may change: each checkpoint's manifest has its own.

mod literal;
mod first;
mod words;

use std::fmt::Write as _;

use streamgauge_engine::StateVersions;
use streamgauge_sql::{
    manifest::{Aggregate, Column, Input, Join, Manifest, Source, WindowKind},
    path::{self, PathStep},
};

use super::{bytes::checksum, error::StateError, object::ObjectLayout, store::Store};

const NAME: &str = "query";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGQUERY\0", formats: FIRST_FORMAT..=2, other: "it is not a query's state" };
/// Still read: see [`first`].
const FIRST_FORMAT: u32 = 1;

/// What must be the same for a state to be used again, and which states can be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFingerprint {
    /// In words, a line each.
    text: String,
    /// One an aggregate call.
    versions: Vec<StateVersions>,
}

impl StateFingerprint {
    /// Of a query that reads a source: its columns, WHERE, windows, keys and reducers. What is behind the windows may change.
    pub fn of(manifest: &Manifest, source: Option<&Source>, versions: &[StateVersions]) -> Self {
        let mut text = String::new();
        let mut line = |words: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{words}");
        };
        line(match &manifest.input {
            Input::Source(from) | Input::View(from) => format!("reads {from}"),
            Input::Late(from) => format!("reads late events of {from}"),
        });
        for field in &manifest.columns {
            let declared =
                source.and_then(|source| source.columns.iter().find(|column| column.name == field.name));
            let format = declared.and_then(|column| column.time_format.as_ref());
            let format = format.map_or_else(String::new, |format| format!(" as {format}"));
            let path =
                declared.map_or_else(String::new, |column| format!(" at {}", path_words(&column.path)));
            line(format!("column {} {}{format}{path}", field.name, field.data_type));
        }
        for join in &manifest.joins {
            let Join { table, key, table_key, columns, paths } = join;
            line(format!("joins {table} on {} = {table_key}", name(manifest, Column::Input(*key))));
            for (field, path) in columns.iter().zip(paths) {
                line(format!("column {table}.{} {} at {path}", field.name, field.data_type));
            }
        }
        if let Some(source) = source {
            let times = &source.time_format;
            line(format!("times {times}, lenient numbers {}", source.lenient_numbers));
            if let Some(watermark) = source.watermark {
                line(format!("watermark {} us behind", watermark.delay_us));
            }
        }
        if let Some(stage) = &manifest.ingest {
            let (filters, computed) =
                stage.expressions.split_at(usize::from(stage.filters).min(stage.expressions.len()));
            filters.iter().for_each(|text| line(format!("where {text}")));
            // What a query without windows computes is not kept.
            computed
                .iter()
                .filter(|_| manifest.window.is_some())
                .for_each(|text| line(format!("computes {text}")));
        }
        let versions = versions.to_vec();
        let Some(window) = &manifest.window else { return Self { text, versions } };
        let name = |column: Column| name(manifest, column);
        line(format!("windows {} on {}", window_words(window.kind), name(Column::Input(window.time))));
        if let Some(us) = manifest.lateness_us {
            line(format!("closed windows take rows for {}", seconds(us)));
        }
        window.keys.iter().for_each(|key| line(format!("groups by {} {}", name(key.column), key.data_type)));
        if !window.sets.is_empty() {
            let sets: Vec<String> = window.sets.iter().map(i64::to_string).collect();
            line(format!("groups by sets {} BIGINT", sets.join(", ")));
        }
        for aggregate in &window.aggregates {
            let Aggregate { reducer, parameters, arguments, .. } = aggregate;
            let signature = signature(manifest, aggregate);
            let arguments = arguments.iter().map(|&column| name(column)).collect::<Vec<_>>().join(", ");
            let parameters = literal::write(parameters);
            line(format!("reduces {reducer}({arguments}) by signature {signature} with [{parameters}]"));
        }
        Self { text, versions }
    }

    /// Refuses states of versions that the reducers cannot restore. `found` are those that a checkpoint has, one an aggregate call.
    pub(super) fn check_versions(&self, found: &[u32], file: &str) -> Result<(), StateError> {
        let refused = self.versions.iter().zip(found).enumerate();
        let refused = refused.filter(|(_, (versions, found))| !versions.can_restore(**found));
        let changes: Vec<String> = refused
            .map(|(call, (versions, found))| words::unknown_version(&self.text, call, *found, versions))
            .collect();
        match changes.is_empty() {
            true => Ok(()),
            false => Err(StateError::Changed { file: file.to_owned(), changes: changes.join("; ") }),
        }
    }

    /// Whether there are states.
    pub(super) fn has_states(&self) -> bool {
        !self.versions.is_empty()
    }

    /// It in words, a line each.
    pub fn words(&self) -> &str {
        &self.text
    }

    /// A checksum of it.
    pub fn digest(&self) -> u64 {
        checksum(self.text.as_bytes())
    }
}

/// Which windows. Each kind by name: another kind must not be taken for one of these.
fn window_words(kind: WindowKind) -> String {
    let windows = match kind {
        WindowKind::Tumble { size_us, .. } => format!("of {0} every {0}", seconds(size_us)),
        WindowKind::Hop { slide_us, size_us, .. } => {
            format!("of {} every {}", seconds(size_us), seconds(slide_us))
        }
        WindowKind::Cumulate { step_us, size_us, .. } => {
            format!("up to {} by {}", seconds(size_us), seconds(step_us))
        }
        WindowKind::Session { gap_us, max_length_us } => {
            format!("apart {} cut {}", seconds(gap_us), seconds(max_length_us))
        }
        WindowKind::Whole => "over all of the input".to_owned(),
    };
    match kind.offset_us() {
        0 => windows,
        offset_us => format!("{windows} from {}", seconds(offset_us)),
    }
}

/// The identity of the state that is there; an error if it has another meaning.
pub(super) fn compare(store: &Store, fingerprint: &StateFingerprint) -> Result<u128, StateError> {
    let file = store.shown_name(NAME);
    let bytes = store.get(NAME)?.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
    read(&bytes, fingerprint, &file)
}

/// The identity of the state in a folder: that which is there, if it has this meaning, or a new one.
pub(super) fn claim(store: &Store, fingerprint: &StateFingerprint) -> Result<u128, StateError> {
    let file = store.shown_name(NAME);
    if let Some(bytes) = store.get(NAME)? {
        return read(&bytes, fingerprint, &file);
    }
    for (name, _) in store.list("")? {
        if name.starts_with("log-") || name.starts_with("checkpoint-") {
            return Err(StateError::damaged(&file, 0, format!("it is gone, but \"{name}\" is there")));
        }
    }
    let mut identity = [0; 16];
    getrandom::fill(&mut identity).map_err(|error| StateError::Place {
        place: store.shown().to_owned(),
        why: format!("the system gives no random numbers: {error}"),
    })?;
    let identity = u128::from_le_bytes(identity);
    match store.put_new(NAME, write(identity, fingerprint)) {
        Ok(()) => Ok(identity),
        Err(StateError::Exists { .. }) => Err(StateError::Fenced { file }),
        Err(error) => Err(error),
    }
}

fn write(identity: u128, fingerprint: &StateFingerprint) -> Vec<u8> {
    LAYOUT.write(|out| {
        out.u128(identity);
        out.str(&fingerprint.text);
    })
}

/// Whether a folder says whose state it is; other bytes of that name are no state.
pub(super) fn is_there(store: &Store) -> Result<bool, StateError> {
    let start = store.get_range(NAME, 0..LAYOUT.magic.len() as u64)?;
    Ok(start.is_some_and(|start| start[..] == LAYOUT.magic[..]))
}

/// The identity of the state in a folder, and what its query does, in a line.
pub(super) fn look(store: &Store) -> Result<(u128, String), StateError> {
    let file = store.shown_name(NAME);
    let bytes = store.get(NAME)?.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
    let (identity, text) = decode(&bytes, &file)?;
    Ok((identity, words::summary(&text)))
}

/// Which source, or which view, a query reads.
pub(super) fn source(store: &Store) -> Result<String, StateError> {
    let file = store.shown_name(NAME);
    let bytes = store.get(NAME)?.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
    let (_, text) = decode(&bytes, &file)?;
    let first = text.lines().next().and_then(|line| line.strip_prefix("reads "));
    first.map(str::to_owned).ok_or_else(|| StateError::damaged(&file, 0, "it does not say what is read"))
}

fn read(bytes: &[u8], fingerprint: &StateFingerprint, file: &str) -> Result<u128, StateError> {
    let (identity, was) = decode(bytes, file)?;
    match was == fingerprint.text {
        true => Ok(identity),
        false => Err(StateError::Changed {
            file: file.to_owned(),
            changes: words::difference(&was, &fingerprint.text),
        }),
    }
}

fn decode(bytes: &[u8], file: &str) -> Result<(u128, String), StateError> {
    LAYOUT.read(bytes, file, |format, input| {
        let (identity, text) = (input.u128()?, input.str()?);
        let text = if format == FIRST_FORMAT { first::upgrade(text) } else { text.to_owned() };
        Ok((identity, text))
    })
}

/// What a column is called where it is used.
fn name(manifest: &Manifest, column: Column) -> String {
    let stage = manifest.ingest.as_ref();
    let text = match column {
        Column::Input(index) => match manifest.columns.get(index) {
            Some(field) => Some(field.name.clone()),
            None => manifest.joined(index).map(|(join, field)| format!("{}.{}", join.table, field.name)),
        },
        Column::Computed(index) => {
            let index = index + usize::from(stage.is_some_and(|stage| stage.filters));
            stage.and_then(|stage| stage.expressions.get(index)).cloned()
        }
        _ => None,
    };
    // The plan names only what is there: in front of a window neither a key nor a result, and no column that it lacks.
    text.unwrap_or_else(|| match column {
        Column::Input(index) => format!("input {index}"),
        Column::Computed(index) => format!("computed {index}"),
        Column::Key(index) => format!("key {index}"),
        Column::Aggregate(index) => format!("aggregate {index}"),
        Column::WindowStart => "window_start".to_owned(),
        Column::WindowEnd => "window_end".to_owned(),
        Column::SetNumber => "the grouping set".to_owned(),
        Column::Operator(index) => format!("operator {index}"),
        Column::Revision => "revision".to_owned(),
        Column::Op => "op".to_owned(),
    })
}

/// Which of its signatures a reducer is called by: the number, which the plugins of the product never change. Of a user's own reducer
/// another version may describe its signatures in another order, so it is the types, and the name by which the component describes itself.
fn signature(manifest: &Manifest, aggregate: &Aggregate) -> String {
    let Some(plugin) = &aggregate.plugin else { return aggregate.signature.to_string() };
    let data_type = |column: &Column| match *column {
        Column::Input(index) => manifest.inputs().nth(index).map(|field| field.data_type),
        Column::Computed(index) => {
            manifest.ingest.as_ref().and_then(|stage| stage.computed.get(index)).copied()
        }
        _ => None,
    };
    let types = aggregate.arguments.iter().filter_map(data_type).map(|data_type| data_type.to_string());
    format!("({}) of plugin {}", types.collect::<Vec<_>>().join(", "), literal::quote(&plugin.name))
}

/// A column's path. A single name stands without quotes, whatever it holds, as it always did: states of such columns fit.
fn path_words(path: &[PathStep]) -> String {
    match path {
        [PathStep::Field(name)] => name.clone(),
        steps => path::spell(steps),
    }
}

fn seconds(micros: i64) -> String {
    match micros % 1_000_000 {
        0 => format!("{} s", micros / 1_000_000),
        _ => format!("{} ms", micros / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_other_words_and_old_words_stay() {
        let words = |text: &str| path_words(&path::parse(text).unwrap());
        assert_eq!(["a", "usage.total"].map(words), ["a", "usage.total"]);
        assert_eq!(words("m.\"a.b\""), "m.\"a.b\"");
        assert_eq!(words("m[0].a"), "m[0].a");
        // As a column "a.b" without PATH had it before there were quotes.
        assert_eq!(words("\"a.b\""), "a.b");
    }

    #[test]
    fn a_state_is_used_for_the_same_meaning_only() {
        let store = Store::memory().unwrap();
        let fingerprint = |text: &str| StateFingerprint { text: text.to_owned(), versions: Vec::new() };
        let (other, fingerprint) =
            (fingerprint("reads s\nwhere a > 2\n"), fingerprint("reads s\nwhere a > 1\n"));
        let identity = claim(&store, &fingerprint).unwrap();
        assert_eq!(claim(&store, &fingerprint).unwrap(), identity);
        let error = claim(&store, &other).unwrap_err().to_string();
        assert!(error.contains("WHERE changed: a > 1 -> a > 2"), "{error}");
        let bytes = store.get(NAME).unwrap().unwrap();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.to_vec();
                bad[at] ^= 1 << bit;
                assert!(read(&bad, &fingerprint, "query").is_err(), "bit {bit} of byte {at}");
            }
            assert!(read(&bytes[..at], &fingerprint, "query").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_state_of_the_first_format_is_used_for_the_same_meaning() {
        let store = Store::memory().unwrap();
        let first = ObjectLayout { formats: FIRST_FORMAT..=FIRST_FORMAT, ..LAYOUT };
        let bytes = first.write(|out| {
            out.u128(7);
            out.str("reads s\ntimes UnixSeconds, lenient numbers true\nreduces top(a) by signature 0 with [Float64(0.5)], states of version 1\n");
        });
        store.put_new(NAME, bytes).unwrap();
        let fingerprint = |share: f64| {
            let share = literal::write(&[streamgauge_sql::types::Value::Float64(share)]);
            let text = format!(
                "reads s\ntimes unix_s, lenient numbers true\nreduces top(a) by signature 0 with [{share}]\n"
            );
            StateFingerprint { text, versions: vec![StateVersions { written: 2, restores: vec![1] }] }
        };
        assert_eq!(claim(&store, &fingerprint(0.5)).unwrap(), 7);
        let error = claim(&store, &fingerprint(0.25)).unwrap_err().to_string();
        assert!(error.contains("aggregates changed: top(a, 0.5) -> top(a, 0.25)"), "{error}");
    }

    #[test]
    fn a_state_version_that_cannot_be_restored_is_refused_by_name() {
        let text =
            "reads s\nreduces sum(a) by signature 0 with []\nreduces top(a) by signature 0 with [bigint 3]\n";
        let versions = [(1, vec![]), (3, vec![1, 2])];
        let versions = versions.map(|(written, restores)| StateVersions { written, restores }).to_vec();
        let fingerprint = StateFingerprint { text: text.to_owned(), versions };
        for kept in [[1, 1], [1, 2], [1, 3]] {
            assert!(fingerprint.check_versions(&kept, "checkpoint").is_ok(), "{kept:?}");
        }
        let told =
            |found: [u32; 2]| fingerprint.check_versions(&found, "checkpoint").unwrap_err().to_string();
        assert_eq!(
            told([1, 4]),
            "the query is not the one that \"checkpoint\" was written for: the reducer of top(a, 3) changed: states of version 4 -> \
             states of version 3, and it restores only 1, 2 beside them"
        );
        assert!(told([2, 1]).ends_with(
            "sum(a) changed: states of version 2 -> states of version 1, and it restores no others"
        ));
    }
}
