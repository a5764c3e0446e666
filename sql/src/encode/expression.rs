//! A node becomes instructions that leave its value and validity in locals.

use super::EncodeError;
use super::generator::Generator;
use super::operand::{Local, Locals, Operand, Valid};
use super::typing::check;
use crate::expr::{Comparison, Expr, Node};
use crate::types::{DataType, Value};

impl Generator<'_> {
    /// Compiles an expression.
    pub(super) fn expression(&mut self, expr: &Expr) -> Result<Operand, EncodeError> {
        self.nested(|generator| generator.node(expr))
    }

    fn node(&mut self, expr: &Expr) -> Result<Operand, EncodeError> {
        check(expr)?;
        match &expr.node {
            Node::Column(number) => self.column(*number, expr.data_type),
            Node::Literal(value) => self.literal(value, expr.data_type),
            Node::And(operands) => self.decide(operands, false),
            Node::Or(operands) => self.decide(operands, true),
            Node::Not(operand) => self.not(operand),
            Node::IsNull(operand) => self.is_null(operand),
            Node::In(operand, list) => self.is_in(operand, list),
            Node::Between(operand, low, high) => self.between(operand, low, high),
            Node::Case(branches, otherwise) => self.case(branches, otherwise.as_deref(), expr.data_type),
            Node::Coalesce(operands) => self.coalesce(operands, expr.data_type),
            Node::Greatest(operands) => self.extreme(operands, Comparison::Greater, expr.data_type),
            Node::Least(operands) => self.extreme(operands, Comparison::Less, expr.data_type),
            Node::NullIf(a, b) => self.null_if(a, b),
            Node::Compare(comparison, a, b) => self.comparison(*comparison, a, b),
            Node::Same(a, b) => self.same(a, b),
            Node::Negate(operand) => self.negate(operand),
            Node::Arithmetic(operator, a, b) => self.arithmetic(*operator, a, b, expr.data_type),
            Node::Cast(operand) => self.cast(operand, expr.data_type),
            Node::TryCast(operand) => self.try_cast(operand, expr.data_type),
            Node::Like(text, pattern) => self.like(text, pattern),
            Node::Call(function, arguments) => self.function(*function, arguments, expr.data_type),
        }
    }

    /// Compiles an expression that must be of this type.
    pub(super) fn expression_of(&mut self, expr: &Expr, data_type: DataType) -> Result<Operand, EncodeError> {
        if expr.data_type != data_type {
            return Err(EncodeError::IllTyped(format!("{} instead of {data_type}", expr.data_type)));
        }
        self.expression(expr)
    }

    /// Compiles a TEXT: address, length, validity.
    pub(super) fn text(&mut self, expr: &Expr) -> Result<Operand, EncodeError> {
        self.expression_of(expr, DataType::Text)
    }

    /// Compiles an expression that has one local: any but TEXT.
    pub(super) fn scalar(&mut self, expr: &Expr) -> Result<(Local, Operand), EncodeError> {
        let operand = self.expression(expr)?;
        match operand.place {
            Locals::Scalar(local) => Ok((local, operand)),
            Locals::Text { .. } => Err(EncodeError::IllTyped("TEXT instead of a number".into())),
        }
    }

    fn literal(&mut self, value: &Value, data_type: DataType) -> Result<Operand, EncodeError> {
        if value.data_type().is_some_and(|of_value| of_value != data_type) {
            return Err(EncodeError::IllTyped(format!("the literal {value:?} as {data_type}")));
        }
        let place = self.place(data_type);
        let valid = if *value == Value::Null { Valid::Never } else { Valid::Always };
        match (value, place) {
            (Value::Null, _) => return Ok(Operand { place, valid }),
            (Value::Text(text), Locals::Text { pointer, length }) => {
                self.constant(text, pointer, length);
                return Ok(Operand { place, valid });
            }
            (Value::Boolean(value), _) => self.op().i32_const(i32::from(*value)),
            (Value::Int64(value) | Value::Timestamp(value), _) => self.op().i64_const(*value),
            (Value::Float64(value), _) => self.op().f64_const((*value).into()),
            (Value::Text(_), Locals::Scalar(_)) => unreachable!("a text has two locals"),
        };
        self.pop(place);
        Ok(Operand { place, valid })
    }
}
