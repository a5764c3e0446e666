//! Windows over a view that selects rows of a source: the query reads the source itself, as if the view's WHERE and SELECT list were
//! written in it. So the view's rows have the source's event time, partitions and watermark.

use std::collections::BTreeSet;

use super::expression::MAX_DEPTH;
use super::join::BoundJoin;
use super::query::{BoundOutput, BoundSelect, Computed};
use super::relation::{Relation, RelationKind, RowView};
use super::{Binder, BoundQuery};
use crate::expr::{Expr, Node};
use crate::manifest::WindowKind;
use crate::types::{DataType, Value};

/// How much of views may be written into the queries of a program: operations and bytes of their text. An expression such as `x + x AS x`
/// doubles with each query that reads another one, so a short text could need more memory than there is.
pub(super) const ROOM: usize = 1 << 20;
/// How much of it one query may have.
const QUERY_ROOM: usize = 64 << 10;

impl Binder<'_> {
    /// What the rows of a view are.
    pub(super) fn view_kind(&mut self, query: &BoundQuery) -> RelationKind {
        let read = self.relations.iter().find(|relation| relation.input == query.input);
        let select = query.select.clone();
        match read.map(|read| (read, &read.kind)) {
            Some(_) if select.windows.is_some() => window_view(&select),
            Some((source, RelationKind::Source { .. })) => {
                RelationKind::RowView(Box::new(RowView { source: source.clone(), select: Some(select) }))
            }
            Some((view, RelationKind::RowView(inner))) => {
                let select = through(select, view, inner, &mut self.room);
                RelationKind::RowView(Box::new(RowView { source: inner.source.clone(), select }))
            }
            // Its rows are those of the view that it reads.
            Some((_, RelationKind::WindowView { has_bounds })) => {
                RelationKind::WindowView { has_bounds: *has_bounds }
            }
            None => RelationKind::WindowView { has_bounds: true },
        }
    }
}

/// What the rows of a query over windows are.
pub(super) fn window_view(select: &BoundSelect) -> RelationKind {
    let has_bounds = select.windows.is_none_or(|windows| windows.kind.has_bounds());
    RelationKind::WindowView { has_bounds }
}

/// A query over the rows of a view as one over what the view reads; none where it would be too large.
pub(super) fn through(
    select: BoundSelect,
    relation: &Relation,
    view: &RowView,
    room: &mut usize,
) -> Option<BoundSelect> {
    let inner = view.select.as_ref()?;
    let own_room = QUERY_ROOM.min(*room);
    let mut left = own_room;
    // Behind the columns stand those of tables, then what operators give.
    let tables = |joins: &[BoundJoin]| joins.iter().map(|join| join.columns.len()).sum::<usize>();
    let behind_columns = view.source.columns.len() + tables(&inner.joins);
    let mut joins = inner.joins.clone();
    for join in select.joins {
        let key = match inner.output.get(join.key).map(|output| &output.expr.node) {
            Some(&Node::Column(key)) => key,
            Some(_) => unreachable!("the binder refuses keys that are computed"),
            None => join.key - inner.output.len() + behind_columns,
        };
        joins.push(BoundJoin { key, ..join });
    }
    let names = relation.columns.iter().map(|column| column.name.text.as_str()).collect();
    let mut inline = Inline { names, outputs: &inner.output, behind_columns, room: &mut left };
    let filter = inline.filter(inner.filter.clone(), select.filter)?;
    let windows = select.windows.map(|mut windows| {
        let time = inner.output.get(windows.time).map(|output| &output.expr.node);
        windows.time = match (windows.kind, time) {
            (WindowKind::Whole, _) => view.source.time_of_all().unwrap_or_default(),
            (_, Some(&Node::Column(time))) => time,
            _ => unreachable!("the time is passed unchanged"),
        };
        windows
    });
    let (mut keys, mut aggregates, mut operators) = (select.keys, select.aggregates, select.operators);
    let sets = select.sets;
    let (mut output, mut order) = (select.output, select.order);
    // The set number, the last key, is no column of the view.
    let columns = keys.len() - usize::from(!sets.is_empty());
    keys.iter_mut().take(columns).try_for_each(|key| inline.one(key))?;
    aggregates.iter_mut().try_for_each(|aggregate| inline.all(&mut aggregate.arguments))?;
    operators.iter_mut().try_for_each(|operator| inline.all(&mut operator.keys))?;
    // Behind windows the numbers are those of keys and aggregates.
    if windows.is_none() {
        output.iter_mut().try_for_each(|output| inline.output(output))?;
        let mut order = order.iter_mut().flat_map(|order| &mut order.keys);
        order.try_for_each(|key| inline.one(&mut key.value))?;
    }
    *room -= own_room - left;
    let having = select.having;
    Some(BoundSelect { joins, filter, windows, keys, sets, aggregates, operators, order, output, having })
}

