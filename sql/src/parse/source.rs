//! `CREATE SOURCE name (columns, WATERMARK FOR ...) WITH (...)`.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::data_type::{self, Note, TYPES};
use super::name::Name;
use super::options::{self, OptionDef};
use super::statement::end;
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::path::{self, PathStep};
use crate::types::DataType;

/// A source as it was written.
#[derive(Clone, Debug)]
pub(crate) struct SourceDef {
    pub(crate) name: Name,
    pub(crate) columns: Vec<ColumnDef>,
    pub(crate) watermark: Option<WatermarkDef>,
    pub(crate) options: Vec<OptionDef>,
    /// What is wrong with its columns, which are then not all there.
    pub(crate) wrong: Option<Box<Problem>>,
}

/// `name TYPE [PATH 'a.b'] [FORMAT 'unix_s']`
#[derive(Clone, Debug)]
pub(crate) struct ColumnDef {
    pub(crate) name: Name,
    pub(crate) data_type: DataType,
    /// What its type says elsewhere and does not mean here, with its place: `VARCHAR(64)`.
    pub(crate) note: Option<(Span, Note)>,
    pub(crate) path: Vec<PathStep>,
    /// FORMAT, with its place.
    pub(crate) format: Option<(String, Span)>,
}

/// `WATERMARK FOR ts AS ts [- INTERVAL ...]`
#[derive(Clone, Debug)]
pub(crate) struct WatermarkDef {
    pub(crate) column: Name,
    pub(crate) delay_us: i64,
}

/// How a source is written.
pub(super) const USAGE: &str = "write CREATE SOURCE name (column TYPE, ...) WITH (option = 'value', ...)";

pub(super) fn parse(cursor: &mut Cursor) -> Checked<SourceDef> {
    let name = cursor.name("the name of the source")?;
    cursor.expect(&Token::LParen)?;
    let (mut columns, mut watermark, mut wrong) = (Vec::new(), None, Errors::default());
    loop {
        let index = cursor.index();
        match wrong.keep(element(cursor).map_err(|problem| problem.or_help(USAGE))) {
            Some(Element::Column(column)) => columns.push(column),
            Some(Element::Watermark(found, span)) => {
                if watermark.replace(found).is_some() {
                    wrong.push(Problem::new(span, "a source has one WATERMARK").help("leave the others out"));
                }
            }
            None => cursor.skip_element(index),
        }
        if !cursor.accept(&Token::Comma) {
            break;
        }
    }
    if !cursor.accept(&Token::RParen) {
        return Err(wrong.or(cursor.unexpected("`)`")));
    }
    let options = options(cursor);
    match (wrong.end(), options) {
        (wrong, Ok(options)) => Ok(SourceDef { name, columns, watermark, options, wrong: wrong.err() }),
        (Ok(()), Err(problem)) => Err(problem),
        (Err(wrong), Err(problem)) => Err(wrong.and(*problem)),
    }
}

/// `WITH (...)` to the end of the statement.
pub(super) fn options(cursor: &mut Cursor) -> Checked<Vec<OptionDef>> {
    cursor.expect_word("with")?;
    let options = options::parse(cursor)?;
    end(cursor)?;
    Ok(options)
}

/// What stands between the commas of a source.
enum Element {
    Column(ColumnDef),
    /// With its place.
    Watermark(WatermarkDef, Span),
}

fn element(cursor: &mut Cursor) -> Checked<Element> {
    let start = cursor.span();
    let found = match cursor.accept_words(&["watermark", "for"]) {
        true => watermark_for(cursor).map(|found| Element::Watermark(found, cursor.since(start)))?,
        false => Element::Column(column(cursor)?),
    };
    match cursor.peek() {
        Token::Comma | Token::RParen => Ok(found),
        _ => Err(behind_column(cursor)),
    }
}

/// `name TYPE [PATH ...] [FORMAT ...]`
pub(super) fn column(cursor: &mut Cursor) -> Checked<ColumnDef> {
    let constraint = [["primary", "key"], ["foreign", "key"]].iter().any(|words| cursor.at_words(words));
    if constraint || cursor.at_word("constraint") {
        return Err(
            Problem::new(cursor.span(), "a source has no keys and no constraints").help("leave it out")
        );
    }
    let name = cursor.name("the name of a column")?;
    let start = cursor.span();
    if matches!(cursor.peek(), Token::Comma | Token::RParen) {
        return Err(Problem::new(name.span, format!("the column `{}` has no type", name.text)).help(TYPES));
    }
    if cursor.at_word("as") || cursor.at_word("generated") {
        return Err(behind_column(cursor));
    }
    if let Some(problem) = data_type::nested(cursor) {
        return Err(problem);
    }
    let spelling = cursor.data_type()?;
    if *cursor.peek() == Token::LBracket {
        return Err(Problem::new(cursor.since(start), format!("the type `{spelling}[]` is not known"))
            .help(data_type::ARRAY));
    }
    let (data_type, note) = data_type::of_column(&spelling, cursor.since(start))?;
    let note = note.map(|note| (cursor.since(start), note));
    let (mut found, mut format) = (None, None);
    loop {
        if found.is_none() && cursor.accept_word("path") {
            found = Some(path(cursor)?);
        } else if format.is_none() && cursor.at_word("format") {
            format = Some(time_format(cursor, data_type)?);
        } else {
            break;
        }
    }
    let path = found.unwrap_or_else(|| vec![name.text.as_str().into()]);
    Ok(ColumnDef { name, data_type, note, path, format })
}

/// `'usage.total_tokens'`: the steps that lead to the value, outermost first.
fn path(cursor: &mut Cursor) -> Checked<Vec<PathStep>> {
    let span = cursor.span();
    let text = cursor.text("a path in quotes, such as 'usage.total_tokens'")?;
    path::parse(&text).map_err(|wrong| Problem::new(span, wrong.message).help(wrong.help))
}

/// `FORMAT 'unix_s'`; what it means is for the binder, as the source states the zone.
fn time_format(cursor: &mut Cursor, data_type: DataType) -> Checked<(String, Span)> {
    let word = cursor.span();
    cursor.advance();
    if data_type != DataType::Timestamp {
        return Err(Problem::new(
            word,
            format!("FORMAT says how a TIMESTAMP is written, and this column is {data_type}"),
        )
        .help("declare the column as TIMESTAMP, or leave FORMAT out"));
    }
    let span = cursor.span();
    let text = cursor.text("a time format in quotes, such as 'unix_s'")?;
    Ok((text, span))
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
