//! What the state of an operator, or of windows over a view, means: which rows it has seen, and what it keeps of them.
//!
//! An operator reads the rows that a query makes of its windows, often through other statements. Its state fits no other rows, so
//! it is known in checkpoints by all that decides which rows come: HAVING and each WHERE on the way, and what the columns are that
//! these and PARTITION BY name.

use std::collections::BTreeMap;

use streamgauge_sql::{
    Query,
    manifest::{Column, Input, Manifest, Operator, OperatorFunction, Stage},
};
use streamgauge_state::fingerprint::StateFingerprint;
use xxhash_rust::xxh3::xxh3_64;

/// The operators of the last of these statements, each of which reads the one before it: ids and meanings.
pub(super) fn names(chain: &[&Manifest]) -> Vec<(u64, String)> {
    let Some((manifest, _)) = chain.split_last() else { return Vec::new() };
    let named = |operator: &Operator| {
        let meaning = meaning(chain, operator);
        (xxh3_64(meaning.as_bytes()), meaning)
    };
    manifest.operators.iter().map(named).collect()
}

/// The windows of the last of these statements, each of which reads the one before it: id and meaning; none where it has no windows.
pub(super) fn over_view(chain: &[&Manifest]) -> Option<(u64, String)> {
    let (last, upstream) = chain.split_last()?;
    last.window.as_ref()?;
    // A reducer's state version is no part of what windows mean.
    let fingerprint = StateFingerprint::of(last, None, &[]);
    let words: Vec<&str> = fingerprint.words().lines().collect();
    let mut text = format!("'{}': {}", last.name, words.join(", "));
    for (index, field) in last.columns.iter().enumerate() {
        let definition = definition(last, upstream, Column::Input(index));
        if definition != field.name {
            text.push_str(&format!(", {} = {definition}", field.name));
        }
    }
    push_rows(&mut text, upstream);
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

fn meaning(chain: &[&Manifest], operator: &Operator) -> String {
    let Some((last, upstream)) = chain.split_last() else { return String::new() };
    let function = match operator.function {
        OperatorFunction::RowNumber => "row_number",
    };
    let keys: Vec<String> = operator
        .keys
        .iter()
        .map(|key| format!("{} {}", definition(last, upstream, key.column), key.data_type))
        .collect();
    let mut text = format!("'{}': {function} of each ({})", last.name, keys.join(", "));
    push_rows(&mut text, upstream);
    push_filter(&mut text, last, upstream);
    text
}

/// Which rows come of these statements, each of which reads the one before it.
fn push_rows(text: &mut String, chain: &[&Manifest]) {
    for (index, manifest) in chain.iter().enumerate() {
        let upstream = chain.get(..index).unwrap_or_default();
        // What the first one's windows are is in the state's own fingerprint.
        match over_view(chain.get(..=index).unwrap_or_default()).filter(|_| index > 0) {
            Some((_, windows)) => text.push_str(&format!(", rows of {windows}")),
            None => text.push_str(&format!(", rows of '{}'", manifest.name)),
        }
        push_filter(text, manifest, upstream);
    }
}

fn push_filter(text: &mut String, manifest: &Manifest, upstream: &[&Manifest]) {
    let (stage, word) = match manifest.window {
        Some(_) => (manifest.emit.as_ref(), "HAVING"),
        None => (manifest.ingest.as_ref(), "WHERE"),
    };
    if let Some(filter) = stage.and_then(filter) {
        text.push_str(&format!(" {word} {filter}{}", inputs(manifest, upstream, stage)));
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
fn inputs(manifest: &Manifest, upstream: &[&Manifest], stage: Option<&Stage>) -> String {
    let read = stage.iter().flat_map(|stage| &stage.arguments).filter_map(|&column| {
        let Column::Input(index) = column else { return None };
        let name = &manifest.columns.get(index)?.name;
        let definition = definition(manifest, upstream, column);
        (definition != *name).then(|| format!("{name} = {definition}"))
    });
    let read: Vec<String> = read.collect();
    if read.is_empty() { String::new() } else { format!(" with {}", read.join(", ")) }
}

/// What a column is, in the words of the statement that makes it.
fn definition(manifest: &Manifest, upstream: &[&Manifest], column: Column) -> String {
    let expression = |stage: Option<&Stage>, index: usize| {
        let text = stage.and_then(|stage| stage.expressions.get(index + usize::from(stage.filters)));
        text.cloned().unwrap_or_else(|| format!("expression {index}"))
    };
    let window = manifest.window.as_ref();
    match column {
        Column::Input(index) => {
            let name = manifest.columns.get(index).map_or("a column", |field| field.name.as_str());
            let made = upstream.split_last().and_then(|(view, before)| {
                let output = view.output.iter().find(|output| output.name == name)?;
                Some(definition(view, before, output.column))
            });
            made.unwrap_or_else(|| name.to_owned())
        }
        Column::Computed(index) if window.is_some() => expression(manifest.emit.as_ref(), index),
        Column::Computed(index) => {
            let stage = manifest.ingest.as_ref();
            format!("{}{}", expression(stage, index), inputs(manifest, upstream, stage))
        }
        Column::Key(index) => match window.and_then(|window| window.keys.get(index)).map(|key| key.column) {
            Some(Column::Computed(index)) => expression(manifest.ingest.as_ref(), index),
            Some(column) => definition(manifest, upstream, column),
            None => format!("key {index}"),
        },
        Column::Aggregate(index) => {
            let call = window.and_then(|window| window.aggregates.get(index));
            call.map_or_else(|| format!("aggregate {index}"), |call| call.text.clone())
        }
        Column::WindowStart => "window_start".to_owned(),
        Column::WindowEnd => "window_end".to_owned(),
        Column::Operator(index) => {
            let operator = manifest.operators.get(index);
            operator.map_or_else(|| format!("operator {index}"), |operator| operator.text.clone())
        }
    }
}
