//! A SELECT: what is computed before the windows, in them and behind them.

use sqlparser::ast::{Expr as Ast, Value as AstValue};
use sqlparser::tokenizer::Span;

use super::aggregate::BoundAggregate;
use super::distinct;
use super::expression::{Alias, Clause, Expressions};
use super::grouping::{self, GroupItem};
use super::join::{BoundJoin, JoinedRelation};
use super::order::{self, BoundOrder};
use super::output::Outputs;
use super::over::{self, BoundOperator};
use super::plugin::Functions;
use super::relation::TimeRole;
use super::row_view::and;
use super::scope::{Meaning, Scope};
use super::window::Windows;
use super::{star, updates};
use crate::error::{Checked, Problem};
use crate::errors::{Errors, both};
use crate::expr::{Expr, Node};
use crate::parse::name::Name;
use crate::parse::select::{Item, Select, Written};

/// An expression with its text.
pub(crate) type Computed = (Expr, String);

/// A bound SELECT.
///
/// Before the windows `Node::Column` counts the columns of the relation; behind them see [`Behind`].
#[derive(Clone, Debug)]
pub(crate) struct BoundSelect {
    /// Tables whose columns stand behind those of the relation, in this order.
    pub(crate) joins: Vec<BoundJoin>,
    pub(crate) filter: Option<Computed>,
    /// None = row by row: then `output` is over the columns of the relation.
    pub(crate) windows: Option<Windows>,
    pub(crate) keys: Vec<Computed>,
    /// The set numbers of its grouping sets, the last key's values; none where all groups are by all keys.
    pub(crate) sets: Vec<i64>,
    pub(crate) aggregates: Vec<BoundAggregate>,
    pub(crate) having: Option<Computed>,
    /// Over the columns that `output` is over.
    pub(crate) order: Option<BoundOrder>,
    /// Row by row only: their values stand behind the columns of the relation and of its tables.
    pub(crate) operators: Vec<BoundOperator>,
    pub(crate) output: Vec<BoundOutput>,
}

/// One column of the result.
#[derive(Clone, Debug)]
pub(crate) struct BoundOutput {
    pub(crate) name: Name,
    pub(crate) expr: Expr,
    pub(crate) text: String,
    pub(crate) role: TimeRole,
}

/// The numbers of the columns behind the windows: start, end, keys, aggregates.
pub(crate) struct Behind;

impl Behind {
    pub(crate) const START: usize = 0;
    pub(crate) const END: usize = 1;
    pub(crate) const KEYS: usize = 2;
}

/// Binds a SELECT over a relation; warnings are for the statement's author.
pub(super) fn bind(
    functions: Functions<'_>,
    select: &Select,
    joined: JoinedRelation,
    windows: Option<Windows>,
    warnings: &mut Vec<Problem>,
) -> Checked<BoundSelect> {
    let JoinedRelation { relation, tables, joins, filter: matches } = joined;
    let alias = select.from.alias.as_ref();
    let scope = Scope { relation: &relation, alias, joined: &tables, windows };
    let mut expressions = Expressions::new(functions, scope, aliases(select));
    let filter = match &select.filter {
        Some(written) => {
            let filter = expressions.condition(written, Clause::Filter);
            if let Ok(filter) = &filter {
                expressions.warn_never(filter, written, "WHERE");
            }
            filter.map(|filter| Some((filter, written.expr.to_string())))
        }
        None => Ok(None),
    };
    let bound = match windows {
        Some(_) => grouped(&mut expressions, select),
        None => row_by_row(&mut expressions, select),
    };
    let (filter, bound) = both(filter, bound)?;
    warnings.append(&mut expressions.warnings);
    let filter = match (matches, filter) {
        (Some(matches), Some(filter)) => Some(and(matches, filter)),
        (matches, filter) => matches.or(filter),
    };
    Ok(BoundSelect { joins, filter, windows, ..bound })
}

fn aliases(select: &Select) -> Vec<Alias<'_>> {
    let alias = |item| match item {
        &Item::Expr(ref written, Some(ref name)) => Some(Alias { name, expr: &written.expr }),
        _ => None,
    };
    select.items.iter().filter_map(alias).collect()
}

