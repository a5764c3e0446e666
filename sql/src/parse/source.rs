//! `CREATE SOURCE name (columns, WATERMARK FOR ...) WITH (...)`.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::data_type::data_type;
use super::name::Name;
use super::options::{self, OptionDef};
use super::statement::end;
use crate::error::{Checked, Problem};
use crate::types::DataType;

/// A source as it was written.
#[derive(Clone, Debug)]
pub(crate) struct SourceDef {
    pub(crate) name: Name,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) watermark: Option<WatermarkDef>,
    pub(crate) options: Vec<OptionDef>,
}

/// `name TYPE [PATH 'a.b']`
#[derive(Clone, Debug)]
pub(crate) struct ColumnDef {
    pub(crate) name: Name,
    pub(crate) data_type: DataType,
    pub(crate) path: Vec<String>,
}

/// `WATERMARK FOR ts AS ts [- INTERVAL ...]`
#[derive(Clone, Debug)]
pub(crate) struct WatermarkDef {
    pub(crate) column: Name,
    pub(crate) delay_us: i64,
}

pub(super) fn parse(cursor: &mut Cursor) -> Checked<SourceDef> {
    let name = cursor.name("the name of the source")?;
    cursor.expect(&Token::LParen)?;
    let mut columns = Vec::new();
    let mut watermark = None;
    loop {
        let start = cursor.span();
        if cursor.accept_words(&["watermark", "for"]) {
            let found = watermark_for(cursor)?;
            if watermark.replace(found).is_some() {
                return Err(Problem::new(cursor.since(start), "a source has one WATERMARK")
                    .help("leave the others out"));
            }
        } else {
            columns.push(column(cursor)?);
        }
        if cursor.accept(&Token::RParen) {
            break;
        }
        if !cursor.accept(&Token::Comma) {
            return Err(behind_column(cursor));
        }
    }
    cursor.expect_word("with")?;
    let options = options::parse(cursor)?;
    end(cursor)?;
    Ok(SourceDef { name, columns, watermark, options })
}

fn column(cursor: &mut Cursor) -> Checked<ColumnDef> {
    let constraint = [["primary", "key"], ["foreign", "key"]].iter().any(|words| cursor.at_words(words));
    if constraint || cursor.at_word("constraint") {
        return Err(
            Problem::new(cursor.span(), "a source has no keys and no constraints").help("leave it out")
        );
    }
    let name = cursor.name("the name of a column")?;
    let start = cursor.span();
    if matches!(cursor.peek(), Token::Comma | Token::RParen) {
        return Err(Problem::new(name.span, format!("the column `{}` has no type", name.text))
            .help("the types are TEXT, DOUBLE, BIGINT, BOOLEAN and TIMESTAMP"));
    }
    if cursor.at_word("as") || cursor.at_word("generated") {
        return Err(behind_column(cursor));
    }
    let spelling = cursor.data_type()?;
    let data_type = data_type(&spelling, cursor.since(start))?;
    let path = if cursor.accept_word("path") { path(cursor)? } else { vec![name.text.clone()] };
    Ok(ColumnDef { name, data_type, path })
}

/// `'usage.total_tokens'`: the fields that lead to the value, outermost first.
fn path(cursor: &mut Cursor) -> Checked<Vec<String>> {
    let span = cursor.span();
    let text = cursor.text("a path in quotes, such as 'usage.total_tokens'")?;
    let help = "name the fields that lead to the value, outermost first: 'usage.total_tokens'";
    if text.starts_with("$.") || text.contains('[') {
        return Err(Problem::new(span, "a PATH is no JSONPath").help(help));
    }
    let fields: Vec<String> = text.split('.').map(str::to_owned).collect();
    if fields.iter().any(String::is_empty) {
        return Err(Problem::new(span, "a field of the PATH is empty").help(help));
    }
    Ok(fields)
}

fn watermark_for(cursor: &mut Cursor) -> Checked<WatermarkDef> {
    let column = cursor.name("the column with the event time")?;
    cursor.expect_word("as")?;
    let again = cursor.name("the same column")?;
    if !again.means(&column.text) && !column.means(&again.text) {
        return Err(Problem::new(
            again.span,
            format!("the watermark of `{}` follows that column itself", column.text),
        )
        .help(format!("write WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND", column.text)));
    }
    if !cursor.accept(&Token::Minus) {
        return Ok(WatermarkDef { column, delay_us: 0 });
    }
    let start = cursor.span();
    let delay_us = options::interval(cursor)?;
    let span: Span = cursor.since(start);
    if delay_us < 0 {
        return Err(Problem::new(span, "the delay of a watermark cannot be negative")
            .help("write how late events may come: INTERVAL '5' SECOND"));
    }
    Ok(WatermarkDef { column, delay_us })
}

fn behind_column(cursor: &Cursor) -> Box<Problem> {
    let foreign = [
        ("not", "columns of a source can always be NULL: a missing field is NULL", "leave out NOT NULL"),
        ("null", "columns of a source can always be NULL", "leave out NULL"),
        ("primary", "a source has no keys", "leave out PRIMARY KEY"),
        (
            "default",
            "a missing field is NULL",
            "leave out DEFAULT and write coalesce(column, value) in the query",
        ),
        (
            "as",
            "a source has no computed columns",
            "compute it in the query, or name a field with PATH 'a.b'",
        ),
        ("generated", "a source has no computed columns", "compute it in the query"),
        ("metadata", "columns from a record's metadata are not in the language yet", "leave the column out"),
        ("from", "columns from a record's metadata are not in the language yet", "leave the column out"),
    ];
    match foreign.iter().find(|(word, ..)| cursor.at_word(word)) {
        Some((_, message, help)) => Problem::new(cursor.span(), *message).help(*help),
        None => cursor.unexpected("`,` or `)`"),
    }
}
