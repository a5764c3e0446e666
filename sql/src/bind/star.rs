//! `*` in a SELECT list.

use sqlparser::tokenizer::Span;

use super::expression::Expressions;
use super::output::Outputs;
use super::query::BoundOutput;
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::parse::name::Name;
use crate::parse::select::Item;

/// `*`: every column of the relation.
pub(super) fn all(
    expressions: &Expressions<'_>,
    qualifier: Option<&Name>,
    span: Span,
    output: &mut Outputs<'_>,
) -> Checked<()> {
    let columns = &expressions.scope.relation.columns;
    let range = match qualifier {
        Some(qualifier) => expressions.scope.check_qualifier(qualifier)?,
        None => 0..columns.len(),
    };
    for (at, column) in columns.iter().enumerate().take(range.end).skip(range.start) {
        let expr = Expr { node: Node::Column(at), data_type: column.data_type };
        let name = Name { span, ..column.name.clone() };
        output.add(BoundOutput { text: name.text.clone(), name, expr, role: column.role })?;
    }
    Ok(())
}

/// Where it stands.
pub(super) fn find(item: &Item) -> Option<Span> {
    match item {
        Item::All(_, span) => Some(*span),
        Item::Expr(..) => None,
    }
}

/// Why it means nothing behind windows.
pub(super) fn of_groups(span: Span, has_bounds: bool) -> Box<Problem> {
    match has_bounds {
        true => Problem::new(span, "`*` cannot be selected over windows")
            .help("name the columns of GROUP BY, window_start, window_end and aggregates such as count(*)"),
        false => Problem::new(span, "`*` cannot be selected beside aggregates")
            .help("name the columns of GROUP BY and aggregates such as count(*)"),
    }
}
