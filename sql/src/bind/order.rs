//! ORDER BY and LIMIT: which rows of a window come, and in which order.

use sqlparser::ast::Expr as Ast;

use super::expression::{Clause, Expressions};
use super::query::{Computed, ordinal};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::expr::{Expr, Node};
use crate::parse::name::Name;
use crate::parse::order::{OrderBy, OrderItem};
use crate::parse::select::{Item, Select, Written};

/// A bound ORDER BY with its LIMIT.
#[derive(Clone, Debug)]
pub(crate) struct BoundOrder {
    pub(crate) keys: Vec<BoundOrderKey>,
    pub(crate) limit: Option<u32>,
}

/// An item of ORDER BY, over the columns that the SELECT list sees.
#[derive(Clone, Debug)]
pub(crate) struct BoundOrderKey {
    pub(crate) value: Computed,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// Binds ORDER BY where the rows are of windows. `finish` makes of an expression what an item of the SELECT list is.
pub(super) fn bind(
    expressions: &mut Expressions<'_>,
    select: &Select,
    finish: impl Fn(&mut Expressions<'_>, Expr) -> Checked<Expr>,
) -> Checked<Option<BoundOrder>> {
    let Some(order) = &select.order_by else { return Ok(None) };
    check_rows(expressions, order)?;
    let clause = if expressions.scope.windows.is_some() { Clause::Group } else { Clause::Row };
    let (mut keys, mut errors) = (Vec::new(), Errors::default());
    for OrderItem { written, descending, nulls_first } in &order.keys {
        let bound = meant(select, written).and_then(|meant| {
            let expr = expressions.whole(&meant, clause)?;
            let expr = finish(expressions, expr)?;
            if let Node::Literal(_) = expr.node {
                return Err(Problem::new(written.span, "a constant orders nothing")
                    .help("order by a column of the SELECT list, or by an aggregate"));
            }
            Ok((expr, meant.expr.to_string()))
        });
        if let Some(value) = errors.keep(bound) {
            keys.push(BoundOrderKey { value, descending: *descending, nulls_first: *nulls_first });
        }
    }
    errors.end()?;
    Ok(Some(BoundOrder { keys, limit: order.limit }))
}

/// The rows of a window can be ordered; those of a source have no end.
fn check_rows(expressions: &Expressions<'_>, order: &OrderBy) -> Checked<()> {
    match expressions.scope.windows.is_some() || expressions.scope.relation.has_window_rows() {
        true => Ok(()),
        false => Err(Problem::new(order.span, "ORDER BY orders the rows of a window, and these rows are of none")
            .help("make windows, as in FROM TUMBLE(source, ts, INTERVAL '1' MINUTE), or leave it out: rows come as they are read, and `streamgauge query --rows N` shows the first N")),
    }
}

/// An item of the SELECT list by its number or its alias, else what is written.
fn meant(select: &Select, written: &Written) -> Checked<Written> {
    if let Some(expr) = ordinal(written, select)? {
        return Ok(Written { expr: expr.clone(), span: written.span });
    }
    let Ast::Identifier(ident) = &written.expr else { return Ok(written.clone()) };
    let name = Name::new(ident);
    let aliased = select.items.iter().find_map(|item| match item {
        Item::Expr(item, Some(alias)) if name.means(&alias.text) => Some(item.expr.clone()),
        _ => None,
    });
    Ok(Written { expr: aliased.unwrap_or_else(|| written.expr.clone()), span: written.span })
}
