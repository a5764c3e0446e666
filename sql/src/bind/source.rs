//! CREATE SOURCE: its columns, its watermark and its options.

use std::collections::BTreeMap;

use sqlparser::tokenizer::Span;

use super::connector;
use super::convert;
use super::options::{self, Options, text};
use super::plugin::OwnConnectors;
use super::value::{GivenOptions, OptionText};
use crate::catalog::{Catalog, UsedAs};
use crate::connector::{OptionKind, OptionSpec};
use crate::error::{Checked, Problem};
use crate::errors::{Errors, both};
use crate::manifest::{Source, SourceColumn, Start, TimeFormat, Watermark, Zone};
use crate::parse::duration;
use crate::parse::name::nearest;
use crate::parse::source::SourceDef;
use crate::source_options;
use crate::types::DataType;

/// How many columns a source may have.
pub(super) const MAX_COLUMNS: usize = 500;

pub(super) fn bind(def: &SourceDef, given: &GivenOptions, catalog: &dyn Catalog) -> Checked<Source> {
    let mut errors = Errors::default();
    // Where a column is wrong, those that could be read are not all.
    let columns = if def.wrong.is_some() { None } else { errors.keep(columns(def)) };
    let watermark = columns.as_ref().and_then(|columns| errors.keep(watermark(def, columns)).flatten());
    let mut columns = columns.unwrap_or_default();
    let mut options = Options::new(&given.list, def.name.span);
    let connector =
        errors.keep(connector::named(UsedAs::Source, catalog, OwnConnectors::default(), &mut options));
    let format = errors.keep(word(&source_options::format(), &mut options));
    let time_format = errors.keep(time_formats(def, &mut columns, &mut options));
    let numbers = errors.keep(word(&source_options::numbers(), &mut options));
    let start = errors.keep(start(&mut options));
    let idle_timeout = errors.keep(idle_timeout(&mut options));
    let max_future_skew = errors.keep(options.duration(&source_options::max_future_skew().name)).flatten();
    let dead_letters = errors.keep(dead_letters(&mut options)).flatten();
    let late_dead_letters = errors.keep(word(&source_options::late_dead_letters(), &mut options));
    let found = connector::finish(connector.as_ref(), options, "source", &mut errors);
    errors.end()?;
    let (Some(connector), Some(format), Some(time_format)) = (connector, format, time_format) else {
        unreachable!("what has no value is an error")
    };
    let wrong = catalog.wrong_source_option(&connector.name, &found);
    options::refuse(wrong, &given.list, def.name.span)?;
    Ok(Source {
        name: def.name.text.clone(),
        columns,
        watermark,
        connector: connector.name,
        format,
        time_format,
        lenient_numbers: numbers.is_some_and(|numbers| numbers == "lenient"),
        start: start.unwrap_or(Start::Default),
        idle_timeout_us: idle_timeout.unwrap_or_default(),
        max_future_skew_us: max_future_skew.map(|(micros, _)| micros),
        dead_letters,
        late_dead_letters: late_dead_letters.is_some_and(|word| word == "true"),
        options: found,
    })
}

/// The word of an option, or its default.
fn word(spec: &OptionSpec, options: &mut Options<'_>) -> Checked<String> {
    let OptionKind::Word(words) = spec.kind else { unreachable!("it is declared as one of some words") };
    let given = options.word(&spec.name, words)?;
    Ok(given.or(spec.default.as_deref()).unwrap_or_default().to_owned())
}

fn idle_timeout(options: &mut Options<'_>) -> Checked<i64> {
    let spec = source_options::idle_timeout();
    match options.duration(&spec.name)? {
        Some((0, span)) => {
            Err(Problem::new(span, format!("`{}` must be above 0", spec.name)).help("write it like '10 s'"))
        }
        Some((micros, _)) => Ok(micros),
        None => Ok(spec.micros(&BTreeMap::new()).unwrap_or_default()),
    }
}

fn dead_letters(options: &mut Options<'_>) -> Checked<Option<String>> {
    let spec = source_options::dead_letters();
    match options.text(&spec.name)? {
        Some((path, span)) if path.trim().is_empty() => {
            Err(Problem::new(span, format!("the option `{}` is empty", spec.name)).help(spec.help()))
        }
        found => Ok(found.map(|(path, _)| path.to_owned())),
    }
}

fn columns(def: &SourceDef) -> Checked<Vec<SourceColumn>> {
    if def.columns.is_empty() {
        return Err(Problem::new(def.name.span, "a source needs at least one column"));
    }
    if let Some(column) = def.columns.get(MAX_COLUMNS) {
        return Err(Problem::new(
            column.name.span,
            format!("a source can have at most {MAX_COLUMNS} columns"),
        ));
    }
    check_twice(&def.columns)?;
    let column = |column: &crate::parse::source::ColumnDef| SourceColumn {
        name: column.name.text.clone(),
        data_type: column.data_type,
        path: column.path.clone(),
        time_format: None,
    };
    Ok(def.columns.iter().map(column).collect())
}

