//! `ORDER BY expression [ASC | DESC] [NULLS FIRST | NULLS LAST], ... [LIMIT n]`: the order of a window's rows.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::select::{self, Written};
use crate::error::{Checked, Problem};

/// How the rows of a window are ordered, and how many of them come.
#[derive(Clone, Debug)]
pub(crate) struct OrderBy {
    pub(crate) keys: Vec<OrderItem>,
    pub(crate) limit: Option<u32>,
    pub(crate) span: Span,
}

/// An item of ORDER BY.
#[derive(Clone, Debug)]
pub(crate) struct OrderItem {
    pub(crate) written: Written,
    pub(crate) descending: bool,
    /// As PostgreSQL has it: NULLs come last ascending and first descending.
    pub(crate) nulls_first: bool,
}

/// The most rows of a window that LIMIT may ask for.
const LIMIT_MAX: u32 = 10_000;

const ORDER_BY: &str = "write ORDER BY column DESC, ... LIMIT 10";
const LIMIT: &str = "write LIMIT and the number of rows of each window, such as LIMIT 10";

/// ORDER BY and LIMIT, if they come next.
pub(super) fn parse(cursor: &mut Cursor) -> Checked<Option<OrderBy>> {
    let start = cursor.span();
    if !cursor.accept_words(&["order", "by"]) {
        return match cursor.at_word("limit") {
            true => {
                Err(Problem::new(start, "LIMIT without ORDER BY does not say which rows of a window come")
                    .help("write ORDER BY column DESC, ... LIMIT 10 over windows; `streamgauge query --rows N` shows the first N rows of any query"))
            }
            false => Ok(None),
        };
    }
    let keys = select::list(cursor, item).map_err(|problem| problem.or_help(ORDER_BY))?;
    let limit = if cursor.accept_word("limit") { Some(limit(cursor)?) } else { None };
    Ok(Some(OrderBy { keys, limit, span: cursor.since(start) }))
}

fn item(cursor: &mut Cursor) -> Checked<OrderItem> {
    let written = select::written(cursor)?;
    let descending = cursor.accept_word("desc");
    if !descending {
        cursor.accept_word("asc");
    }
    let nulls_first = if cursor.accept_words(&["nulls", "first"]) {
        true
    } else {
        !cursor.accept_words(&["nulls", "last"]) && descending
    };
    Ok(OrderItem { written, descending, nulls_first })
}

fn limit(cursor: &mut Cursor) -> Checked<u32> {
    let Token::Number(digits, _) = cursor.peek() else {
        return Err(cursor.unexpected("a number of rows").help(LIMIT));
    };
    let (digits, span) = (digits.clone(), cursor.span());
    match digits.parse::<u32>() {
        Ok(rows) if (1..=LIMIT_MAX).contains(&rows) => {
            cursor.advance();
            Ok(rows)
        }
        _ => Err(Problem::new(span, format!("LIMIT takes 1 to {LIMIT_MAX} rows of a window")).help(LIMIT)),
    }
}
