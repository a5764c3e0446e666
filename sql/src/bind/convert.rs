//! Types of operands: what fits together, and the casts that make it so.

use sqlparser::tokenizer::Span;
use streamgauge_functions as functions;

use super::refused::{NUMBER_AS_TIME, TIME_AS_NUMBER};
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::types::{DataType, Value};

/// A bound expression, and what is open about its type.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) expr: Expr,
    pub(crate) kind: BoundKind,
}

/// What the place of an expression may still make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BoundKind {
    /// Its type is known.
    Typed,
    /// The literal NULL: of the type of its neighbours.
    Null,
    /// A text literal: becomes a timestamp, a number or a boolean beside one.
    Text,
    /// An INTERVAL: stands beside timestamps and their differences only.
    Interval,
    /// The difference of two timestamps: a BIGINT of microseconds that can be compared with an INTERVAL.
    Elapsed,
}

impl Bound {
    pub(super) fn typed(node: Node, data_type: DataType) -> Self {
        Self { expr: Expr { node, data_type }, kind: BoundKind::Typed }
    }

    pub(super) fn literal(value: Value, kind: BoundKind) -> Self {
        let data_type = value.data_type().unwrap_or(DataType::Text);
        Self { expr: Expr { node: Node::Literal(value), data_type }, kind }
    }

    fn known(&self) -> Option<DataType> {
        matches!(self.kind, BoundKind::Typed | BoundKind::Elapsed).then_some(self.expr.data_type)
    }

    /// The type in words of an error.
    pub(super) fn describe(&self) -> String {
        match self.kind {
            BoundKind::Null => "NULL".to_owned(),
            BoundKind::Interval => "INTERVAL".to_owned(),
            _ => self.expr.data_type.to_string(),
        }
    }
}

/// The type in which these values can stand beside each other; `what` names the place in the error.
pub(super) fn common_type(bounds: &[&Bound], what: &str, span: Span) -> Checked<DataType> {
    let is_interval = |bound: &&Bound| bound.kind == BoundKind::Interval;
    let beside_interval =
        |bound: &&Bound| matches!(bound.kind, BoundKind::Interval | BoundKind::Elapsed | BoundKind::Null);
    if bounds.iter().any(is_interval) {
        if bounds.iter().any(|bound| bound.kind == BoundKind::Elapsed) && bounds.iter().all(beside_interval) {
            return Ok(DataType::Int64);
        }
        return Err(misplaced_interval(span));
    }
    let mut found: Option<DataType> = None;
    for next in bounds.iter().filter_map(|bound| bound.known()) {
        found = Some(match (found, next) {
            (None, next) => next,
            (Some(before), next) if before == next => next,
            (Some(DataType::Int64), DataType::Float64) | (Some(DataType::Float64), DataType::Int64) => {
                DataType::Float64
            }
            (Some(before), next) => return Err(mismatch(before, next, what, span)),
        });
    }
    Ok(found.unwrap_or(DataType::Text))
}

pub(super) fn misplaced_interval(span: Span) -> Box<Problem> {
    Problem::new(
        span,
        "an INTERVAL can only be added to or taken from a TIMESTAMP, or compared with a difference of two",
    )
    .help("write it like `ts + INTERVAL '5' MINUTE`")
}

fn mismatch(a: DataType, b: DataType, what: &str, span: Span) -> Box<Problem> {
    let problem = Problem::new(span, format!("{what} {a} and {b}, which do not fit together"));
    let help = match (a, b) {
        (DataType::Text, other) | (other, DataType::Text) => {
            format!("convert one of them: CAST(... AS {other})")
        }
        (DataType::Timestamp, _) | (_, DataType::Timestamp) => {
            "a time stands beside times, such as TIMESTAMP '2026-01-01T00:00:00Z'; a number of a source becomes one by \
             TIMESTAMP FORMAT 'unix_s'"
                .to_owned()
        }
        (DataType::Boolean, _) | (_, DataType::Boolean) => {
            "write CASE WHEN condition THEN 1 WHEN NOT condition THEN 0 END for the BOOLEAN".to_owned()
        }
        _ => format!("convert one of them: CAST(... AS {a})"),
    };
    problem.help(help)
}

