//! `CREATE TABLE name (columns, one of them PRIMARY KEY) WITH (...)`: reference data.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::name::Name;
use super::options::OptionDef;
use super::source::{self, ColumnDef};
use crate::error::{Checked, Problem};
use crate::errors::Errors;

/// A table as it was written.
#[derive(Clone, Debug)]
pub(crate) struct TableDef {
    pub(crate) name: Name,
    pub(crate) columns: Vec<ColumnDef>,
    /// The names in PRIMARY KEY, each with its place; a table has one.
    pub(crate) keys: Vec<Name>,
    pub(crate) options: Vec<OptionDef>,
    /// What is wrong with its columns, which are then not all there.
    pub(crate) wrong: Option<Box<Problem>>,
}

/// How a table is written.
pub(crate) const USAGE: &str = "write CREATE TABLE name (key TYPE PRIMARY KEY, column TYPE, ...) WITH (connector = 'file', path = 'name.csv', format = 'csv')";

pub(super) fn parse(cursor: &mut Cursor) -> Checked<TableDef> {
    let name = cursor.name("the name of the table")?;
    if cursor.at_word("as") {
        return Err(Problem::new(cursor.span(), "a table is read from a file, not made by a query")
            .help("for a query write CREATE VIEW name AS SELECT ..."));
    }
    cursor.expect(&Token::LParen)?;
    let (mut columns, mut keys, mut wrong) = (Vec::new(), Vec::new(), Errors::default());
    loop {
        let index = cursor.index();
        if let Some(column) =
            wrong.keep(element(cursor, &mut keys).map_err(|problem| problem.or_help(USAGE))).flatten()
        {
            columns.push(column);
        } else if !matches!(cursor.peek(), Token::Comma | Token::RParen) {
            cursor.skip_element(index);
        }
        if !cursor.accept(&Token::Comma) {
            break;
        }
    }
    if !cursor.accept(&Token::RParen) {
        return Err(wrong.or(cursor.unexpected("`)`")));
    }
    let options = source::options(cursor);
    match (wrong.end(), options) {
        (wrong, Ok(options)) => Ok(TableDef { name, columns, keys, options, wrong: wrong.err() }),
        (Ok(()), Err(problem)) => Err(problem),
        (Err(wrong), Err(problem)) => Err(wrong.and(*problem)),
    }
}

/// What stands between the commas of a table: a column, or PRIMARY KEY (column).
fn element(cursor: &mut Cursor, keys: &mut Vec<Name>) -> Checked<Option<ColumnDef>> {
    if cursor.at_words(&["watermark", "for"]) {
        return Err(Problem::new(cursor.span(), "a table has no event time")
            .help("leave WATERMARK out; if its rows are events, write CREATE SOURCE"));
    }
    if cursor.accept_words(&["primary", "key"]) {
        cursor.expect(&Token::LParen)?;
        keys.extend(super::select::list(cursor, |cursor| cursor.name("the column of the key"))?);
        cursor.expect(&Token::RParen)?;
        not_enforced(cursor);
        return ends(cursor).map(|()| None);
    }
    let column = source::column(cursor)?;
    let span: Span = cursor.span();
    if cursor.accept_words(&["primary", "key"]) {
        keys.push(Name { span: cursor.since(span), ..column.name.clone() });
        not_enforced(cursor);
    }
    ends(cursor).map(|()| Some(column))
}

/// As other systems want it. Here keys are looked at whenever the table is read.
fn not_enforced(cursor: &mut Cursor) {
    let _is_there = cursor.accept_words(&["not", "enforced"]);
}

fn ends(cursor: &Cursor) -> Checked<()> {
    let foreign = [
        ("not", "columns of a table can be NULL, except the key", "leave out NOT NULL"),
        ("null", "columns of a table can be NULL, except the key", "leave out NULL"),
        ("unique", "only the key of a table is unique", "leave out UNIQUE"),
        ("default", "a field that is not there is NULL", "write coalesce(column, value) in the query"),
        ("references", "a table has no foreign keys", "leave it out"),
    ];
    match cursor.peek() {
        Token::Comma | Token::RParen => Ok(()),
        _ => Err(match foreign.iter().find(|(word, ..)| cursor.at_word(word)) {
            Some((_, message, help)) => Problem::new(cursor.span(), *message).help(*help),
            None => cursor.unexpected("`,` or `)`"),
        }),
    }
}
