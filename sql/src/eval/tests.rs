//! The interpreter on expressions written by hand, NULLs and errors included.

use super::*;
use crate::expr::{Arithmetic, Comparison, Function};
use crate::types::DataType::{self, Boolean, Float64, Int64, Text, Timestamp};

fn expr(node: Node, data_type: DataType) -> Expr {
    Expr { node, data_type }
}

fn literal(value: Value) -> Expr {
    let data_type = value.data_type().unwrap_or(Boolean);
    expr(Node::Literal(value), data_type)
}

fn null(data_type: DataType) -> Expr {
    expr(Node::Literal(Value::Null), data_type)
}

fn number(value: i64) -> Expr {
    literal(Value::Int64(value))
}

fn boolean(value: bool) -> Expr {
    literal(Value::Boolean(value))
}

fn text(value: &str) -> Expr {
    literal(Value::Text(value.into()))
}

/// `1 / 0`: fails where it is evaluated.
fn failing(data_type: DataType) -> Expr {
    let quotient = expr(Node::Arithmetic(Arithmetic::Divide, number(1).into(), number(0).into()), Int64);
    if data_type == Int64 { quotient } else { expr(Node::Cast(quotient.into()), data_type) }
}

fn value(node: Node, data_type: DataType) -> Result<Value, Failure> {
    evaluate(&expr(node, data_type), &|_| Value::Null)
}

const TRUE: Result<Value, Failure> = Ok(Value::Boolean(true));
const FALSE: Result<Value, Failure> = Ok(Value::Boolean(false));
const NULL: Result<Value, Failure> = Ok(Value::Null);
const BY_ZERO: Result<Value, Failure> = Err(Failure::DivisionByZero);

#[test]
fn logic_is_three_valued_and_stops_when_it_is_decided() {
    let and = |operands| value(Node::And(operands), Boolean);
    let or = |operands| value(Node::Or(operands), Boolean);
    assert_eq!(and(vec![boolean(true), null(Boolean)]), NULL);
    assert_eq!(and(vec![null(Boolean), boolean(false)]), FALSE);
    assert_eq!(and(vec![boolean(false), failing(Boolean)]), FALSE);
    assert_eq!(and(vec![null(Boolean), failing(Boolean)]), BY_ZERO);
    assert_eq!(or(vec![boolean(false), null(Boolean)]), NULL);
    assert_eq!(or(vec![null(Boolean), boolean(true), failing(Boolean)]), TRUE);
    assert_eq!(or(vec![boolean(false), boolean(false)]), FALSE);
    assert_eq!(value(Node::Not(null(Boolean).into()), Boolean), NULL);
}

#[test]
fn a_list_is_searched_from_the_left() {
    let is_in = |x, list| value(Node::In(Box::new(x), list), Boolean);
    assert_eq!(is_in(number(1), vec![null(Int64), number(1), failing(Int64)]), TRUE);
    assert_eq!(is_in(number(1), vec![number(2), null(Int64)]), NULL);
    assert_eq!(is_in(null(Int64), vec![number(2)]), NULL);
    assert_eq!(is_in(number(1), vec![number(2)]), FALSE);
    assert_eq!(is_in(number(1), vec![number(2), failing(Int64)]), BY_ZERO);
}

#[test]
fn between_is_an_and() {
    let between = |x, low, high| value(Node::Between(Box::new(x), Box::new(low), Box::new(high)), Boolean);
    assert_eq!(between(number(2), number(1), number(2)), TRUE);
    assert_eq!(between(number(0), number(1), failing(Int64)), FALSE);
    assert_eq!(between(number(3), null(Int64), number(2)), FALSE);
    assert_eq!(between(number(1), null(Int64), number(2)), NULL);
    assert_eq!(between(null(Int64), number(1), number(2)), NULL);
}

