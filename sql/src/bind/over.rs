//! `function(...) OVER (PARTITION BY ... ORDER BY window_end)`: what is known of a group's earlier rows.

use sqlparser::ast::{
    Expr as Ast, Function, FunctionArguments, OrderByExpr, OrderByOptions, OrderBySort, WindowSpec,
    WindowType,
};
use sqlparser::tokenizer::Span;

use super::expression::{Clause, Expressions};
use super::function::call_name;
use super::query::Computed;
use super::relation::RelationColumn;
use super::scope::Meaning;
use super::updates;
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::manifest::OperatorFunction;
use crate::parse::name::Name;
use crate::parse::select::Written;

const USAGE: &str = "write row_number() OVER (PARTITION BY column, ... ORDER BY window_end) AS name";

/// A bound call with OVER.
#[derive(Clone, Debug)]
pub(crate) struct BoundOperator {
    pub(crate) text: String,
    pub(crate) function: OperatorFunction,
    /// PARTITION BY.
    pub(crate) keys: Vec<Computed>,
}

/// The call, where an item of a SELECT list is one with OVER.
pub(super) fn call(ast: &Ast) -> Option<&Function> {
    match ast {
        Ast::Nested(inner) => call(inner),
        Ast::Function(function) if function.over.is_some() => Some(function),
        _ => None,
    }
}

/// Binds such an item: a column behind those of the relation. Equal calls are one operator.
pub(super) fn bind(
    expressions: &mut Expressions<'_>,
    written: &Written,
    call: &Function,
    operators: &mut Vec<BoundOperator>,
) -> Checked<Expr> {
    let span = written.span;
    let name = call_name(call, span)?;
    if name != "row_number" {
        return Err(unknown(span, &name));
    }
    let no_arguments = match &call.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty() && list.clauses.is_empty(),
        FunctionArguments::Subquery(_) => false,
    };
    if !no_arguments || call.filter.is_some() || !call.within_group.is_empty() {
        return Err(Problem::new(span, "row_number takes no arguments").help(USAGE));
    }
    if expressions.scope.relation.is_preview {
        return Err(updates::refused(expressions.scope.relation, span));
    }
    if expressions.scope.relation.columns.iter().all(|column| !column.is_window_end()) {
        let relation = expressions.scope.relation.describe();
        return Err(Problem::new(
            span,
            format!("OVER is for rows of closed windows, and {relation} has no window_end"),
        )
        .help("select window_end in a view over windows, and write OVER in a query that reads the view"));
    }
    let Some(WindowType::WindowSpec(spec)) = &call.over else {
        return Err(Problem::new(span, "windows of OVER have no names").help(USAGE));
    };
    if spec.window_name.is_some() || spec.window_frame.is_some() {
        return Err(Problem::new(span, "row_number counts all earlier rows: it takes no frame").help(USAGE));
    }
    check_order(expressions, spec, span)?;
    let mut keys: Vec<Computed> = Vec::new();
    for ast in &spec.partition_by {
        let key = Written { expr: ast.clone(), span };
        let expr = expressions.whole(&key, Clause::Row)?;
        if matches!(expr.node, Node::Literal(_)) {
            return Err(Problem::new(span, "a constant makes no groups").help("leave PARTITION BY out"));
        }
        if !keys.iter().any(|(known, _)| *known == expr) {
            keys.push((expr, ast.to_string()));
        }
    }
    let function = OperatorFunction::RowNumber;
    let same = |known: &BoundOperator| {
        known.function == function
            && known.keys.iter().map(|(expr, _)| expr).eq(keys.iter().map(|(expr, _)| expr))
    };
    let at = operators.iter().position(same).unwrap_or_else(|| {
        operators.push(BoundOperator { text: written.expr.to_string(), function, keys });
        operators.len() - 1
    });
    Ok(Expr { node: Node::Column(expressions.first_virtual() + at), data_type: function.returns() })
}

/// ORDER BY is the window's end, ascending: rows come in that order.
fn check_order(expressions: &Expressions<'_>, spec: &WindowSpec, span: Span) -> Checked<()> {
    let ends = |ident| -> Checked<bool> {
        let Some(Meaning::Column(at)) = expressions.scope.find(&Name::new(ident))? else { return Ok(false) };
        Ok(expressions.scope.relation.columns.get(at).is_some_and(RelationColumn::is_window_end))
    };
    let is_window_end = match spec.order_by.as_slice() {
        [
            OrderByExpr {
                expr,
                options: OrderByOptions { sort: None | Some(OrderBySort::Asc), nulls_first: None },
                with_fill: None,
            },
        ] => match expr {
            Ast::Identifier(ident) => ends(ident)?,
            Ast::CompoundIdentifier(parts) => match parts.as_slice() {
                [qualifier, ident] => {
                    let _own = expressions.scope.check_qualifier(&Name::new(qualifier))?;
                    ends(ident)?
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    };
    match is_window_end {
        true => Ok(()),
        false => Err(Problem::new(
            span,
            "rows are numbered as windows close: ORDER BY the window's end, ascending",
        )
        .help(USAGE)),
    }
}

/// OVER where it cannot stand.
pub(super) fn misplaced(span: Span, name: &str) -> Box<Problem> {
    if name != "row_number" {
        return unknown(span, name);
    }
    Problem::new(span, "a call with OVER stands alone in the SELECT list of a query that reads a view")
        .help("give it a name there, and compute with the name in another query: SELECT row_number() OVER (...) AS n")
}

fn unknown(span: Span, name: &str) -> Box<Problem> {
    Problem::new(span, format!("`{name}` with OVER is not in the language yet"))
        .help("of functions with OVER there is row_number(); over time an aggregate takes windows: FROM HOP(source, ts, slide, size)")
}
