//! The reference interpreter: what an expression means, one row at a time.
//!
//! It folds constants, and it is the oracle of the generated code: it is written to be obviously right, not fast.

mod strict;
mod library;

use streamgauge_functions::Failure as Cause;

use crate::expr::{Code, Comparison, Expr, Failure, Node};
use crate::types::Value;

/// What a row comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The filter is false or NULL.
    Dropped,
    /// The row is kept, with its computed columns.
    Kept(Vec<Value>),
    /// An expression has no value; the row is not kept.
    Failed {
        /// Why.
        code: Failure,
        /// Which: the filter first, if there is one, then the computed columns in order.
        expression: u32,
    },
}

/// What `code` makes of a row, given by its columns.
pub fn run(code: &Code, columns: &dyn Fn(usize) -> Value) -> Outcome {
    if let Some(filter) = &code.filter {
        match evaluate(filter, columns) {
            Ok(Value::Boolean(true)) => {}
            Ok(_) => return Outcome::Dropped,
            Err(code) => return Outcome::Failed { code, expression: 0 },
        }
    }
    let mut computed = Vec::with_capacity(code.computed.len());
    for (expr, expression) in code.computed.iter().zip(u32::from(code.filter.is_some())..) {
        match evaluate(expr, columns) {
            Ok(value) => computed.push(value),
            Err(code) => return Outcome::Failed { code, expression },
        }
    }
    Outcome::Kept(computed)
}

/// The value of `expr` at a row, given by its columns.
///
/// # Panics
/// Where the expression is not well typed: the binder makes no other.
pub fn evaluate(expr: &Expr, columns: &dyn Fn(usize) -> Value) -> Result<Value, Failure> {
    let value = |expr: &Expr| evaluate(expr, columns);
    match &expr.node {
        Node::Column(number) => Ok(columns(*number)),
        Node::Literal(literal) => Ok(literal.clone()),
        Node::And(operands) => decide(operands, false, columns),
        Node::Or(operands) => decide(operands, true, columns),
        Node::IsNull(operand) => Ok(Value::Boolean(value(operand)? == Value::Null)),
        Node::Same(a, b) => Ok(Value::Boolean(strict::same(&value(a)?, &value(b)?))),
        Node::In(operand, list) => is_in(&value(operand)?, list, columns),
        Node::Between(operand, low, high) => between(&value(operand)?, low, high, columns),
        Node::Case(branches, otherwise) => case(branches, otherwise.as_deref(), columns),
        Node::Coalesce(operands) => coalesce(operands, columns),
        Node::Greatest(operands) => extreme(operands, Comparison::Greater, columns),
        Node::Least(operands) => extreme(operands, Comparison::Less, columns),
        Node::NullIf(a, b) => {
            let (a, b) = (value(a)?, value(b)?);
            Ok(if strict::equal(&a, &b) == Some(true) { Value::Null } else { a })
        }
        Node::Negate(a) => strict::negate(value(a)?).map_err(code),
        Node::Not(a) => Ok(strict::not(value(a)?)),
        Node::Arithmetic(operator, a, b) => {
            strict::arithmetic(*operator, value(a)?, value(b)?, expr.data_type).map_err(code)
        }
        Node::Compare(comparison, a, b) => Ok(strict::compare(*comparison, &value(a)?, &value(b)?)),
        Node::Like(text, pattern) => strict::like(value(text)?, value(pattern)?).map_err(code),
        Node::Cast(a) => strict::cast(value(a)?, expr.data_type).map_err(code),
        Node::TryCast(a) => Ok(strict::cast(value(a)?, expr.data_type).unwrap_or(Value::Null)),
        Node::Call(function, arguments) => {
            let arguments = arguments.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            strict::call(*function, &arguments).map_err(code)
        }
    }
}

/// The same code, as the plan spells it.
fn code(cause: Cause) -> Failure {
    match cause {
        Cause::Overflow => Failure::Overflow,
        Cause::DivisionByZero => Failure::DivisionByZero,
        Cause::InvalidCast => Failure::InvalidCast,
        Cause::OutOfRange => Failure::OutOfRange,
    }
}

/// AND is decided by the first false, OR by the first true.
fn decide(operands: &[Expr], decisive: bool, columns: &dyn Fn(usize) -> Value) -> Result<Value, Failure> {
    let mut result = Value::Boolean(!decisive);
    for operand in operands {
        match evaluate(operand, columns)? {
            Value::Boolean(value) if value == decisive => return Ok(Value::Boolean(decisive)),
            Value::Null => result = Value::Null,
            _ => {}
        }
    }
    Ok(result)
}

fn is_in(value: &Value, list: &[Expr], columns: &dyn Fn(usize) -> Value) -> Result<Value, Failure> {
    let mut result = Value::Boolean(false);
    for item in list {
        match strict::equal(value, &evaluate(item, columns)?) {
            Some(true) => return Ok(Value::Boolean(true)),
            Some(false) => {}
            None => result = Value::Null,
        }
    }
    // An empty list holds nothing, not even NULL.
    Ok(result)
}

/// `value >= low AND value <= high`
fn between(
    value: &Value,
    low: &Expr,
    high: &Expr,
    columns: &dyn Fn(usize) -> Value,
) -> Result<Value, Failure> {
    let above = strict::compare(Comparison::GreaterOrEqual, value, &evaluate(low, columns)?);
    if above == Value::Boolean(false) {
        return Ok(above);
    }
    let below = strict::compare(Comparison::LessOrEqual, value, &evaluate(high, columns)?);
    Ok(if below == Value::Boolean(true) { above } else { below })
}

fn case(
    branches: &[(Expr, Expr)],
    otherwise: Option<&Expr>,
    columns: &dyn Fn(usize) -> Value,
) -> Result<Value, Failure> {
    for (condition, value) in branches {
        if evaluate(condition, columns)? == Value::Boolean(true) {
            return evaluate(value, columns);
        }
    }
    otherwise.map_or(Ok(Value::Null), |value| evaluate(value, columns))
}

fn coalesce(operands: &[Expr], columns: &dyn Fn(usize) -> Value) -> Result<Value, Failure> {
    for operand in operands {
        let value = evaluate(operand, columns)?;
        if value != Value::Null {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

/// The value to which no other one is `better`.
fn extreme(
    operands: &[Expr],
    better: Comparison,
    columns: &dyn Fn(usize) -> Value,
) -> Result<Value, Failure> {
    let mut best = Value::Null;
    for operand in operands {
        let value = evaluate(operand, columns)?;
        if best == Value::Null || strict::compare(better, &value, &best) == Value::Boolean(true) {
            best = value;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests;
