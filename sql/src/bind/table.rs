//! CREATE TABLE: its columns, its key and its options.

use super::options::Options;
use super::source::{self, MAX_COLUMNS};
use super::value::{GivenOptions, OptionText};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::manifest::{OptionValue, SourceColumn, Table};
use crate::parse::name::nearest;
use crate::parse::source::ColumnDef;
use crate::parse::table::TableDef;
use crate::path::PathStep;
use crate::table_options;
use crate::types::DataType;

pub(super) fn bind(def: &TableDef, given: &GivenOptions) -> Checked<Table> {
    let mut errors = Errors::default();
    // Where a column is wrong, those that could be read are not all.
    let columns = if def.wrong.is_some() { None } else { errors.keep(columns(def, given)) };
    let key = columns.as_ref().and_then(|columns| errors.keep(key(def, columns)));
    let mut options = Options::new(&given.list, def.name.span);
    let connector = errors.keep(connector(&mut options));
    let (mut found, mut format) = (std::collections::BTreeMap::new(), None);
    if connector.is_some() {
        let spec = table_options::path();
        if let Some((path, _)) = errors.keep(options.required(&spec.name, &spec.help())) {
            found.insert(spec.bound_name().into_owned(), OptionValue::Text(path.to_owned()));
        }
        let spec = table_options::format();
        let word = errors.keep(options.word(&spec.name, table_options::FORMATS));
        format = word.and_then(|word| {
            let given = word.ok_or_else(|| options.missing(&spec.name, &spec.help()));
            errors.keep(given)
        });
        let spec = table_options::reload_interval();
        match errors.keep(options.duration(&spec.name)).flatten() {
            Some((0, span)) => errors.push(
                Problem::new(span, format!("`{}` must be above 0", spec.name)).help("write it like '10 s'"),
            ),
            Some((micros, _)) => {
                let micros = OptionValue::Text(micros.to_string());
                drop(found.insert(spec.bound_name().into_owned(), micros));
            }
            None => {}
        }
        options.finish("a table", &mut errors);
    } else {
        options.finish_foreign("table", &mut errors);
    }
    errors.end()?;
    match (columns, key, connector, format) {
        (Some(columns), Some(key), Some(connector), Some(format)) => Ok(Table {
            name: def.name.text.clone(),
            columns,
            key,
            connector: connector.to_owned(),
            format: format.to_owned(),
            options: found,
        }),
        // What is wrong with its columns is reported by whoever asked for them.
        _ => Err(def.wrong.clone().unwrap_or_else(|| Problem::follows(def.name.span))),
    }
}

fn connector(options: &mut Options<'_>) -> Checked<&'static str> {
    let spec = table_options::connector();
    let (name, span) = options.required(&spec.name, &spec.help())?;
    let found = table_options::CONNECTORS.iter().find(|known| known.eq_ignore_ascii_case(name.trim()));
    found.copied().ok_or_else(|| {
        let problem = Problem::new(span, format!("there is no connector '{name}' of tables"));
        problem.help("a table is read from a file, which is read again when it changes: connector = 'file'")
    })
}

fn is_csv(value: &OptionText) -> bool {
    matches!(value, OptionText::Text(text) if text.trim().eq_ignore_ascii_case("csv"))
}

fn columns(def: &TableDef, given: &GivenOptions) -> Checked<Vec<SourceColumn>> {
    if let Some(column) = def.columns.get(MAX_COLUMNS) {
        return Err(Problem::new(
            column.name.span,
            format!("a table can have at most {MAX_COLUMNS} columns"),
        ));
    }
    source::check_twice(&def.columns)?;
    let mut errors = Errors::default();
    let is_csv = given.list.iter().any(|option| option.key == "format" && is_csv(&option.value));
    for column in &def.columns {
        if is_csv && !matches!(column.path.as_slice(), [PathStep::Field(_)]) {
            errors.push(
                Problem::new(
                    column.name.span,
                    format!("`{}` has a path of several steps, and a CSV file has none", column.name.text),
                )
                .help("write PATH 'column' with the name in the file's first line, or leave it out"),
            );
        }
        if let Some((_, span)) = &column.format {
            errors.push(
                Problem::new(*span, "the times of a table are written in RFC 3339")
                    .help("leave FORMAT out, and write them like 2026-01-01T00:00:00Z in the file"),
            );
        }
    }
    errors.end()?;
    let column = |column: &ColumnDef| SourceColumn {
        name: column.name.text.clone(),
        data_type: column.data_type,
        path: column.path.clone(),
        time_format: None,
    };
    Ok(def.columns.iter().map(column).collect())
}

/// The column of the PRIMARY KEY.
fn key(def: &TableDef, columns: &[SourceColumn]) -> Checked<usize> {
    let name = match def.keys.as_slice() {
        [name] => name,
        [] => {
            let column = def.columns.first().map_or("name", |column| column.name.text.as_str());
            return Err(Problem::new(def.name.span, format!("the table `{}` has no PRIMARY KEY", def.name.text))
                .help(format!(
                    "a table is joined on its key: write {column} TEXT PRIMARY KEY; if its rows are events, write CREATE SOURCE"
                )));
        }
        [_, other, ..] => {
            return Err(Problem::new(other.span, "the PRIMARY KEY of a table is one column")
                .help("write the parts into one column of the file, such as 'provider/model'"));
        }
    };
    let names = columns.iter().map(|column| column.name.as_str());
    let Some(at) = name.position_in(names.clone()) else {
        let problem = Problem::new(name.span, format!("the table has no column `{}`", name.text));
        return Err(match nearest(&name.text, names) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help(format!("declare it: {} TEXT", name.text)),
        });
    };
    match columns.get(at).map(|column| column.data_type) {
        Some(DataType::Text | DataType::Int64) => Ok(at),
        found => {
            let data_type = found.unwrap_or(DataType::Text);
            Err(Problem::new(
                name.span,
                format!("the key of a table is TEXT or BIGINT, and `{}` is {data_type}", name.text),
            )
            .help("declare it as one of these"))
        }
    }
}
