//! Rows in CSV as in RFC 4180: the first line names the columns, fields may stand in double quotes, an empty field is NULL.

use std::{iter::Peekable, str::Chars};

use streamgauge_common::column::Value;
use streamgauge_sql::{
    connector::literal,
    manifest::{SourceColumn, Table},
    path::PathStep,
};

use super::{TableRows, WrongTable};

pub(super) fn parse(table: &Table, text: &str) -> Result<TableRows, WrongTable> {
    let mut records = Records { rest: text.chars().peekable() };
    let Some(names) = records.next_record().map_err(WrongTable::whole)? else {
        return Err(WrongTable::whole("it is empty; its first line names the columns"));
    };
    let place = |column: &SourceColumn| {
        let name = column.path.first().and_then(PathStep::name).unwrap_or(&column.name);
        let mut found = names.iter().enumerate().filter(|(_, known)| *known == name).map(|(at, _)| at);
        match (found.next(), found.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err(WrongTable::whole(format!("its first line names `{name}` twice"))),
            (None, _) => Err(WrongTable::whole(format!(
                "its first line names no column `{name}`: {}",
                names.join(", ")
            ))),
        }
    };
    let places = table.columns.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    let mut rows = TableRows::empty(table);
    let mut number = 0;
    while let Some(fields) = records.next_record().map_err(|why| WrongTable::row(number, why))? {
        // A line without anything in it, as some editors leave at the end.
        if let [field] = fields.as_slice()
            && field.is_empty()
            && names.len() > 1
        {
            continue;
        }
        if fields.len() != names.len() {
            let why = format!("it has {} fields, and the first line names {}", fields.len(), names.len());
            return Err(WrongTable::row(number, why));
        }
        let value = |(column, &at): (&SourceColumn, &usize)| {
            value(column, fields.get(at).map_or("", String::as_str))
                .map_err(|why| WrongTable::row(number, why))
        };
        let values = table.columns.iter().zip(&places).map(value).collect::<Result<Vec<_>, _>>()?;
        rows.push(table, &values)?;
        number += 1;
    }
    Ok(rows)
}

fn value(column: &SourceColumn, field: &str) -> Result<Value, String> {
    if field.is_empty() {
        return Ok(Value::Null);
    }
    let SourceColumn { name, data_type, .. } = column;
    match literal(field, *data_type) {
        Some(Value::Float64(number)) if !number.is_finite() => {
            Err(format!("`{name}` is '{field}', and a DOUBLE is a finite number"))
        }
        Some(value) => Ok(value),
        None => Err(format!("`{name}` is '{field}', which is no {data_type}")),
    }
}

struct Records<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Records<'_> {
    /// The fields of the next record; none at the end.
    fn next_record(&mut self) -> Result<Option<Vec<String>>, String> {
        if self.rest.peek().is_none() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            fields.push(match self.rest.peek() {
                Some('"') => self.quoted()?,
                _ => self.plain()?,
            });
            match self.rest.next() {
                Some(',') => {}
                Some('\r') if self.rest.peek() == Some(&'\n') => {
                    self.rest.next();
                    return Ok(Some(fields));
                }
                None | Some('\n') => return Ok(Some(fields)),
                Some(other) => {
                    return Err(format!("behind a closing quote stands '{}'", other.escape_default()));
                }
            }
        }
    }

    fn plain(&mut self) -> Result<String, String> {
        let mut field = String::new();
        while let Some(&next) = self.rest.peek() {
            match next {
                ',' | '\n' => break,
                '\r' => {
                    let mut ahead = self.rest.clone();
                    ahead.next();
                    if matches!(ahead.peek(), None | Some('\n')) {
                        break;
                    }
                }
                '"' => return Err(format!("a quote stands in the middle of the field '{field}'")),
                _ => {}
            }
            field.push(next);
            self.rest.next();
        }
        Ok(field)
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.rest.next();
        let mut field = String::new();
        loop {
            match self.rest.next() {
                None => return Err("a field in quotes has no end".to_owned()),
                Some('"') if self.rest.peek() == Some(&'"') => {
                    self.rest.next();
                    field.push('"');
                }
                Some('"') => return Ok(field),
                Some(other) => field.push(other),
            }
        }
    }
}