fn row_by_row(expressions: &mut Expressions<'_>, select: &Select) -> Checked<BoundSelect> {
    let mut errors = Errors::default();
    let (mut output, mut operators) = (Outputs::new(select), Vec::new());
    for item in &select.items {
        let added = match item {
            Item::All(qualifier, span) => star::all(expressions, qualifier.as_ref(), *span, &mut output),
            Item::Expr(written, alias) => {
                let expr = match over::call(&written.expr) {
                    Some(call) => over::bind(expressions, written, call, &mut operators),
                    None => expressions.whole(written, Clause::Row),
                };
                output.push_checked(expressions, written, alias.as_ref(), expr)
            }
        };
        errors.keep(added);
    }
    let order = order::bind(expressions, select, |_, expr| Ok(expr));
    let order = errors.keep(order).flatten();
    let (keys, sets, aggregates) = (Vec::new(), Vec::new(), Vec::new());
    let ((), output) = both(errors.end(), output.finish())?;
    let joins = Vec::new();
    Ok(BoundSelect {
        joins,
        filter: None,
        windows: None,
        keys,
        sets,
        aggregates,
        having: None,
        order,
        operators,
        output,
    })
}

/// Whether a query without windows aggregates all rows: it has GROUP BY, HAVING, DISTINCT or an aggregate.
pub(super) fn aggregates(functions: Functions<'_>, select: &Select, joined: &JoinedRelation) -> bool {
    let groups = !select.group_by.items.is_empty() || select.group_by.sets.is_some();
    if groups || select.having.is_some() || select.distinct.is_some() {
        return true;
    }
    let alias = select.from.alias.as_ref();
    let scope = Scope { relation: &joined.relation, alias, joined: &joined.tables, windows: None };
    let mut expressions = Expressions::new(functions, scope, aliases(select));
    // What is wrong is reported when the query is bound: here it only matters whether an aggregate is called.
    select.items.iter().any(|item| match item {
        Item::Expr(written, _) if over::call(&written.expr).is_none() => {
            let _bound = expressions.whole(written, Clause::Row);
            expressions.lacks_windows
        }
        _ => false,
    })
}

/// What a query over windows is made of, as far as it can be bound.
struct Parts<'s> {
    /// GROUP BY; none where something is wrong in it.
    keys: Option<Vec<Computed>>,
    /// The numbers of its grouping sets; none where there is one.
    sets: Vec<i64>,
    items: Vec<Part<'s>>,
    /// HAVING, with the columns that it names.
    having: Option<(Expr, Vec<(usize, Span)>)>,
    errors: Errors,
}

/// An item of the SELECT list.
struct Part<'s> {
    written: &'s Written,
    alias: Option<&'s Name>,
    expr: Checked<Expr>,
    /// The columns that it names.
    named: Vec<(usize, Span)>,
}

fn parts<'s>(expressions: &mut Expressions<'_>, select: &'s Select) -> Parts<'s> {
    let mut errors = Errors::default();
    let mut known = Vec::new();
    let written = select.group_by.items.iter();
    let grouped: Vec<_> =
        written.filter_map(|written| errors.keep(key(expressions, select, written, &mut known))).collect();
    errors.keep(distinct::keys(expressions, select, &mut known));
    let is_complete = errors.is_empty();
    expressions.grouping_keys = known.iter().map(|(expr, _)| expr.clone()).collect();
    let sets = match is_complete {
        true => errors.keep(grouping::sets(select, &grouped, &mut known)).unwrap_or_default(),
        false => Vec::new(),
    };
    expressions.has_sets = !sets.is_empty();
    let mut items = Vec::new();
    for item in &select.items {
        if let Item::Expr(written, alias) = item {
            let expr = expressions.whole(written, Clause::Group);
            let (alias, named) = (alias.as_ref(), std::mem::take(&mut expressions.named));
            items.push(Part { written, alias, expr, named });
        }
    }
    let having = select.having.as_ref().and_then(|written| {
        let condition = errors.keep(having(expressions, &known, written))?;
        Some((condition, std::mem::take(&mut expressions.named)))
    });
    Parts { keys: is_complete.then_some(known), sets, items, having, errors }
}

