//! `count(*) FILTER (WHERE ...) / count(*)`: a share of counts, whose fraction a division of BIGINTs leaves out.

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::expression::Expressions;
use crate::error::Problem;
use crate::expr::{Arithmetic, Expr, Node};
use crate::types::{DataType, Value};

impl Expressions<'_> {
    /// Warns of a division of counts by counts: its result is legal, but hardly meant. That of `100 * a / b` has digits, and of other
    /// numbers a whole quotient may be wanted.
    pub(super) fn warn_share(&mut self, left: &Ast, right: &Ast, operands: [&Expr; 2], span: Span) {
        // HAVING may mean an item of the SELECT list, which was looked at.
        let is_told = self.warnings.iter().any(|told| told.span == span);
        if is_told || !operands.into_iter().all(|operand| self.is_count(operand)) {
            return;
        }
        let problem = Problem::new(span, "an integer division of counts has no fraction: 3 / 4 is 0");
        self.warnings.push(*problem.help(format!("write 1.0 * {left} / {right}")));
    }

    /// Whether an expression is a number of events: COUNT, the SUM of ones and zeros, and sums and differences of such.
    fn is_count(&self, expr: &Expr) -> bool {
        match &expr.node {
            Node::Column(column) => {
                let number = column.checked_sub(self.first_virtual() + 2);
                let Some(aggregate) = number.and_then(|number| self.aggregates.get(number)) else {
                    return false;
                };
                match (aggregate.reducer.as_str(), aggregate.arguments.as_slice()) {
                    ("count", _) => true,
                    ("sum", [(argument, _)]) => is_one_or_zero(argument),
                    _ => false,
                }
            }
            Node::Arithmetic(Arithmetic::Add | Arithmetic::Subtract, a, b) => {
                self.is_count(a) && self.is_count(b)
            }
            Node::NullIf(a, _) => self.is_count(a),
            Node::Coalesce(values) => values.first().is_some_and(|first| self.is_count(first)),
            _ => false,
        }
    }
}

/// Whether it is `CASE WHEN ... THEN 1 ELSE 0 END`.
fn is_one_or_zero(argument: &Expr) -> bool {
    let is_digit = |expr: &Expr| match &expr.node {
        Node::Literal(Value::Int64(0 | 1) | Value::Null) => true,
        Node::Case(..) => is_one_or_zero(expr),
        _ => false,
    };
    match &argument.node {
        Node::Case(whens, default) if argument.data_type == DataType::Int64 => {
            whens.iter().all(|(_, value)| is_digit(value)) && default.as_deref().is_none_or(is_digit)
        }
        _ => false,
    }
}
