//! `FROM source`, `FROM view AS v`, `FROM HOP(source, ts, slide, size)` and Flink's `FROM TABLE(HOP(TABLE source, ...))`.

use sqlparser::ast::{self, Expr, UnaryOperator};
use sqlparser::tokenizer::{Span, Token};

use super::cursor::Cursor;
use super::duration;
use super::join::{self, Join};
use super::name::Name;
use super::refused;
use super::select::{self, Select};
use crate::error::{Checked, Problem};

/// Where a query reads.
#[derive(Clone, Debug)]
pub(crate) struct From {
    pub(crate) relation: Relation,
    pub(crate) alias: Option<Name>,
    /// Tables that its rows are looked up in.
    pub(crate) joins: Vec<Join>,
}

/// A relation by name, or windows over one.
#[derive(Clone, Debug)]
pub(crate) enum Relation {
    Named(Name),
    Window(WindowCall),
    /// `(SELECT ...)`
    Query(Box<Select>, Span),
}

/// `HOP(...)`, `TUMBLE(...)` and the like.
#[derive(Clone, Debug)]
pub(crate) struct WindowCall {
    pub(crate) function: Name,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) span: Span,
}

impl WindowCall {
    /// The first argument where it may name the source.
    pub(crate) fn first_name(&self) -> Option<&Name> {
        match self.arguments.first() {
            Some(Argument { value: ArgumentValue::Name(name), .. }) => Some(name),
            _ => None,
        }
    }
}

/// `[name =>] value`
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<Name>,
    pub(crate) value: ArgumentValue,
    pub(crate) span: Span,
}

/// What an argument of a window function may be.
#[derive(Clone, Debug)]
pub(crate) enum ArgumentValue {
    /// `llm_requests`, `TABLE llm_requests`, `ts`, `DESCRIPTOR(ts)`
    Name(Name),
    /// `INTERVAL ...` in microseconds.
    Interval(i64),
    /// Anything else.
    Other,
}

pub(super) fn parse(cursor: &mut Cursor) -> Checked<From> {
    if *cursor.peek() == Token::LParen {
        return subquery(cursor);
    }
    let relation = if cursor.at_word("table") && *cursor.peek_nth(1) == Token::LParen {
        cursor.advance();
        cursor.advance();
        let function = cursor.name("a window function such as HOP")?;
        let call = window(cursor, function)?;
        cursor.expect(&Token::RParen)?;
        Relation::Window(call)
    } else {
        let name = cursor.name("the name of a source or a view")?;
        match cursor.peek() {
            Token::LParen => Relation::Window(window(cursor, name)?),
            Token::Period => {
                return Err(Problem::new(cursor.span(), "sources and views have no schema")
                    .help("write the name as it stands in its CREATE statement"));
            }
            _ => Relation::Named(name),
        }
    };
    from(cursor, relation)
}

/// What stands behind the relation.
fn from(cursor: &mut Cursor, relation: Relation) -> Checked<From> {
    let alias = select::alias(cursor, "an alias")?;
    Ok(From { relation, alias, joins: join::parse(cursor)? })
}

/// `(SELECT ...) AS name`
fn subquery(cursor: &mut Cursor) -> Checked<From> {
    let start = cursor.span();
    cursor.advance();
    if !cursor.at_word("select") && !cursor.at_word("with") {
        return Err(
            Problem::new(start, "a name in FROM stands without parentheses").help("write FROM source")
        );
    }
    let select = select::parse_inner(cursor)?;
    let span = cursor.since(start);
    from(cursor, Relation::Query(Box::new(select), span))
}

fn window(cursor: &mut Cursor, function: Name) -> Checked<WindowCall> {
    cursor.expect(&Token::LParen)?;
    let mut arguments = Vec::new();
    while *cursor.peek() != Token::RParen {
        arguments.push(argument(cursor)?);
        if cursor.at_word("partition") {
            let problem = Problem::new(cursor.span(), "a window function takes no PARTITION BY");
            return Err(
                problem.help("leave it out: each group of GROUP BY has windows, or sessions, of its own")
            );
        }
        if !cursor.accept(&Token::Comma) && *cursor.peek() != Token::RParen {
            return Err(lacks_interval(cursor).unwrap_or_else(|| cursor.unexpected("`,` or `)`")));
        }
    }
    cursor.advance();
    let span = cursor.since(function.span);
    Ok(WindowCall { function, arguments, span })
}

/// `5 MINUTES` for `INTERVAL 5 MINUTES`.
fn lacks_interval(cursor: &Cursor) -> Option<Box<Problem>> {
    let Token::Word(unit) = cursor.peek() else { return None };
    duration::is_unit(&unit.value).then(|| {
        let problem = Problem::new(cursor.span(), "a duration begins with INTERVAL");
        problem.help(format!("write it like INTERVAL 5 {}", unit.value))
    })
}

fn argument(cursor: &mut Cursor) -> Checked<Argument> {
    let start = cursor.span();
    let name = match cursor.peek_nth(1) {
        Token::RArrow => {
            let name = cursor.name("the name of an argument")?;
            cursor.advance();
            Some(name)
        }
        Token::Eq | Token::Assignment => {
            let (first, equal) = (cursor.peek().clone(), cursor.peek_nth(1).clone());
            return Err(Problem::new(start, "a named argument is written with `=>`")
                .help(format!("write `{first} => ...` for `{first} {equal} ...`")));
        }
        _ => None,
    };
    let value = value(cursor)?;
    Ok(Argument { name, value, span: cursor.since(start) })
}

fn value(cursor: &mut Cursor) -> Checked<ArgumentValue> {
    let is_call = *cursor.peek_nth(1) == Token::LParen;
    if cursor.at_word("descriptor") && is_call {
        cursor.advance();
        cursor.advance();
        let name = cursor.name("the column with the event time")?;
        cursor.expect(&Token::RParen)?;
        return Ok(ArgumentValue::Name(name));
    }
    if *cursor.peek() == Token::LParen || (cursor.at_word("table") && is_call) {
        return Err(refused::subquery(cursor.span()));
    }
    if cursor.at_word("table") && matches!(cursor.peek_nth(1), Token::Word(_)) {
        cursor.advance();
        return cursor.name("the name of a source").map(ArgumentValue::Name);
    }
    let start = cursor.span();
    match cursor.expr()? {
        Expr::Identifier(ident) => Ok(ArgumentValue::Name(Name::new(&ident))),
        Expr::Interval(interval) => microseconds(&interval, cursor.since(start)).map(ArgumentValue::Interval),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match *expr {
            Expr::Interval(interval) => {
                let micros = microseconds(&interval, cursor.since(start))?;
                Ok(ArgumentValue::Interval(micros.saturating_neg()))
            }
            _ => Ok(ArgumentValue::Other),
        },
        _ => Ok(ArgumentValue::Other),
    }
}

/// The microseconds of an INTERVAL in an expression.
pub(crate) fn microseconds(interval: &ast::Interval, span: Span) -> Checked<i64> {
    let amount = match interval.value.as_ref() {
        Expr::Value(value) => match &value.value {
            ast::Value::Number(text, false) | ast::Value::SingleQuotedString(text) => Some(text.as_str()),
            _ => None,
        },
        _ => None,
    };
    let Some(amount) = amount else {
        return Err(Problem::new(span, "the amount of an INTERVAL must be a number or a text")
            .help("write it like INTERVAL '5' MINUTE"));
    };
    let unit = interval.leading_field.as_ref().map(ToString::to_string);
    duration::microseconds(amount, unit.as_deref())
        .map_err(|wrong| Problem::new(span, wrong.message).help(wrong.help))
}
