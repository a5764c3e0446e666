//! `JOIN table [AS alias] ON left.column = table.key`, behind what a query reads.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::name::Name;
use super::refused;
use super::select::{self, Written};
use crate::error::{Checked, Problem};

/// One table that a query looks up rows in.
#[derive(Clone, Debug)]
pub(crate) struct Join {
    /// Whether rows without a match go on, with NULL for the columns of the table: LEFT JOIN.
    pub(crate) keeps_unmatched: bool,
    pub(crate) table: Name,
    pub(crate) alias: Option<Name>,
    pub(crate) on: Written,
    /// From JOIN to its end.
    pub(crate) span: Span,
}

/// How a join is written.
pub(crate) const USAGE: &str = "write FROM source s LEFT JOIN table t ON s.column = t.key";

/// The joins that come next, in order.
pub(super) fn parse(cursor: &mut Cursor) -> Checked<Vec<Join>> {
    let mut joins = Vec::new();
    while let Some(keeps_unmatched) = begin(cursor)? {
        joins.push(join(cursor, keeps_unmatched).map_err(|problem| problem.or_help(USAGE))?);
    }
    Ok(joins)
}

/// The words up to JOIN; none where no join comes next.
fn begin(cursor: &mut Cursor) -> Checked<Option<bool>> {
    if let Some(problem) = refused::unnest(cursor) {
        return Err(problem);
    }
    let left = [["left", "outer", "join"].as_slice(), &["left", "join"]];
    if left.iter().any(|words| cursor.accept_words(words)) {
        return Ok(Some(true));
    }
    if cursor.accept_words(&["inner", "join"]) || cursor.accept_word("join") {
        return Ok(Some(false));
    }
    let refused: [(&str, &str, &str); 5] = [
        ("right", "RIGHT JOIN is not in the language", USAGE),
        ("full", "FULL JOIN is not in the language: a table has no rows that wait for events", USAGE),
        ("cross", "CROSS JOIN is not in the language", USAGE),
        ("natural", "NATURAL JOIN is not in the language", USAGE),
        (
            "asof",
            "ASOF JOIN is not in the language: an event meets the version of the table that is there when it is read",
            USAGE,
        ),
    ];
    if *cursor.peek() == Token::Comma {
        return Err(Problem::new(cursor.span(), "a query reads one source or one view").help(USAGE));
    }
    match refused.iter().find(|(word, ..)| cursor.at_word(word)) {
        Some((_, message, help)) => Err(Problem::new(cursor.span(), *message).help(*help)),
        None => Ok(None),
    }
}

fn join(cursor: &mut Cursor, keeps_unmatched: bool) -> Checked<Join> {
    let start = cursor.span();
    if *cursor.peek() == Token::LParen {
        return Err(Problem::new(start, "only a table can be joined, not a query").help(USAGE));
    }
    let table = cursor.name("the name of a table")?;
    if *cursor.peek() == Token::LParen {
        return Err(Problem::new(start, "only a table can be joined, not windows").help(USAGE));
    }
    if cursor.at_word("for") {
        let problem = Problem::new(cursor.span(), "FOR SYSTEM_TIME AS OF is not in the language");
        return Err(problem.help(
            "leave it out: an event meets the version of the table that is there when it is read, and meets it again in a replay",
        ));
    }
    let alias = select::alias(cursor, "an alias")?;
    if cursor.at_word("using") {
        let problem = Problem::new(cursor.span(), "USING is not in the language");
        let name = alias.as_ref().unwrap_or(&table);
        return Err(problem.help(format!("write ON source.column = {}.key", name.text)));
    }
    cursor.expect_word("on")?;
    let on = select::written(cursor)?;
    if cursor.at_word("within") {
        return Err(Problem::new(cursor.span(), "joins of two sources are not in the language yet")
            .help("let the producer put the fields into one event; a table is joined without WITHIN"));
    }
    Ok(Join { keeps_unmatched, table, alias, on, span: cursor.since(start) })
}
