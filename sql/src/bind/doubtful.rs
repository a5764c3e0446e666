//! What is legal and hardly meant: conditions that never hold, and names that mean something else than they seem to.

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use super::expression::Expressions;
use super::function::is_scalar;
use super::query::any_column;
use super::scope::Meaning;
use crate::error::{Checked, Problem};
use crate::eval::evaluate;
use crate::expr::{Comparison, Expr, Node};
use crate::parse::name::Name;
use crate::parse::select::Written;
use crate::types::{DataType, Value};

impl Expressions<'_> {
    /// Tells it once: HAVING may mean an item of the SELECT list, which was looked at.
    pub(super) fn warn(&mut self, span: Span, message: String, help: String) {
        if !self.warnings.iter().any(|told| told.span == span) {
            self.warnings.push(*Problem::new(span, message).help(help));
        }
    }

    /// `x = NULL`, which is NULL for every `x`.
    pub(super) fn warn_null(&mut self, op: Comparison, left: &Ast, right: &Ast, span: Span) {
        let tested = if is_null(left) { right } else { left };
        let help = match op {
            Comparison::Equal => format!("write {tested} IS NULL"),
            Comparison::NotEqual => format!("write {tested} IS NOT NULL"),
            _ => "leave it out".to_owned(),
        };
        self.warn(span, "a comparison with NULL is never true".to_owned(), help);
    }

    /// `CASE x WHEN NULL`. What is told of the comparison itself stands at the same place, and so it is not told.
    pub(super) fn warn_null_in_when(&mut self, operand: &Ast, when: &Ast) {
        if is_null(when) {
            let help =
                format!("write CASE WHEN {operand} IS NULL THEN ... WHEN {operand} = ... THEN ... END");
            let span = self.span(operand).union(&self.span(when));
            self.warn(span, "NULL behind WHEN is equal to nothing".to_owned(), help);
        }
    }

    /// `x IN (1, NULL)` and `x NOT IN (1, NULL)`.
    pub(super) fn warn_null_in_list(&mut self, expr: &Ast, list: &[Ast], negated: bool, span: Span) {
        if !list.iter().any(is_null) {
            return;
        }
        let (message, help) = match negated {
            true => (
                "NOT IN with NULL in its list is never true",
                format!("leave NULL out: where {expr} is NULL, the row is left out anyway"),
            ),
            false => (
                "NULL in the list of IN is equal to nothing",
                format!("leave NULL out; where NULL is meant, too, write OR {expr} IS NULL"),
            ),
        };
        self.warn(span, message.to_owned(), help);
    }

    /// A condition that no row fulfils, unless something in it was told.
    pub(super) fn warn_never(&mut self, condition: &Expr, written: &Written, clause: &str) {
        let inside =
            |told: &Problem| told.span.start >= written.span.start && told.span.end <= written.span.end;
        if never_true(condition) && !self.warnings.iter().any(inside) {
            let message = format!("the condition of {clause} is never true: there will be no rows");
            self.warn(written.span, message, "compare columns with values".to_owned());
        }
    }

    /// A name in GROUP BY, or of a key in HAVING, that is a column, and an alias of something else.
    pub(super) fn warn_column_before_alias(&mut self, name: &Name, column: Meaning) -> Checked<()> {
        // In GROUP BY an aggregate cannot be meant.
        if !self.use_aliases
            && self.aliases.iter().any(|alias| name.means(&alias.name.text) && aggregates(alias.expr))
        {
            return Ok(());
        }
        if let Some(expr) = self.hidden(name, column)? {
            let clause = if self.use_aliases { "HAVING" } else { "GROUP BY" };
            let message = format!("in {clause} `{}` is the column, not the alias of {expr}", name.text);
            self.warn(name.span, message, "to tell them apart, give the alias another name".to_owned());
        }
        Ok(())
    }

    /// The expression whose alias a name is, unless that is the column itself.
    fn hidden(&self, name: &Name, meaning: Meaning) -> Checked<Option<String>> {
        let Some(alias) = self.aliases.iter().find(|alias| name.means(&alias.name.text)) else {
            return Ok(None);
        };
        let own = match alias.expr {
            Ast::Identifier(ident) => self.scope.find(&Name::new(ident))?,
            Ast::CompoundIdentifier(parts) => self.scope.find_qualified(parts)?,
            _ => None,
        };
        Ok((own != Some(meaning)).then(|| alias.expr.to_string()))
    }

    /// A cast of a constant that can never work, and TRY_CAST, which then is always NULL.
    pub(super) fn check_constant_cast(&mut self, cast: &Expr, operand: &Ast, span: Span) -> Checked<()> {
        let (is_try, inner) = match &cast.node {
            Node::Cast(inner) => (false, inner),
            Node::TryCast(inner) => (true, inner),
            _ => return Ok(()),
        };
        let Some(value) = constant(inner) else { return Ok(()) };
        if value == Value::Null || constant(&Expr { node: Node::Cast(inner.clone()), ..*cast }).is_some() {
            return Ok(());
        }
        let what = cast.data_type;
        if is_try {
            let message = format!("{operand} is no {what}: this is always NULL");
            self.warn(span, message, "write NULL, or cast a column".to_owned());
            return Ok(());
        }
        let help = match (what, inner.data_type) {
            (DataType::Boolean, _) => "write TRUE or FALSE",
            (DataType::Timestamp, _) => "write it like TIMESTAMP '2026-01-01T00:05:00Z'",
            (DataType::Int64, DataType::Float64) => "a BIGINT has 64 bits",
            _ => "write a number",
        };
        Err(Problem::new(span, format!("{operand} is no {what}, so this cast fails for every row"))
            .help(help))
    }
}

/// Whether an expression calls an aggregate, as far as its arithmetic and its casts go.
fn aggregates(ast: &Ast) -> bool {
    match ast {
        Ast::Function(call) => !is_scalar(&call.name.to_string().to_lowercase()),
        Ast::Nested(inner) | Ast::UnaryOp { expr: inner, .. } | Ast::Cast { expr: inner, .. } => {
            aggregates(inner)
        }
        Ast::BinaryOp { left, right, .. } => aggregates(left) || aggregates(right),
        _ => false,
    }
}

fn is_null(ast: &Ast) -> bool {
    match ast {
        Ast::Nested(inner) => is_null(inner),
        Ast::Value(value) => value.value == sqlparser::ast::Value::Null,
        _ => false,
    }
}

/// The value of an expression without columns; none where it has columns, or no value.
pub(super) fn constant(expr: &Expr) -> Option<Value> {
    if any_column(expr.clone(), |_| true) {
        return None;
    }
    evaluate(expr, &|_| Value::Null).ok()
}

/// Whether a condition is false or NULL for every row, as far as its constants say.
fn never_true(condition: &Expr) -> bool {
    match &condition.node {
        Node::And(operands) => operands.iter().any(never_true),
        Node::Or(operands) => operands.iter().all(never_true),
        _ => matches!(constant(condition), Some(Value::Boolean(false) | Value::Null)),
    }
}
