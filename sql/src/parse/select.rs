//! `SELECT items FROM ... [WHERE] [GROUP BY] [HAVING] [EMIT ON ...] [ALLOW LATENESS ...] [LATE DATA TO ...]`.

use sqlparser::ast::Expr;
use sqlparser::tokenizer::{Span, Token};

use super::cursor::{Cursor, is_word};
use super::from::{self, From};
use super::grouping::{self, GroupBy};
use super::name::Name;
use super::order::{self, OrderBy};
use super::refused;
use crate::error::{Checked, Problem};

/// A query as it was written.
#[derive(Clone, Debug)]
pub(crate) struct Select {
    /// WITH: queries that this one may read by name.
    pub(crate) with: Vec<NamedQuery>,
    /// SELECT DISTINCT: where the word stands.
    pub(crate) distinct: Option<Span>,
    pub(crate) items: Vec<Item>,
    pub(crate) from: From,
    pub(crate) filter: Option<Written>,
    pub(crate) group_by: GroupBy,
    pub(crate) having: Option<Written>,
    pub(crate) order_by: Option<OrderBy>,
    /// EMIT ON UPDATE EVERY, in microseconds.
    pub(crate) updates: Option<(i64, Span)>,
    /// ALLOW LATENESS, in microseconds.
    pub(crate) lateness: Option<(i64, Span)>,
    /// LATE DATA TO: the name of a sink.
    pub(crate) late_to: Option<Name>,
    /// `INSERT INTO sink (a, b)`: the names of the result's columns, in their order.
    pub(crate) names: Option<Vec<Name>>,
    /// From SELECT to the end.
    pub(crate) span: Span,
}

/// `name AS (SELECT ...)` in WITH.
#[derive(Clone, Debug)]
pub(crate) struct NamedQuery {
    pub(crate) name: Name,
    pub(crate) select: Select,
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
const UPDATES: &str = "write EMIT ON UPDATE EVERY INTERVAL '10' SECOND";
const LATENESS: &str = "write ALLOW LATENESS INTERVAL '10' MINUTE";
const LATE_TO: &str = "write LATE DATA TO sink";
const CLAUSES: &str = "a query is SELECT ... FROM ... WHERE ... GROUP BY ... HAVING ... ORDER BY ... LIMIT ... EMIT ON ... ALLOW LATENESS ... LATE DATA TO ..., each once, and ends with `;`";

const NAMED: &str = "write WITH name AS (SELECT ... FROM source) SELECT ... FROM name";

pub(super) fn parse(cursor: &mut Cursor) -> Checked<Select> {
    let select = query(cursor)?;
    if !cursor.at_end() {
        return Err(refused::clause(cursor).unwrap_or_else(|| cursor.unexpected("`;`")).or_help(CLAUSES));
    }
    Ok(select)
}

/// A query in parentheses, behind the opening one.
pub(super) fn parse_inner(cursor: &mut Cursor) -> Checked<Select> {
    let select = query(cursor)?;
    match cursor.accept(&Token::RParen) {
        true => Ok(select),
        false => Err(refused::clause(cursor).unwrap_or_else(|| cursor.unexpected("`)`")).or_help(CLAUSES)),
    }
}

/// A query with its WITH, as far as it goes.
fn query(cursor: &mut Cursor) -> Checked<Select> {
    let start = cursor.span();
    let mut with = Vec::new();
    if cursor.accept_word("with") {
        if cursor.at_word("recursive") {
            return Err(Problem::new(cursor.span(), "a query cannot read itself").help(NAMED));
        }
        with = list(cursor, named).map_err(|problem| problem.or_help(NAMED))?;
    }
    let select = single(cursor)?;
    Ok(Select { with, span: cursor.since(start), ..select })
}

fn named(cursor: &mut Cursor) -> Checked<NamedQuery> {
    let name = cursor.name("the name of a query")?;
    if *cursor.peek() == Token::LParen {
        return Err(Problem::new(cursor.span(), "a query takes its column names from its SELECT")
            .help("name them there with AS"));
    }
    cursor.expect_word("as")?;
    cursor.expect(&Token::LParen)?;
    parse_inner(cursor).map(|select| NamedQuery { name, select })
}

fn single(cursor: &mut Cursor) -> Checked<Select> {
    let start = cursor.span();
    if !cursor.at_word("select") {
        return Err(refused::statement(cursor).unwrap_or_else(|| cursor.unexpected("SELECT")));
    }
    cursor.advance();
    let distinct = distinct(cursor);
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
        grouping::parse(cursor).map_err(|problem| problem.or_help(GROUP_BY))?
    } else {
        GroupBy::default()
    };
    let having = condition(cursor, "having").map_err(|problem| problem.or_help(HAVING))?;
    let order_by = order::parse(cursor)?;
    let updates = updates(cursor)?;
    let lateness = lateness(cursor)?;
    let late_to = match cursor.accept_words(&["late", "data", "to"]) {
        true => Some(cursor.name("the name of a sink").map_err(|problem| problem.or_help(LATE_TO))?),
        false => None,
    };
    Ok(Select {
        with: Vec::new(),
        distinct,
        items,
        from,
        filter,
        group_by,
        having,
        order_by,
        updates,
        lateness,
        late_to,
        names: None,
        span: cursor.since(start),
    })
}

/// `EMIT ON UPDATE EVERY INTERVAL ...`, if it comes next; `EMIT ON WINDOW CLOSE` is what holds without it.
fn updates(cursor: &mut Cursor) -> Checked<Option<(i64, Span)>> {
    if cursor.accept_words(&["emit", "on", "window", "close"])
        || !cursor.accept_words(&["emit", "on", "update"])
    {
        return Ok(None);
    }
    cursor.expect_word("every").map_err(|problem| problem.or_help(UPDATES))?;
    interval(cursor, "EVERY", UPDATES).map(Some)
}

/// `ALLOW LATENESS INTERVAL ...`, if it comes next.
fn lateness(cursor: &mut Cursor) -> Checked<Option<(i64, Span)>> {
    if !cursor.accept_words(&["allow", "lateness"]) {
        return Ok(None);
    }
    interval(cursor, "ALLOW LATENESS", LATENESS).map(Some)
}

/// The interval of a clause, in microseconds.
fn interval(cursor: &mut Cursor, clause: &str, help: &str) -> Checked<(i64, Span)> {
    let start = cursor.span();
    if !cursor.at_word("interval") {
        return Err(cursor.unexpected("INTERVAL").help(help));
    }
    match cursor.expr().map_err(|problem| problem.or_help(help))? {
        Expr::Interval(interval) => {
            let span = cursor.since(start);
            from::microseconds(&interval, span).map(|micros| (micros, span))
        }
        _ => Err(Problem::new(start, format!("{clause} takes an INTERVAL")).help(help)),
    }
}

/// DISTINCT, unless it is the name of a column.
fn distinct(cursor: &mut Cursor) -> Option<Span> {
    let behind = cursor.peek_nth(1);
    let is_column = matches!(behind, Token::Comma | Token::Period | Token::EOF) || is_word(behind, "from");
    let span = cursor.span();
    (!is_column && cursor.accept_word("distinct")).then_some(span)
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

pub(super) fn written(cursor: &mut Cursor) -> Checked<Written> {
    let start = cursor.span();
    let expr = cursor.expr()?;
    Ok(Written { expr, span: cursor.since(start) })
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