/// No two columns may have one name.
pub(super) fn check_twice(columns: &[crate::parse::source::ColumnDef]) -> Checked<()> {
    for (at, column) in columns.iter().enumerate() {
        if columns.iter().take(at).any(|before| before.name.clashes(&column.name)) {
            return Err(Problem::new(column.name.span, format!("the column `{}` is declared twice", column.name.text))
                .help("names without double quotes are equal without regard to case; PATH 'field' names another field"));
        }
    }
    Ok(())
}

fn watermark(def: &SourceDef, columns: &[SourceColumn]) -> Checked<Option<Watermark>> {
    let Some(watermark) = &def.watermark else { return Ok(None) };
    let name = &watermark.column;
    let names = columns.iter().map(|column| column.name.as_str());
    let Some(at) = name.position_in(names.clone()) else {
        let problem = Problem::new(name.span, format!("the source has no column `{}`", name.text));
        return Err(match nearest(&name.text, names) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help(format!("declare it: {} TIMESTAMP", name.text)),
        });
    };
    match columns.get(at) {
        Some(SourceColumn { data_type: DataType::Timestamp, .. }) => {
            Ok(Some(Watermark { column: at, delay_us: watermark.delay_us }))
        }
        found => {
            let data_type = found.map_or(DataType::Text, |column| column.data_type);
            Err(Problem::new(
                name.span,
                format!("the event time must be a TIMESTAMP, and `{}` is {data_type}", name.text),
            )
            .help(format!(
                "declare it as {0} TIMESTAMP; {0} TIMESTAMP FORMAT 'unix_ms' reads numbers",
                name.text
            )))
        }
    }
}

/// `time_format` of the source, and FORMAT of its columns; `time_zone` is for patterns that read no zone.
fn time_formats(
    def: &SourceDef,
    columns: &mut [SourceColumn],
    options: &mut Options<'_>,
) -> Checked<TimeFormat> {
    let spec = source_options::time_format();
    let (written, zone) = both(options.text(&spec.name), options.text(&source_options::time_zone().name))?;
    let zone = match zone {
        None => None,
        Some((text, span)) => match Zone::new(text) {
            Some(zone) => Some((zone, span)),
            None => {
                return Err(Problem::new(span, format!("`time_zone` cannot be '{text}'"))
                    .help("it can be 'UTC' or an offset that is always the same, such as '+02:00'"));
            }
        },
    };
    let mut is_needed = false;
    let mut read = |text: &str, span: Span| {
        let stated = zone.map(|(zone, _)| zone);
        let without = TimeFormat::new(text, None)
            .map_err(|wrong| Problem::new(span, wrong.message).help(wrong.help))?;
        if !without.needs_zone() {
            return Ok(without);
        }
        is_needed = true;
        match TimeFormat::new(text, stated) {
            Ok(format) if !format.needs_zone() => Ok(format),
            _ => Err(Problem::new(span, format!("the time format '{text}' reads no zone")).help(
                "write %z where the zone stands, or state it in the WITH of the source: time_zone = 'UTC' or '+02:00'",
            )),
        }
    };
    let time_format = match written {
        Some((text, span)) => read(text, span)?,
        None => read(spec.default.as_deref().unwrap_or_default(), def.name.span)?,
    };
    for (column, def) in columns.iter_mut().zip(&def.columns) {
        if let Some((text, span)) = &def.format {
            column.time_format = Some(read(text, *span)?);
        }
    }
    match zone {
        Some((_, span)) if !is_needed => {
            Err(Problem::new(span, "`time_zone` is for time formats that are patterns and read no zone")
                .help("leave it out, or write a pattern such as time_format = '%Y-%m-%d %H:%M:%S'"))
        }
        _ => Ok(time_format),
    }
}

/// `'latest'`, `'earliest'`, a timestamp or how long ago.
fn start(options: &mut Options<'_>) -> Checked<Start> {
    let Some(option) = options.take(&source_options::start().name) else { return Ok(Start::Default) };
    if let OptionText::Interval(micros) = option.value {
        return ago(micros, option.span);
    }
    let value = text(option)?;
    match value.trim().to_ascii_lowercase().as_str() {
        "latest" => return Ok(Start::Latest),
        "earliest" => return Ok(Start::Earliest),
        _ => {}
    }
    if let Ok(micros) = duration::microseconds(value, None) {
        return ago(micros, option.span);
    }
    convert::timestamp(value, option.span).map(Start::At).map_err(|_| {
        Problem::new(option.span, format!("`start` cannot be '{value}'"))
            .help("it can be 'earliest', 'latest', a time such as '2026-01-01T00:00:00Z', or how long ago, such as '1 hour'")
    })
}

fn ago(micros: i64, span: Span) -> Checked<Start> {
    if micros < 0 {
        return Err(Problem::new(span, "`start` cannot be in the future")
            .help("write how long ago, such as '1 hour'"));
    }
    Ok(Start::Ago(micros))
}
