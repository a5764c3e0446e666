//! GROUP BY: columns, GROUPING SETS, ROLLUP and CUBE.

use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::refused;
use super::select::{Written, list, written};
use crate::error::{Checked, Problem};

/// How many sets a query may have: each event is aggregated once in each.
pub(crate) const SETS_MAX: usize = 64;

/// The items of GROUP BY.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupBy {
    /// All expressions, in their order.
    pub(crate) items: Vec<Written>,
    /// Which of them are the grouping sets, by their numbers; none where there are only expressions.
    pub(crate) sets: Option<Sets>,
}

/// Grouping sets, with where they stand.
#[derive(Clone, Debug)]
pub(crate) struct Sets {
    pub(crate) list: Vec<Vec<usize>>,
    pub(crate) span: Span,
}

const USAGE: &str =
    "write GROUP BY model, ROLLUP (tier, status), or GROUPING SETS ((model, tier), (model), ())";

/// What stands behind GROUP BY.
pub(super) fn parse(cursor: &mut Cursor) -> Checked<GroupBy> {
    let start = cursor.span();
    let mut group_by = GroupBy::default();
    let (mut sets, mut are_plain) = (vec![Vec::new()], true);
    let items = &mut group_by.items;
    loop {
        let factor = match kind_at(cursor) {
            Some(kind) => {
                are_plain = false;
                grouping(cursor, kind, items).map_err(|problem| problem.or_help(USAGE))?
            }
            None if is_empty_set(cursor) => {
                cursor.advance();
                cursor.advance();
                vec![Vec::new()]
            }
            None => vec![vec![item(cursor, items)?]],
        };
        // A set of the product has what one set of each item has.
        sets = product(&sets, &factor).ok_or_else(|| too_many(cursor.since(start)))?;
        if !cursor.accept(&Token::Comma) {
            break;
        }
    }
    if cursor.at_words(&["with", "rollup"]) || cursor.at_words(&["with", "cube"]) {
        return Err(Problem::new(cursor.span(), "WITH ROLLUP and WITH CUBE are other systems' words")
            .help("write GROUP BY ROLLUP (a, b) or GROUP BY CUBE (a, b)"));
    }
    let span = cursor.since(start);
    group_by.sets = (!are_plain).then_some(Sets { list: sets, span });
    Ok(group_by)
}

/// ROLLUP, CUBE or GROUPING SETS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rollup,
    Cube,
    Sets,
}

fn kind_at(cursor: &Cursor) -> Option<Kind> {
    let is_call = *cursor.peek_nth(1) == Token::LParen;
    if is_call && cursor.at_word("rollup") {
        return Some(Kind::Rollup);
    }
    if is_call && cursor.at_word("cube") {
        return Some(Kind::Cube);
    }
    cursor.at_words(&["grouping", "sets"]).then_some(Kind::Sets)
}

/// The sets of ROLLUP (...), CUBE (...) or GROUPING SETS (...); what is in them is added to the items.
fn grouping(cursor: &mut Cursor, kind: Kind, items: &mut Vec<Written>) -> Checked<Vec<Vec<usize>>> {
    let start = cursor.span();
    cursor.advance();
    if kind == Kind::Sets {
        cursor.advance();
    }
    cursor.expect(&Token::LParen)?;
    let (mut parts, mut nested) = (Vec::new(), Vec::new());
    loop {
        match kind_at(cursor) {
            Some(inner) if kind == Kind::Sets => nested.extend(grouping(cursor, inner, items)?),
            Some(_) => return Err(cursor.unexpected("a column or columns in parentheses")),
            None if kind == Kind::Sets => nested.push(part(cursor, items)?),
            None => parts.push(part(cursor, items)?),
        }
        if !cursor.accept(&Token::Comma) {
            break;
        }
    }
    if !cursor.accept(&Token::RParen) {
        return Err(cursor.unexpected("`,` or `)`"));
    }
    let sets = match kind {
        Kind::Sets => nested,
        Kind::Rollup => {
            (0..=parts.len()).rev().map(|len| parts.iter().take(len).flatten().copied().collect()).collect()
        }
        Kind::Cube if 1_usize.checked_shl(parts.len() as u32).is_none_or(|sets| sets > SETS_MAX) => {
            return Err(too_many(cursor.since(start)));
        }
        Kind::Cube => (0..1_usize << parts.len()).map(|left_out| subset(&parts, left_out)).collect(),
    };
    if sets.len() > SETS_MAX { Err(too_many(cursor.since(start))) } else { Ok(sets) }
}

/// The parts without those whose bit is set, the last part's lowest.
fn subset(parts: &[Vec<usize>], left_out: usize) -> Vec<usize> {
    let stays = |at: usize| left_out >> (parts.len() - 1 - at) & 1 == 0;
    parts.iter().enumerate().filter(|(at, _)| stays(*at)).flat_map(|(_, part)| part).copied().collect()
}

/// `a`, `(a, b)` or `()`.
fn part(cursor: &mut Cursor, items: &mut Vec<Written>) -> Checked<Vec<usize>> {
    if *cursor.peek() != Token::LParen {
        return item(cursor, items).map(|item| vec![item]);
    }
    cursor.advance();
    if cursor.accept(&Token::RParen) {
        return Ok(Vec::new());
    }
    let first = items.len();
    items.extend(list(cursor, written)?);
    match cursor.accept(&Token::RParen) {
        true => Ok((first..items.len()).collect()),
        false => Err(cursor.unexpected("`,` or `)`")),
    }
}

fn item(cursor: &mut Cursor, items: &mut Vec<Written>) -> Checked<usize> {
    if let Some(problem) = refused::group(cursor) {
        return Err(problem);
    }
    items.push(written(cursor)?);
    Ok(items.len() - 1)
}

/// `()`: all rows in one group.
fn is_empty_set(cursor: &Cursor) -> bool {
    *cursor.peek() == Token::LParen && *cursor.peek_nth(1) == Token::RParen
}

/// Each set of the one with each of the other; none where there are too many.
fn product(left: &[Vec<usize>], right: &[Vec<usize>]) -> Option<Vec<Vec<usize>>> {
    let both = |left: &Vec<usize>, right: &Vec<usize>| left.iter().chain(right).copied().collect();
    let count = left.len().checked_mul(right.len()).filter(|&sets| sets <= SETS_MAX)?;
    let sets: Vec<Vec<usize>> =
        left.iter().flat_map(|left| right.iter().map(move |right| both(left, right))).collect();
    debug_assert_eq!(sets.len(), count, "each with each");
    Some(sets)
}

fn too_many(span: Span) -> Box<Problem> {
    Problem::new(span, format!("these are more than {SETS_MAX} grouping sets"))
        .help("each event is aggregated once in each set: name those that are needed in GROUPING SETS ((a, b), (a), ())")
}