/// Writes what the columns of a view are in the place of their names.
struct Inline<'a> {
    /// The names of the view's columns.
    names: Vec<&'a str>,
    /// What they are.
    outputs: &'a [BoundOutput],
    /// How many columns there are below the view, with those of the tables that it joins.
    behind_columns: usize,
    room: &'a mut usize,
}

impl Inline<'_> {
    /// The view's condition, then that of the query: only rows of the view are looked at.
    fn filter(&mut self, view: Option<Computed>, own: Option<Computed>) -> Option<Option<Computed>> {
        let own = match own {
            Some(mut own) => {
                self.one(&mut own)?;
                Some(own)
            }
            None => None,
        };
        let mut filter = match (view, own) {
            (Some(view), Some(own)) => Some(and(view, own)),
            (view, own) => view.or(own),
        };
        if let Some((filter, text)) = &mut filter {
            self.measure(filter, 0)?;
            self.take(text.len())?;
        }
        Some(filter)
    }

    fn all(&mut self, list: &mut [Computed]) -> Option<()> {
        list.iter_mut().try_for_each(|computed| self.one(computed))
    }

    fn output(&mut self, output: &mut BoundOutput) -> Option<()> {
        let mut computed = (output.expr.clone(), std::mem::take(&mut output.text));
        self.one(&mut computed)?;
        (output.expr, output.text) = computed;
        Some(())
    }

    /// An expression over the columns of the view as one over those of its source. The text, by which a state knows the expression, says
    /// what the columns are.
    fn one(&mut self, (expr, text): &mut Computed) -> Option<()> {
        let direct = match expr.node {
            Node::Column(at) => self.outputs.get(at),
            _ => None,
        };
        let mut read = BTreeSet::new();
        self.replace(expr, 0, &mut read)?;
        if let Some(output) = direct {
            text.clone_from(&output.text);
            return self.take(text.len());
        }
        let (mut before, outputs) = (" with ", self.outputs);
        for at in read {
            if let (Some(name), Some(output)) = (self.names.get(at).copied(), outputs.get(at))
                && output.text != name
            {
                self.take(output.text.len())?;
                text.extend([before, name, " = ", &output.text]);
                before = ", ";
            }
        }
        self.take(text.len())
    }

    /// Replaces the columns of the view, at this depth of an expression; which ones those were is added to `read`.
    fn replace(&mut self, expr: &mut Expr, depth: usize, read: &mut BTreeSet<usize>) -> Option<()> {
        if let Node::Column(at) = &mut expr.node {
            let Some(output) = self.outputs.get(*at) else {
                *at = *at - self.outputs.len() + self.behind_columns;
                return Some(());
            };
            read.insert(*at);
            *expr = output.expr.clone();
            return self.measure(expr, depth);
        }
        self.enter(depth)?;
        expr.children_mut().into_iter().try_for_each(|child| self.replace(child, depth + 1, read))
    }

    /// None where an expression at this depth is too large.
    fn measure(&mut self, expr: &mut Expr, depth: usize) -> Option<()> {
        self.enter(depth)?;
        expr.children_mut().into_iter().try_for_each(|child| self.measure(child, depth + 1))
    }

    /// One more operation, at this depth.
    fn enter(&mut self, depth: usize) -> Option<()> {
        self.take(1).filter(|()| depth < MAX_DEPTH)
    }

    fn take(&mut self, room: usize) -> Option<()> {
        *self.room = self.room.checked_sub(room)?;
        Some(())
    }
}

/// The first condition, then the second where the first holds.
pub(super) fn and((view, view_text): Computed, (own, own_text): Computed) -> Computed {
    let text = format!("({view_text}) AND ({own_text})");
    let no = Expr { node: Node::Literal(Value::Boolean(false)), data_type: DataType::Boolean };
    let node = Node::Case(vec![(view, own)], Some(Box::new(no)));
    (Expr { node, data_type: DataType::Boolean }, text)
}