/// Makes `bound` a value of `target`: a literal at once, a column by a cast that loses nothing of note.
pub(super) fn coerce(bound: Bound, target: DataType, span: Span) -> Checked<Expr> {
    let Bound { expr, kind } = bound;
    let done = |node| Ok(Expr { node, data_type: target });
    match (kind, expr.node) {
        (BoundKind::Interval, node) if target == DataType::Int64 => done(node),
        (BoundKind::Interval, _) => Err(misplaced_interval(span)),
        (BoundKind::Null, node) => done(node),
        (BoundKind::Text, Node::Literal(Value::Text(text))) => {
            done(Node::Literal(literal(text, target, span)?))
        }
        (_, node) if expr.data_type == target => done(node),
        (_, Node::Literal(Value::Int64(number))) if target == DataType::Float64 => {
            done(Node::Literal(Value::Float64(to_double(number))))
        }
        (_, node) if (expr.data_type, target) == (DataType::Int64, DataType::Float64) => {
            let data_type = expr.data_type;
            done(Node::Cast(Box::new(Expr { node, data_type })))
        }
        _ => Err(wrong_type(expr.data_type, target, span)),
    }
}

fn wrong_type(found: DataType, target: DataType, span: Span) -> Box<Problem> {
    let problem = Problem::new(span, format!("expected {target}, found {found}"));
    match (found, target) {
        (_, DataType::Boolean) => problem.help("write a condition, such as `x > 0`"),
        _ => match no_cast(found, target) {
            Some(help) => problem.help(help),
            None => problem.help(format!("convert it: CAST(... AS {target})")),
        },
    }
}

#[expect(clippy::cast_precision_loss, reason = "the conversion of BIGINT to DOUBLE rounds")]
fn to_double(number: i64) -> f64 {
    number as f64
}

/// A text literal as a value of another type.
fn literal(text: String, target: DataType, span: Span) -> Checked<Value> {
    let bytes = text.as_bytes();
    let value = match target {
        DataType::Text => return Ok(Value::Text(text)),
        DataType::Timestamp => return timestamp(&text, span).map(Value::Timestamp),
        DataType::Int64 => functions::parse_i64(bytes).map(Value::Int64),
        DataType::Float64 => functions::parse_f64(bytes).map(Value::Float64),
        DataType::Boolean => functions::parse_boolean(bytes).map(Value::Boolean),
    };
    value.map_err(|_| {
        let problem = Problem::new(span, format!("'{text}' is no {target}"));
        match target {
            DataType::Boolean => problem.help("write TRUE or FALSE"),
            _ => problem.help("write a number, without quotes"),
        }
    })
}

/// RFC 3339; without a zone it is UTC, without a time the day's first instant.
pub(crate) fn timestamp(text: &str, span: Span) -> Checked<i64> {
    let trimmed = text.trim();
    let spellings =
        [trimmed.to_owned(), format!("{trimmed}Z"), format!("{trimmed}T00:00:00Z"), format!("{trimmed}:00Z")];
    spellings.iter().find_map(|text| functions::parse_timestamp(text.as_bytes()).ok()).ok_or_else(|| {
        Problem::new(span, format!("'{text}' is no TIMESTAMP"))
            .help("write it like TIMESTAMP '2026-01-01T00:05:00Z'")
    })
}

/// An explicit CAST.
pub(super) fn cast(bound: Bound, target: DataType, span: Span) -> Checked<Expr> {
    let source = bound.expr.data_type;
    let done = |node| Ok(Expr { node, data_type: target });
    match bound.kind {
        BoundKind::Null => done(bound.expr.node),
        BoundKind::Interval => Err(misplaced_interval(span)),
        _ if source == target => Ok(bound.expr),
        _ => match no_cast(source, target) {
            None => done(Node::Cast(Box::new(bound.expr))),
            Some(help) => Err(Problem::new(span, format!("{source} cannot be cast to {target}")).help(help)),
        },
    }
}

/// What to write where there is no cast; none where there is one.
fn no_cast(source: DataType, target: DataType) -> Option<&'static str> {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    match (source, target) {
        (source, target) if source == target => None,
        (Text, _) | (_, Text) | (Int64, Float64) | (Float64, Int64) => None,
        (Boolean, Timestamp) | (Timestamp, Boolean) => Some("a BOOLEAN is no time"),
        (Boolean, _) => Some("write CASE WHEN condition THEN 1 WHEN NOT condition THEN 0 END"),
        (_, Boolean) => Some("write a condition, such as `x <> 0`"),
        (_, Timestamp) => Some(NUMBER_AS_TIME),
        (Timestamp, _) => Some(TIME_AS_NUMBER),
        (Int64 | Float64, Int64 | Float64) => None,
    }
}

/// The expression where no neighbour says more about its type.
pub(super) fn settle(bound: Bound, span: Span) -> Checked<Expr> {
    if bound.kind == BoundKind::Interval { Err(misplaced_interval(span)) } else { Ok(bound.expr) }
}
