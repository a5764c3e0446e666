//! Whether a node takes its operands and gives its type. The binder makes no other expression; here it is made sure that
//! a fault of the binder is an error with words, not a module that no engine takes.

use super::EncodeError;
use crate::expr::{Arithmetic, Expr, Function, Node};
use crate::types::DataType::{self, Boolean, Float64, Int64, Text, Timestamp};

/// Checks the types of a node; those of its operands, where it is their node that says them, are checked with them.
pub(super) fn check(expr: &Expr) -> Result<(), EncodeError> {
    let returns = expr.data_type;
    let fits = match &expr.node {
        Node::Column(_)
        | Node::Literal(_)
        | Node::Case(..)
        | Node::Coalesce(_)
        | Node::Greatest(_)
        | Node::Least(_) => true,
        Node::Negate(a) => a.data_type == returns && matches!(returns, Int64 | Float64),
        Node::NullIf(a, _) => a.data_type == returns,
        Node::Arithmetic(operator, a, b) => arithmetic(*operator, a.data_type, b.data_type) == Some(returns),
        Node::Cast(a) | Node::TryCast(a) => casts(a.data_type, returns),
        Node::Call(function, arguments) => {
            let types: Vec<DataType> = arguments.iter().map(|argument| argument.data_type).collect();
            call(*function, &types) == Some(returns)
        }
        Node::Not(_)
        | Node::Compare(..)
        | Node::Same(..)
        | Node::And(_)
        | Node::Or(_)
        | Node::IsNull(_)
        | Node::In(..)
        | Node::Between(..)
        | Node::Like(..) => returns == Boolean,
    };
    if fits { Ok(()) } else { Err(EncodeError::IllTyped(format!("{:?} as {returns}", expr.node))) }
}

/// The type of `a + b` and its like.
fn arithmetic(operator: Arithmetic, a: DataType, b: DataType) -> Option<DataType> {
    match (a, b) {
        (Int64, Int64) => Some(Int64),
        (Float64, Float64) => Some(Float64),
        (Timestamp, Int64) if matches!(operator, Arithmetic::Add | Arithmetic::Subtract) => Some(Timestamp),
        (Int64, Timestamp) if operator == Arithmetic::Add => Some(Timestamp),
        (Timestamp, Timestamp) if operator == Arithmetic::Subtract => Some(Int64),
        _ => None,
    }
}

/// Whether there is a cast; to its own type a value stays as it is.
fn casts(from: DataType, to: DataType) -> bool {
    let by_number = |data_type| matches!(data_type, Boolean | Float64 | Timestamp);
    from == to
        || from == Text
        || to == Text
        || from == Int64 && by_number(to)
        || by_number(from) && to == Int64
}

/// The type of `function(arguments)`.
fn call(function: Function, arguments: &[DataType]) -> Option<DataType> {
    match (function, arguments) {
        (Function::Lower | Function::Upper, [Text]) | (Function::Concat, [Text, Text]) => Some(Text),
        (Function::Trim | Function::TrimStart | Function::TrimEnd | Function::LikeEscape, [Text, Text])
        | (Function::SplitPart, [Text, Text, Int64]) => Some(Text),
        (Function::Length, [Text]) | (Function::Abs, [Int64]) => Some(Int64),
        (Function::Abs | Function::Round | Function::Floor | Function::Ceil | Function::Trunc, [Float64]) => {
            Some(Float64)
        }
        (Function::Library(function), arguments) => {
            let entry = function.entry();
            (entry.arguments == arguments).then_some(entry.returns)
        }
        (Function::RoundTo, [Float64, Int64]) => Some(Float64),
        _ => None,
    }
}