fn grouped(expressions: &mut Expressions<'_>, select: &Select) -> Checked<BoundSelect> {
    let Parts { mut keys, sets, items, having, mut errors } = parts(expressions, select);
    let has_bounds = expressions.scope.has_bounds();
    if let Some(span) = select.items.iter().find_map(star::find) {
        errors.push(star::of_groups(span, has_bounds));
    }
    let groups = !select.group_by.items.is_empty() || select.distinct.is_some();
    if groups && keys.is_some() && errors.is_empty() && expressions.aggregates.is_empty() {
        errors.keep(distinct::count_rows(expressions, select));
    }
    if errors.is_empty() && expressions.aggregates.is_empty() && items.iter().all(|item| item.expr.is_ok()) {
        errors.push(match has_bounds {
            true => Problem::new(select.span, "a query over windows needs an aggregate")
                .help("add one such as count(*), or read the source itself: FROM source"),
            false => Problem::new(select.span, "HAVING selects groups, and this query has none")
                .help("write the condition as WHERE, or add GROUP BY or an aggregate such as count(*)"),
        });
        // Whether columns are grouped depends on which of both is meant.
        keys = None;
    }
    let mut output = Outputs::new(select);
    for Part { written, alias, expr, named } in items {
        let expr = expr.and_then(|expr| behind(expressions, keys.as_deref(), expr, &named));
        errors.keep(output.push_checked(expressions, written, alias, expr));
    }
    let having = having
        .and_then(|(condition, named)| errors.keep(behind(expressions, keys.as_deref(), condition, &named)));
    let having = having.zip(select.having.as_ref().map(|written| written.expr.to_string()));
    let order = order::bind(expressions, select, |expressions, expr| {
        let named = std::mem::take(&mut expressions.named);
        behind(expressions, keys.as_deref(), expr, &named)
    });
    let order = errors.keep(order).flatten();
    // Where rows have an order, those of all groups come.
    let updates = select.updates.filter(|_| select.order_by.is_none());
    let newest = updates.and_then(|(_, span)| errors.keep(updates::newest(expressions, span)));
    let newest = newest.map(|newest| regroup(newest, keys.as_deref().unwrap_or_default(), expressions));
    let ((), output) = both(errors.end(), output.finish())?;
    let (keys, operators) = (keys.unwrap_or_default(), Vec::new());
    let aggregates = std::mem::take(&mut expressions.aggregates);
    let joins = Vec::new();
    let mut bound = BoundSelect {
        joins,
        filter: None,
        windows: None,
        keys,
        sets,
        aggregates,
        having,
        order,
        operators,
        output,
    };
    if let (Some(_), Some(windows)) = (select.updates, expressions.scope.windows) {
        updates::preview(&mut bound, windows.kind, newest);
    }
    Ok(bound)
}

/// An expression over the columns behind the windows. Which of its columns are grouped is known where all keys are.
fn behind(
    expressions: &Expressions<'_>,
    keys: Option<&[Computed]>,
    expr: Expr,
    named: &[(usize, Span)],
) -> Checked<Expr> {
    let Some(keys) = keys else { return Ok(expr) };
    let expr = ungrouped(expressions, keys, expr, named)?;
    Ok(regroup(expr, keys, expressions))
}

fn having(expressions: &mut Expressions<'_>, keys: &[Computed], written: &Written) -> Checked<Expr> {
    let column = |(expr, _): &Computed| match expr.node {
        Node::Column(column) => Some(column),
        _ => None,
    };
    expressions.key_columns = keys.iter().filter_map(column).collect();
    expressions.use_aliases = true;
    let condition = expressions.condition(written, Clause::Group);
    expressions.use_aliases = false;
    if let Ok(condition) = &condition {
        expressions.warn_never(condition, written, "HAVING");
    }
    condition
}

/// Adds an item of GROUP BY to the keys, unless it is a bound of the window, which every group has.
fn key(
    expressions: &mut Expressions<'_>,
    select: &Select,
    written: &Written,
    keys: &mut Vec<Computed>,
) -> Checked<GroupItem> {
    let meant = match ordinal(written, select)?.or(aliased(expressions, written)?) {
        Some(expr) => &Written { expr: expr.clone(), span: written.span },
        None => written,
    };
    let expr = expressions.whole(meant, Clause::Key)?;
    if let Node::Literal(_) = expr.node {
        return Err(Problem::new(written.span, "a constant makes no groups")
            .help("group by columns, or leave it out"));
    }
    push_key(expressions, expr, meant, keys)
}