#[test]
fn branches_are_evaluated_only_when_they_are_taken() {
    let branches =
        vec![(null(Boolean), failing(Int64)), (boolean(true), number(7)), (failing(Boolean), number(8))];
    assert_eq!(value(Node::Case(branches, None), Int64), Ok(Value::Int64(7)));
    assert_eq!(value(Node::Case(vec![(boolean(false), number(1))], None), Int64), NULL);
    assert_eq!(
        value(Node::Case(vec![(boolean(false), number(1))], Some(failing(Int64).into())), Int64),
        BY_ZERO
    );
    let operands = vec![null(Int64), number(3), failing(Int64)];
    assert_eq!(value(Node::Coalesce(operands), Int64), Ok(Value::Int64(3)));
}

#[test]
fn null_is_the_same_only_as_null() {
    let same = |a, b| value(Node::Same(Box::new(a), Box::new(b)), Boolean);
    assert_eq!(same(null(Int64), null(Int64)), TRUE);
    assert_eq!(same(number(1), null(Int64)), FALSE);
    assert_eq!(same(number(1), number(1)), TRUE);
    let null_if = |a, b| value(Node::NullIf(Box::new(a), Box::new(b)), Int64);
    assert_eq!(null_if(number(1), number(1)), NULL);
    assert_eq!(null_if(number(1), null(Int64)), Ok(Value::Int64(1)));
    assert_eq!(null_if(null(Int64), number(1)), NULL);
}

#[test]
fn a_null_operand_does_not_hide_the_failure_of_another() {
    let sum = |a, b| value(Node::Arithmetic(Arithmetic::Add, Box::new(a), Box::new(b)), Int64);
    assert_eq!(sum(null(Int64), failing(Int64)), BY_ZERO);
    assert_eq!(sum(number(i64::MAX), null(Int64)), NULL);
    assert_eq!(sum(number(i64::MAX), number(1)), Err(Failure::Overflow));
}

#[test]
fn times_and_texts_have_their_operators() {
    let time = |micros| literal(Value::Timestamp(micros));
    let subtract =
        |a, b, returns| value(Node::Arithmetic(Arithmetic::Subtract, Box::new(a), Box::new(b)), returns);
    assert_eq!(subtract(time(5), time(3), Int64), Ok(Value::Int64(2)));
    assert_eq!(subtract(time(5), number(3), Timestamp), Ok(Value::Timestamp(2)));
    let less = |a, b| value(Node::Compare(Comparison::Less, Box::new(a), Box::new(b)), Boolean);
    assert_eq!(less(text("Z"), text("a")), TRUE);
    assert_eq!(less(literal(Value::Float64(f64::INFINITY)), literal(Value::Float64(f64::NAN))), TRUE);
    let call = |function, arguments, returns| value(Node::Call(function, arguments), returns);
    assert_eq!(call(Function::Concat, vec![text("é"), text("x")], Text), Ok(Value::Text("éx".into())));
    assert_eq!(call(Function::Length, vec![text("éx")], Int64), Ok(Value::Int64(2)));
    assert_eq!(value(Node::Cast(text(" 1970-01-01 00:00:00Z").into()), Timestamp), Ok(Value::Timestamp(0)));
    assert_eq!(value(Node::Cast(text("x").into()), Float64), Err(Failure::InvalidCast));
}

#[test]
fn a_failed_row_names_its_expression() {
    let code =
        Code { arguments: vec![], filter: Some(boolean(true)), computed: vec![number(1), failing(Int64)] };
    let columns = |_| Value::Null;
    let failed = |expression| Outcome::Failed { code: Failure::DivisionByZero, expression };
    assert_eq!(run(&code, &columns), failed(2));
    assert_eq!(run(&Code { filter: None, ..code.clone() }, &columns), failed(1));
    assert_eq!(run(&Code { filter: Some(failing(Boolean)), ..code.clone() }, &columns), failed(0));
    assert_eq!(run(&Code { filter: Some(null(Boolean)), ..code.clone() }, &columns), Outcome::Dropped);
}
