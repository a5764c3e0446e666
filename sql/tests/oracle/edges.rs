//! Every pair of edge values through every operator: what random cases meet too rarely.

use streamgauge_sql::expr::{Arithmetic, Code, Comparison, Expr, Function, Node};
use streamgauge_sql::library::{ENTRIES, Entry, Library};
use streamgauge_sql::types::DataType::{self, Boolean, Float64, Int64, Text, Timestamp};
use streamgauge_sql::types::Value;

use crate::batch::{Batch, Column, FLOATS, INTEGERS, TEXTS, TIMES, TYPES};
use crate::expressions::{COMPARISONS, OPERATORS};

/// One query for each operator and type, over all pairs of edge values.
pub fn cases() -> Vec<(Code, Batch)> {
    let mut cases = Vec::new();
    for data_type in TYPES {
        for expr in operations(data_type) {
            cases.push((code(expr, [data_type; 2]), pairs(data_type, data_type)));
        }
    }
    let round_to = call(Function::RoundTo, vec![column(0, Float64), column(1, Int64)], Float64);
    cases.push((code(round_to, [Float64, Int64]), pairs(Float64, Int64)));
    for entry in &ENTRIES {
        cases.extend(library(entry));
    }
    for function in [Library::DateTrunc, Library::DateField, Library::DateFraction] {
        for unit in -1..19 {
            let unit = Expr { node: Node::Literal(Value::Int64(unit)), data_type: Int64 };
            let returns = function.entry().returns;
            let of_time = call(Function::Library(function), vec![unit, column(0, Timestamp)], returns);
            cases.push((code(of_time, [Timestamp; 2]), pairs(Timestamp, Timestamp)));
        }
    }
    for operator in [Arithmetic::Add, Arithmetic::Subtract] {
        let sum = arithmetic(operator, [Timestamp, Int64], Timestamp);
        cases.push((code(sum, [Timestamp, Int64]), pairs(Timestamp, Int64)));
    }
    cases
}

/// A function of the library over all pairs of edges of its first two arguments, with some edges of a third.
fn library(entry: &Entry) -> Vec<(Code, Batch)> {
    let function = Function::Library(entry.function);
    let (first, second) = (entry.arguments[0], entry.arguments.get(1).copied().unwrap_or(entry.arguments[0]));
    let two = [column(0, first), column(1, second)];
    let case = |arguments: Vec<Expr>| {
        (code(call(function, arguments, entry.returns), [first, second]), pairs(first, second))
    };
    match entry.arguments {
        [_] => vec![case(vec![column(0, first)])],
        [_, _] => vec![case(two.to_vec())],
        [_, _, rest @ ..] => (0..9)
            .map(|at| {
                let literal = |(place, &data_type): (usize, &DataType)| {
                    let edges = edges(data_type);
                    // So that equal types do not always have equal values.
                    let value = edges[(at * (1 + 2 * place) + place) % edges.len()].clone();
                    Expr { node: Node::Literal(value), data_type }
                };
                case(two.iter().cloned().chain(rest.iter().enumerate().map(literal)).collect())
            })
            .collect(),
        [] => unreachable!("each function has an argument"),
    }
}

fn column(number: usize, data_type: DataType) -> Expr {
    Expr { node: Node::Column(number), data_type }
}

fn boxed(number: usize, data_type: DataType) -> Box<Expr> {
    Box::new(column(number, data_type))
}

fn call(function: Function, arguments: Vec<Expr>, data_type: DataType) -> Expr {
    Expr { node: Node::Call(function, arguments), data_type }
}

fn arithmetic(operator: Arithmetic, [a, b]: [DataType; 2], data_type: DataType) -> Expr {
    Expr { node: Node::Arithmetic(operator, boxed(0, a), boxed(1, b)), data_type }
}

fn code(expr: Expr, arguments: [DataType; 2]) -> Code {
    Code { arguments: arguments.to_vec(), filter: None, computed: vec![expr] }
}

/// All operators on two values of a type, all functions and casts of one.
fn operations(of: DataType) -> Vec<Expr> {
    let boolean = |node| Expr { node, data_type: Boolean };
    let compare = |comparison: Comparison| boolean(Node::Compare(comparison, boxed(0, of), boxed(1, of)));
    let function = |function| call(function, vec![column(0, of)], of);
    let mut operations: Vec<Expr> = COMPARISONS.into_iter().map(compare).collect();
    operations.push(boolean(Node::Same(boxed(0, of), boxed(1, of))));
    let both = || vec![column(0, of), column(1, of)];
    for node in [Node::Greatest(both()), Node::Least(both())] {
        operations.push(Expr { node, data_type: of });
    }
    for &data_type in casts(of) {
        operations.extend(
            [Node::Cast(boxed(0, of)), Node::TryCast(boxed(0, of))].map(|node| Expr { node, data_type }),
        );
    }
    if matches!(of, Int64 | Float64) {
        operations.extend(OPERATORS.map(|operator| arithmetic(operator, [of, of], of)));
        operations.push(Expr { node: Node::Negate(boxed(0, of)), data_type: of });
        operations.push(function(Function::Abs));
    }
    match of {
        Boolean | Int64 => {}
        Float64 => operations
            .extend([Function::Round, Function::Floor, Function::Ceil, Function::Trunc].map(function)),
        Timestamp => operations.push(arithmetic(Arithmetic::Subtract, [of, of], Int64)),
        Text => {
            operations.push(boolean(Node::Like(boxed(0, of), boxed(1, of))));
            operations.push(call(Function::Concat, vec![column(0, of), column(1, of)], Text));
            operations.push(call(Function::Length, vec![column(0, of)], Int64));
            for function in [Function::Trim, Function::TrimStart, Function::TrimEnd, Function::LikeEscape] {
                operations.push(call(function, vec![column(0, of), column(1, of)], Text));
            }
            for number in [0, 1, 2, -1, -2, i64::MIN, i64::MAX] {
                let number = Expr { node: Node::Literal(Value::Int64(number)), data_type: Int64 };
                let part = vec![column(0, of), column(1, of), number];
                operations.push(call(Function::SplitPart, part, Text));
            }
            operations.extend([Function::Lower, Function::Upper].map(function));
        }
    }
    operations
}

/// The types that a type is cast to.
fn casts(from: DataType) -> &'static [DataType] {
    match from {
        Boolean | Float64 | Timestamp => &[Int64, Text],
        Int64 => &[Boolean, Float64, Timestamp, Text],
        Text => &[Boolean, Int64, Float64, Timestamp],
    }
}

/// The values of a type at which operators are most often wrong.
fn edges(data_type: DataType) -> Vec<Value> {
    match data_type {
        Boolean => [false, true].map(Value::Boolean).into(),
        Int64 => INTEGERS.map(Value::Int64).into(),
        Float64 => FLOATS.map(Value::Float64).into(),
        Timestamp => TIMES.map(Value::Timestamp).into(),
        Text => TEXTS.map(|text| Value::Text(text.into())).into(),
    }
}

/// Two columns that hold every pair of the edge values of their types.
fn pairs(a: DataType, b: DataType) -> Batch {
    let (first, second) = (edges(a), edges(b));
    let pairs = || first.iter().flat_map(|x| second.iter().map(move |y| (x, y)));
    let columns = vec![Column::of(a, pairs().map(|(x, _)| x)), Column::of(b, pairs().map(|(_, y)| y))];
    Batch { rows: first.len() * second.len(), columns }
}
