//! What the state of an operator, or of windows over a view, means: which rows it has seen, and what it keeps of them.
//!
//! An operator reads the rows that a query makes of its windows, often through other statements. Its state fits no other rows, so
//! it is known in checkpoints by all that decides which rows come: HAVING and each WHERE on the way, and what the columns are that
//! these and PARTITION BY name. What a column is stands in the words of the statements that make it, and is followed from the first
//! statement to the last, so its length is bounded at each.

use std::collections::BTreeMap;

use streamgauge_sql::{
    Query,
    manifest::{Column, Field, Input, Join, Key, Manifest, Operator, OperatorFunction, Stage},
};
use streamgauge_state::fingerprint::StateFingerprint;
use xxhash_rust::xxh3::xxh3_64;

/// What a column is takes at most so many bytes in the words of the statements that make it.
const DEFINITION_MAX: usize = 1000;
/// How many characters of a longer one are kept.
const SHOWN: usize = 100;

/// The operators of the last of these statements, each of which reads the one before it: ids and meanings.
pub(super) fn names(chain: &[&Manifest]) -> Vec<(u64, String)> {
    let Some((manifest, upstream)) = chain.split_last() else { return Vec::new() };
    let read = definitions(chain);
    let rows = rows(upstream, &read);
    let inputs = read.last().map_or(&[][..], Vec::as_slice);
    let named = |operator: &Operator| {
        let meaning = meaning(manifest, operator, inputs, &rows);
        (xxh3_64(meaning.as_bytes()), meaning)
    };
    manifest.operators.iter().map(named).collect()
}

/// The windows of the last of these statements, each of which reads the one before it: id and meaning; none where it has no windows.
pub(super) fn over_view(chain: &[&Manifest]) -> Option<(u64, String)> {
    let (last, upstream) = chain.split_last()?;
    let read = definitions(chain);
    let text = format!("{}{}", windows(last, read.last()?)?, rows(upstream, &read));
    Some((xxh3_64(text.as_bytes()), text))
}

/// What is kept beside the windows over a source by the last of these statements and by those that read its rows: by id.
pub(super) fn kept(chain: &[&Manifest], queries: &[&Query]) -> BTreeMap<u64, String> {
    let Some(last) = chain.last() else { return BTreeMap::new() };
    let mut all: BTreeMap<u64, String> = names(chain).into_iter().collect();
    // The windows of the first one are what the state itself is.
    all.extend(over_view(chain).filter(|_| chain.len() > 1));
    let reads = |query: &&&Query| query.plan.manifest.input == Input::View(last.name.clone());
    for reader in queries.iter().filter(reads) {
        all.extend(kept(&[chain, &[&reader.plan.manifest]].concat(), queries));
    }
    all
}

fn meaning(manifest: &Manifest, operator: &Operator, read: &[String], rows: &str) -> String {
    let function = match operator.function {
        OperatorFunction::RowNumber => "row_number",
    };
    let key = |key: &Key| format!("{} {}", definition(manifest, read, key.column), key.data_type);
    let keys: Vec<String> = operator.keys.iter().map(key).collect();
    let mut text = format!("'{}': {function} of each ({}){rows}", manifest.name, keys.join(", "));
    push_filter(&mut text, manifest, read);
    text
}

/// The windows of a statement, and what the columns are that it reads; none where it has no windows.
fn windows(manifest: &Manifest, read: &[String]) -> Option<String> {
    manifest.window.as_ref()?;
    // Without the versions of the reducers' states: a reducer of another version may restore them.
    let fingerprint = StateFingerprint::of(manifest, None, &[]);
    let words: Vec<&str> = fingerprint.words().lines().collect();
    let mut text = format!("'{}': {}", manifest.name, words.join(", "));
    for (field, definition) in manifest.columns.iter().zip(read) {
        if *definition != field.name {
            text.push_str(&format!(", {} = {definition}", field.name));
        }
    }
    Some(text)
}

/// Which rows come of these statements, each of which reads the one before it; `read` is what the columns are that each reads.
fn rows(chain: &[&Manifest], read: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (index, (manifest, read)) in chain.iter().zip(read).enumerate() {
        // What the first one's windows are is in the state's own fingerprint.
        match windows(manifest, read).filter(|_| index > 0) {
            Some(windows) => text.push_str(&format!(", rows of {windows}")),
            None => text.push_str(&format!(", rows of '{}'", manifest.name)),
        }
        push_filter(&mut text, manifest, read);
    }
    text
}