/// Adds an expression to the keys, unless it is a bound of the window.
pub(super) fn push_key(
    expressions: &Expressions<'_>,
    expr: Expr,
    written: &Written,
    keys: &mut Vec<Computed>,
) -> Checked<GroupItem> {
    let first = expressions.first_virtual();
    if matches!(expr.node, Node::Column(column) if column >= first) {
        return Ok(GroupItem::Bound);
    }
    if any_column(expr.clone(), |column| column >= first) {
        return Err(Problem::new(written.span, "a group cannot be made of the window's bounds")
            .help("group by window_start and window_end themselves; compute in the SELECT list"));
    }
    let known = keys.iter().position(|(known, _)| *known == expr);
    Ok(GroupItem::Key(known.unwrap_or_else(|| {
        keys.push((expr, written.expr.to_string()));
        keys.len() - 1
    })))
}

/// `GROUP BY 3`: the third item of the SELECT list.
pub(super) fn ordinal<'a>(written: &Written, select: &'a Select) -> Checked<Option<&'a Ast>> {
    let Ast::Value(value) = &written.expr else { return Ok(None) };
    let AstValue::Number(digits, _) = &value.value else { return Ok(None) };
    let item = digits.parse::<usize>().ok().and_then(|n| n.checked_sub(1)).and_then(|n| select.items.get(n));
    match item {
        Some(Item::Expr(item, _)) => Ok(Some(&item.expr)),
        Some(Item::All(..)) => {
            Err(Problem::new(written.span, format!("{digits} is `*` in the SELECT list"))
                .help("name the column"))
        }
        None => {
            let count = select.items.len();
            Err(Problem::new(written.span, format!("the SELECT list has no item {digits}"))
                .help(format!("it has {count}: write 1 to {count}, or the name of a column")))
        }
    }
}

/// `GROUP BY alias`, unless a column has that name.
fn aliased<'a>(expressions: &mut Expressions<'a>, written: &Written) -> Checked<Option<&'a Ast>> {
    let Ast::Identifier(ident) = &written.expr else { return Ok(None) };
    let name = Name::new(ident);
    if let Some(meaning) = expressions.scope.find(&name)? {
        if let Meaning::Column(_) = meaning {
            expressions.warn_column_before_alias(&name, meaning)?;
        }
        return Ok(None);
    }
    Ok(expressions.aliases.iter().find(|alias| name.means(&alias.name.text)).map(|alias| alias.expr))
}

/// Whether every column stands in a key or in an aggregate; the expression unchanged.
fn ungrouped(
    expressions: &Expressions<'_>,
    keys: &[Computed],
    expr: Expr,
    named: &[(usize, Span)],
) -> Checked<Expr> {
    let Some(column) = loose_column(&mut expr.clone(), keys, expressions.first_virtual()) else {
        return Ok(expr);
    };
    let name = expressions.scope.relation.columns.get(column).map_or("", |found| found.name.text.as_str());
    let place = named.iter().rev().find(|(named, _)| *named == column).map(|(_, span)| *span);
    Err(Problem::new(
        place.unwrap_or_else(Span::empty),
        format!("`{name}` is neither in GROUP BY nor inside an aggregate"),
    )
    .help(format!("add it to GROUP BY, or write an aggregate such as max({name})")))
}

fn loose_column(expr: &mut Expr, keys: &[Computed], first: usize) -> Option<usize> {
    if keys.iter().any(|(key, _)| key == expr) {
        return None;
    }
    if let Node::Column(column) = expr.node {
        return (column < first).then_some(column);
    }
    expr.children_mut().into_iter().find_map(|child| loose_column(child, keys, first))
}

pub(super) fn any_column(mut expr: Expr, test: impl Fn(usize) -> bool + Copy) -> bool {
    fn any(expr: &mut Expr, test: impl Fn(usize) -> bool + Copy) -> bool {
        match expr.node {
            Node::Column(column) => test(column),
            _ => expr.children_mut().into_iter().any(|child| any(child, test)),
        }
    }
    any(&mut expr, test)
}

/// From the numbers of the binder to those of [`Behind`].
fn regroup(mut expr: Expr, keys: &[Computed], expressions: &Expressions<'_>) -> Expr {
    replace(&mut expr, keys, expressions.first_virtual());
    expr
}

fn replace(expr: &mut Expr, keys: &[Computed], first: usize) {
    if let Some(key) = keys.iter().position(|(key, _)| key == expr) {
        expr.node = Node::Column(Behind::KEYS + key);
        return;
    }
    if let Node::Column(column) = &mut expr.node {
        let behind = column.saturating_sub(first);
        *column = if behind < Behind::KEYS { behind } else { behind + keys.len() };
        return;
    }
    expr.children_mut().into_iter().for_each(|child| replace(child, keys, first));
}
