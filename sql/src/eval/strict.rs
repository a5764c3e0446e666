//! The nodes that are NULL where an operand is NULL: operators, casts and functions of values.

use std::cmp::Ordering;

use streamgauge_functions::{self as functions, Failure, cast, float, integer, round, text, timestamp};

use crate::expr::{Arithmetic, Comparison, Function};
use crate::types::{DataType, Value};

type Result<T> = std::result::Result<T, Failure>;

/// `- a`
pub(super) fn negate(a: Value) -> Result<Value> {
    match a {
        Value::Null => Ok(Value::Null),
        Value::Int64(a) => integer::negate(a).map(Value::Int64),
        Value::Float64(a) => Ok(Value::Float64(float::canonical(-a))),
        a => unreachable!("- {a:?} passed the binder"),
    }
}

/// `NOT a`
pub(super) fn not(a: Value) -> Value {
    match a {
        Value::Null => Value::Null,
        Value::Boolean(a) => Value::Boolean(!a),
        a => unreachable!("NOT {a:?} passed the binder"),
    }
}

/// `a + b` and its like; `returns` tells a TIMESTAMP from a BIGINT.
pub(super) fn arithmetic(operator: Arithmetic, a: Value, b: Value, returns: DataType) -> Result<Value> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Float64(a), Value::Float64(b)) => {
            let operate = match operator {
                Arithmetic::Add => float::add,
                Arithmetic::Subtract => float::subtract,
                Arithmetic::Multiply => float::multiply,
                Arithmetic::Divide => float::divide,
                Arithmetic::Remainder => float::remainder,
            };
            operate(a, b).map(Value::Float64)
        }
        (Value::Int64(a) | Value::Timestamp(a), Value::Int64(b) | Value::Timestamp(b)) => {
            let operate = match operator {
                Arithmetic::Add => integer::add,
                Arithmetic::Subtract => integer::subtract,
                Arithmetic::Multiply => integer::multiply,
                Arithmetic::Divide => integer::divide,
                Arithmetic::Remainder => integer::remainder,
            };
            let result = operate(a, b)?;
            match returns {
                DataType::Timestamp => timestamp::in_range(result).map(Value::Timestamp),
                _ => Ok(Value::Int64(result)),
            }
        }
        (a, b) => unreachable!("{operator:?} of {a:?} and {b:?} passed the binder"),
    }
}

/// `a = b` and its like.
pub(super) fn compare(comparison: Comparison, a: &Value, b: &Value) -> Value {
    let Some(ordering) = order(a, b) else { return Value::Null };
    Value::Boolean(match comparison {
        Comparison::Equal => ordering.is_eq(),
        Comparison::NotEqual => ordering.is_ne(),
        Comparison::Less => ordering.is_lt(),
        Comparison::LessOrEqual => ordering.is_le(),
        Comparison::Greater => ordering.is_gt(),
        Comparison::GreaterOrEqual => ordering.is_ge(),
    })
}

/// Whether two values are equal; none if one is NULL.
pub(super) fn equal(a: &Value, b: &Value) -> Option<bool> {
    order(a, b).map(Ordering::is_eq)
}

/// `a IS NOT DISTINCT FROM b`
pub(super) fn same(a: &Value, b: &Value) -> bool {
    equal(a, b).unwrap_or(*a == Value::Null && *b == Value::Null)
}

fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        (Value::Int64(a), Value::Int64(b)) | (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Float64(a), Value::Float64(b)) => Some(float::order(*a, *b)),
        (Value::Text(a), Value::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (a, b) => unreachable!("a comparison of {a:?} with {b:?} passed the binder"),
    }
}

/// `text LIKE pattern`
pub(super) fn like(text: Value, pattern: Value) -> Result<Value> {
    match (text, pattern) {
        (Value::Null, _) | (_, Value::Null) => Ok(Value::Null),
        (Value::Text(text), Value::Text(pattern)) => {
            functions::like(text.as_bytes(), pattern.as_bytes()).map(Value::Boolean)
        }
        (text, pattern) => unreachable!("{text:?} LIKE {pattern:?} passed the binder"),
    }
}

