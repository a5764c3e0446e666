//! What the state of an operator means: which rows it has seen, and what it keeps of them.
//!
//! An operator reads the rows that a query makes of its windows, often through other statements. Its state fits no other rows, so
//! it is known in checkpoints by all that decides which rows come: HAVING and each WHERE on the way, and what the columns are that
//! these and PARTITION BY name.

use streamgauge_sql::manifest::{Column, Manifest, Operator, OperatorFunction, Stage};
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
    for (index, manifest) in chain.iter().enumerate() {
        let upstream = chain.get(..index).unwrap_or_default();
        let (stage, word) = match manifest.window {
            Some(_) => (manifest.emit.as_ref(), "HAVING"),
            None => (manifest.ingest.as_ref(), "WHERE"),
        };
        // The last one's name is there already.
        if index + 1 < chain.len() {
            text.push_str(&format!(", rows of '{}'", manifest.name));
        }
        if let Some(filter) = stage.and_then(filter) {
            text.push_str(&format!(" {word} {filter}{}", inputs(manifest, upstream, stage)));
        }
    }
    text
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
