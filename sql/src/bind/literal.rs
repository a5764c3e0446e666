//! Constants.

use sqlparser::ast::{self, TypedString};
use sqlparser::tokenizer::Span;

use super::convert::{self, Bound, BoundKind};
use crate::error::{Checked, Problem};
use crate::types::{DataType, Value};

pub(super) fn value(value: &ast::Value, negative: bool, span: Span) -> Checked<Bound> {
    match value {
        ast::Value::Number(digits, false) => number(digits, negative, span),
        ast::Value::SingleQuotedString(text) => {
            Ok(Bound::literal(Value::Text(text.clone()), BoundKind::Text))
        }
        ast::Value::Boolean(value) => Ok(Bound::literal(Value::Boolean(*value), BoundKind::Typed)),
        ast::Value::Null => Ok(Bound::literal(Value::Null, BoundKind::Null)),
        other => Err(Problem::new(span, format!("the constant {other} is not in the language"))
            .help("write a number, a text in single quotes, TRUE, FALSE or NULL")),
    }
}

/// Digits alone are a BIGINT, a point or an exponent makes a DOUBLE.
fn number(digits: &str, negative: bool, span: Span) -> Checked<Bound> {
    let text = if negative { format!("-{digits}") } else { digits.to_owned() };
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = text.parse().map_err(|_| {
            Problem::new(span, format!("{text} does not fit a BIGINT"))
                .help(format!("write {text}.0 for a DOUBLE"))
        })?;
        return Ok(Bound::literal(Value::Int64(number), BoundKind::Typed));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Bound::literal(Value::Float64(number), BoundKind::Typed)),
        _ => Err(Problem::new(span, format!("{text} does not fit a DOUBLE"))
            .help("the greatest DOUBLE is about 1.8e308")),
    }
}

/// `TIMESTAMP '...'` and its like.
pub(super) fn typed(literal: &TypedString, span: Span) -> Checked<Bound> {
    let data_type = crate::parse::data_type::data_type(&literal.data_type, span)?;
    let ast::Value::SingleQuotedString(text) = &literal.value.value else {
        return Err(Problem::new(span, format!("expected a text behind {data_type}")));
    };
    let text = Bound::literal(Value::Text(text.clone()), BoundKind::Text);
    let expr = convert::coerce(text, data_type, span)?;
    Ok(Bound { expr, kind: BoundKind::Typed })
}

/// What kind of value a constant is, if it is one.
pub(super) fn constant(bound: &Bound, target: DataType, span: Span) -> Option<Checked<Value>> {
    let crate::expr::Node::Literal(_) = &bound.expr.node else { return None };
    let value = convert::coerce(bound.clone(), target, span).map(|expr| match expr.node {
        crate::expr::Node::Literal(value) => value,
        _ => Value::Null,
    });
    Some(value)
}
