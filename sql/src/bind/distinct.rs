//! SELECT DISTINCT, and GROUP BY without an aggregate: rows of a window by which nothing is computed.

use sqlparser::ast::{self, Expr as Ast};

use super::expression::{Clause, Expressions};
use super::query::{Computed, push_key};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::expr::Node;
use crate::parse::select::{Item, Select, Written};

/// Adds the items of SELECT DISTINCT to the keys of the groups: each row of its list is one.
pub(super) fn keys(
    expressions: &mut Expressions<'_>,
    select: &Select,
    keys: &mut Vec<Computed>,
) -> Checked<()> {
    let Some(span) = select.distinct else { return Ok(()) };
    if !select.group_by.items.is_empty() || select.group_by.sets.is_some() {
        return Err(Problem::new(
            span,
            "DISTINCT stands beside GROUP BY, which gives one row a group already",
        )
        .help("leave DISTINCT out, and name all columns of GROUP BY in the SELECT list"));
    }
    let mut errors = Errors::default();
    for item in &select.items {
        if let Item::Expr(written, _) = item {
            let key = expressions.whole(written, Clause::Distinct).and_then(|expr| match expr.node {
                // It is the same in all rows.
                Node::Literal(_) => Ok(()),
                _ => push_key(expressions, expr, written, keys).map(drop),
            });
            errors.keep(key);
        }
    }
    errors.end()
}

/// Counts the rows of groups by which nothing is computed: a group is there because it has rows.
pub(super) fn count_rows(expressions: &mut Expressions<'_>, select: &Select) -> Checked<()> {
    let counted = Written { expr: call("count", ast::FunctionArgExpr::Wildcard), span: select.span };
    let counted = expressions.whole(&counted, Clause::Group);
    expressions.named.clear();
    counted.map(drop)
}

/// A call of an aggregate that is not written in the query.
pub(super) fn call(name: &str, argument: ast::FunctionArgExpr) -> Ast {
    let argument = ast::FunctionArg::Unnamed(argument);
    let arguments =
        ast::FunctionArgumentList { duplicate_treatment: None, args: vec![argument], clauses: Vec::new() };
    Ast::Function(ast::Function {
        name: ast::ObjectName::from(vec![ast::Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: ast::FunctionArguments::None,
        args: ast::FunctionArguments::List(arguments),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