/// `CAST(a AS to)`
pub(super) fn cast(a: Value, to: DataType) -> Result<Value> {
    match (a, to) {
        (Value::Null, _) => Ok(Value::Null),
        (a, to) if a.data_type() == Some(to) => Ok(a),
        (Value::Boolean(a), DataType::Int64) => Ok(Value::Int64(i64::from(a))),
        (Value::Int64(a), DataType::Boolean) => Ok(Value::Boolean(a != 0)),
        (Value::Int64(a), DataType::Float64) => Ok(Value::Float64(a as f64)),
        (Value::Float64(a), DataType::Int64) => cast::f64_to_i64(a).map(Value::Int64),
        (Value::Int64(a), DataType::Timestamp) => Ok(Value::Timestamp(a)),
        (Value::Timestamp(a), DataType::Int64) => Ok(Value::Int64(a)),
        (Value::Text(a), DataType::Boolean) => cast::parse_boolean(a.as_bytes()).map(Value::Boolean),
        (Value::Text(a), DataType::Int64) => cast::parse_i64(a.as_bytes()).map(Value::Int64),
        (Value::Text(a), DataType::Float64) => cast::parse_f64(a.as_bytes()).map(Value::Float64),
        (Value::Text(a), DataType::Timestamp) => {
            timestamp::parse_timestamp(a.as_bytes().trim_ascii()).map(Value::Timestamp)
        }
        (Value::Boolean(a), DataType::Text) => Ok(written(|out| cast::format_boolean(a, out))),
        (Value::Int64(a), DataType::Text) => Ok(written(|out| cast::format_i64(a, out))),
        (Value::Float64(a), DataType::Text) => Ok(written(|out| cast::format_f64(a, out))),
        (Value::Timestamp(a), DataType::Text) => Ok(written(|out| timestamp::format_timestamp(a, out))),
        (a, to) => unreachable!("a cast of {a:?} to {to} passed the binder"),
    }
}

/// `function(arguments)`
pub(super) fn call(function: Function, arguments: &[Value]) -> Result<Value> {
    if arguments.contains(&Value::Null) {
        return Ok(Value::Null);
    }
    match (function, arguments) {
        (Function::Lower, [Value::Text(a)]) => Ok(written(|out| text::lower(a.as_bytes(), out))),
        (Function::Upper, [Value::Text(a)]) => Ok(written(|out| text::upper(a.as_bytes(), out))),
        (Function::Length, [Value::Text(a)]) => Ok(Value::Int64(text::length(a.as_bytes()))),
        (Function::Concat, [Value::Text(a), Value::Text(b)]) => Ok(Value::Text(a.clone() + b)),
        (Function::Trim, [Value::Text(a), Value::Text(of)]) => {
            Ok(part(text::trim(a.as_bytes(), of.as_bytes())))
        }
        (Function::TrimStart, [Value::Text(a), Value::Text(of)]) => {
            Ok(part(text::trim_start(a.as_bytes(), of.as_bytes())))
        }
        (Function::TrimEnd, [Value::Text(a), Value::Text(of)]) => {
            Ok(part(text::trim_end(a.as_bytes(), of.as_bytes())))
        }
        (Function::SplitPart, [Value::Text(a), Value::Text(separator), Value::Int64(number)]) => {
            text::split_part(a.as_bytes(), separator.as_bytes(), *number).map(part)
        }
        (Function::LikeEscape, [Value::Text(pattern), Value::Text(escape)]) => {
            let mut out = Vec::new();
            functions::like_escape(pattern.as_bytes(), escape.as_bytes(), &mut out).map(|()| part(&out))
        }
        (Function::Abs, [Value::Int64(a)]) => integer::abs(*a).map(Value::Int64),
        (Function::Abs, [Value::Float64(a)]) => Ok(Value::Float64(float::canonical(a.abs()))),
        (Function::Round, [Value::Float64(a)]) => Ok(Value::Float64(round::round(*a))),
        (Function::RoundTo, [Value::Float64(a), Value::Int64(digits)]) => {
            round::round_to(*a, *digits).map(Value::Float64)
        }
        (Function::Floor, [Value::Float64(a)]) => Ok(Value::Float64(float::canonical(a.floor()))),
        (Function::Trunc, [Value::Float64(a)]) => Ok(Value::Float64(round::trunc(*a))),
        (Function::Library(function), arguments) => super::library::call(function, arguments),
        (Function::Ceil, [Value::Float64(a)]) => Ok(Value::Float64(float::canonical(a.ceil()))),
        (function, arguments) => unreachable!("{function:?} of {arguments:?} passed the binder"),
    }
}

pub(super) fn part(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

/// The text that `write` writes.
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    Value::Text(String::from_utf8_lossy(&out).into_owned())
}