fn push_filter(text: &mut String, manifest: &Manifest, read: &[String]) {
    for Join { table, key, table_key, .. } in &manifest.joins {
        let key = definition(manifest, read, Column::Input(*key));
        text.push_str(&format!(" joined with {table} on {key} = {table_key}"));
    }
    let (stage, word) = match manifest.window {
        Some(_) => (manifest.emit.as_ref(), "HAVING"),
        None => (manifest.ingest.as_ref(), "WHERE"),
    };
    if let Some(filter) = stage.and_then(filter) {
        text.push_str(&format!(" {word} {filter}{}", inputs(manifest, read, stage)));
    }
    // Which rows there are depends on it.
    if let Some(order) = manifest.order.as_ref().filter(|order| order.limit.is_some()) {
        text.push_str(&format!(" ordered {order}"));
    }
}

/// WHERE or HAVING.
fn filter(stage: &Stage) -> Option<&str> {
    stage.expressions.first().filter(|_| stage.filters).map(String::as_str)
}

/// What the columns are that a statement's filter or expressions read, where their names do not say it.
fn inputs(manifest: &Manifest, read: &[String], stage: Option<&Stage>) -> String {
    let named = stage.iter().flat_map(|stage| &stage.arguments).filter_map(|&column| {
        let Column::Input(index) = column else { return None };
        let name = &manifest.inputs().nth(index)?.name;
        let definition = definition(manifest, read, column);
        (definition != *name).then(|| format!("{name} = {definition}"))
    });
    let named: Vec<String> = named.collect();
    if named.is_empty() { String::new() } else { format!(" with {}", named.join(", ")) }
}

/// What the columns are that each of these statements reads, each of which reads the one before it.
fn definitions(chain: &[&Manifest]) -> Vec<Vec<String>> {
    let mut made: BTreeMap<&str, String> = BTreeMap::new();
    let mut all = Vec::new();
    for manifest in chain {
        let name = |field: &Field| made.get(field.name.as_str()).unwrap_or(&field.name).clone();
        let read: Vec<String> = manifest.columns.iter().map(name).collect();
        made.clear();
        for output in &manifest.output {
            made.entry(&output.name).or_insert_with(|| shortened(definition(manifest, &read, output.column)));
        }
        all.push(read);
    }
    all
}

/// What a column is, or its beginning and a hash of all of it.
fn shortened(definition: String) -> String {
    if definition.len() <= DEFINITION_MAX {
        return definition;
    }
    let shown: String = definition.chars().take(SHOWN).collect();
    format!("{shown}... ({:016x})", xxh3_64(definition.as_bytes()))
}

/// What a column of a statement is, in the words of the statements that make it; `read` is what the columns are that it reads.
fn definition(manifest: &Manifest, read: &[String], column: Column) -> String {
    let expression = |stage: Option<&Stage>, index: usize| {
        let text = stage.and_then(|stage| stage.expressions.get(index + usize::from(stage.filters)));
        text.cloned().unwrap_or_else(|| format!("expression {index}"))
    };
    let window = manifest.window.as_ref();
    match column {
        Column::Input(index) => read.get(index).cloned().unwrap_or_else(|| match manifest.joined(index) {
            Some((join, field)) => format!("{}.{}", join.table, field.name),
            None => "a column".to_owned(),
        }),
        Column::Computed(index) if window.is_some() => expression(manifest.emit.as_ref(), index),
        Column::Computed(index) => {
            let stage = manifest.ingest.as_ref();
            format!("{}{}", expression(stage, index), inputs(manifest, read, stage))
        }
        Column::Key(index) => match window.and_then(|window| window.keys.get(index)).map(|key| key.column) {
            Some(Column::Computed(index)) => expression(manifest.ingest.as_ref(), index),
            Some(column) => definition(manifest, read, column),
            None => format!("key {index}"),
        },
        Column::Aggregate(index) => {
            let call = window.and_then(|window| window.aggregates.get(index));
            call.map_or_else(|| format!("aggregate {index}"), |call| call.text.clone())
        }
        Column::WindowStart => "window_start".to_owned(),
        Column::WindowEnd => "window_end".to_owned(),
        Column::SetNumber => {
            let sets = window.into_iter().flat_map(|window| &window.sets).map(i64::to_string);
            format!("the grouping set of {}", sets.collect::<Vec<_>>().join(", "))
        }
        Column::Revision => "revision".to_owned(),
        Column::Op => "op".to_owned(),
        Column::Operator(index) => {
            let operator = manifest.operators.get(index);
            operator.map_or_else(|| format!("operator {index}"), |operator| operator.text.clone())
        }
    }
}
