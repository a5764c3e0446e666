//! `SELECT items FROM ... [WHERE] [GROUP BY] [HAVING] [EMIT ON WINDOW CLOSE]`.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::{Span, Token};

use super::cursor::{Cursor, is_word};
use super::from::{self, From};
use super::name::Name;
use super::refused;
use crate::error::{Checked, Problem};

/// A query as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    pub(crate) items: Vec<Item>,
    pub(crate) from: From,
    pub(crate) filter: Option<Written>,
    pub(crate) group_by: Vec<Written>,
    pub(crate) having: Option<Written>,
    /// `INSERT INTO sink (a, b)`: the names of the result's columns, in their order.
    pub(crate) names: Option<Vec<Name>>,
    /// From SELECT to the end.
    pub(crate) span: Span,
}

/// An expression with the whole of its place.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) expr: Expr,
    pub(crate) span: Span,
}

/// One item of the SELECT list.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// `*`, or `relation.*`.
    All(Option<Name>, Span),
    /// `expression [AS name]`
    Expr(Box<Written>, Option<Name>),
}

const ITEMS: &str = "write SELECT column, expression AS name, ... FROM source";
const FROM: &str = "write FROM source, or FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)";
const WHERE: &str = "write WHERE condition, such as WHERE x > 0";
const GROUP_BY: &str = "write GROUP BY column, ...";
const HAVING: &str = "write HAVING condition, such as HAVING count(*) > 10";
const CLAUSES: &str =
    "a query is SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ..., each once, and ends with `;`";

pub(super) fn parse(cursor: &mut Cursor) -> Checked<Select> {
    let start = cursor.span();
    if !cursor.at_word("select") {
        return Err(refused::statement(cursor).unwrap_or_else(|| cursor.unexpected("SELECT")));
    }
    cursor.advance();
    if let Some(problem) = refused::behind_select(cursor) {
        return Err(problem);
    }
    let items = list(cursor, item).map_err(|problem| problem.or_help(ITEMS))?;
    if cursor.at_end() {
        return Err(cursor
            .unexpected("FROM")
            .help("a query reads a source or a view: SELECT ... FROM source"));
    }
    if !cursor.accept_word("from") {
        return Err(refused::clause(cursor)
            .unwrap_or_else(|| cursor.unexpected("`,` or FROM"))
            .or_help(ITEMS));
    }
    let from = from::parse(cursor).map_err(|problem| problem.or_help(FROM))?;
    let filter = condition(cursor, "where").map_err(|problem| problem.or_help(WHERE))?;
    let group_by = if cursor.accept_words(&["group", "by"]) {
        list(cursor, group).map_err(|problem| problem.or_help(GROUP_BY))?
    } else {
        Vec::new()
    };
    let having = condition(cursor, "having").map_err(|problem| problem.or_help(HAVING))?;
    let _default = cursor.accept_words(&["emit", "on", "window", "close"]);
    if !cursor.at_end() {
        return Err(refused::clause(cursor).unwrap_or_else(|| cursor.unexpected("`;`")).or_help(CLAUSES));
    }
    Ok(Select { items, from, filter, group_by, having, names: None, span: cursor.since(start) })
}

/// WHERE or HAVING, if it comes next.
fn condition(cursor: &mut Cursor, word: &str) -> Checked<Option<Written>> {
    if cursor.accept_word(word) { written(cursor).map(Some) } else { Ok(None) }
}

/// One or more, with commas between them.
pub(super) fn list<T>(cursor: &mut Cursor, read: impl Fn(&mut Cursor) -> Checked<T>) -> Checked<Vec<T>> {
    let mut items = vec![read(cursor)?];
    while cursor.accept(&Token::Comma) {
        items.push(read(cursor)?);
    }
    Ok(items)
}

fn item(cursor: &mut Cursor) -> Checked<Item> {
    let start = cursor.span();
    if cursor.accept(&Token::Mul) {
        return match cursor.peek() {
            Token::Comma | Token::EOF => Ok(Item::All(None, start)),
            token if is_word(token, "from") => Ok(Item::All(None, start)),
            _ => Err(cursor.unexpected("`,` or FROM")),
        };
    }
    if *cursor.peek_nth(1) == Token::Period && *cursor.peek_nth(2) == Token::Mul {
        let relation = cursor.name("the name of a source or a view")?;
        cursor.advance();
        cursor.advance();
        return Ok(Item::All(Some(relation), cursor.since(start)));
    }
    if cursor.at_word("from") {
        return Err(cursor.unexpected("a column or an expression"));
    }
    let written = written(cursor)?;
    let alias = alias(cursor, "an alias")?;
    Ok(Item::Expr(Box::new(written), alias))
}

fn written(cursor: &mut Cursor) -> Checked<Written> {
    let start = cursor.span();
    let expr = cursor.expr()?;
    Ok(Written { expr, span: cursor.since(start) })
}

fn group(cursor: &mut Cursor) -> Checked<Written> {
    if let Some(problem) = refused::group(cursor) {
        return Err(problem);
    }
    written(cursor)
}

/// `AS name`, or a name that begins no clause.
pub(super) fn alias(cursor: &mut Cursor, what: &str) -> Checked<Option<Name>> {
    if cursor.is_behind_digits() && matches!(cursor.peek(), Token::Word(_)) {
        return Err(Problem::new(cursor.span(), "a name cannot begin with digits")
            .help("write it in double quotes, or a blank behind the number"));
    }
    if cursor.accept_word("as") {
        if cursor.at_reserved() {
            let problem = cursor.unexpected(what);
            let Token::Word(word) = cursor.peek() else { return Err(problem) };
            let help = format!(
                "leave AS out or write a name; this word would be in double quotes: AS \"{}\"",
                word.value
            );
            return Err(problem.help(help));
        }
        if let Token::SingleQuotedString(text) = cursor.peek() {
            return Err(Problem::new(cursor.span(), "an alias stands in double quotes or in none")
                .help(format!("write AS \"{text}\"")));
        }
        return cursor.name(what).map(Some);
    }
    let is_name =
        matches!(cursor.peek(), Token::Word(_)) && !cursor.at_reserved() && !refused::begins_clause(cursor);
    if is_name { cursor.name(what).map(Some) } else { Ok(None) }
}
