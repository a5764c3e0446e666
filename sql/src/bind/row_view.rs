//! Windows over a view that selects rows of a source: the query reads the source itself, as if the view's WHERE and SELECT list were
//! written in it. So the view's rows have the source's event time, partitions and watermark.

use super::query::{BoundOutput, BoundSelect, Computed, any_column};
use super::relation::{Relation, RelationKind, RowView};
use super::{Binder, BoundQuery};
use crate::expr::{Expr, Node};
use crate::types::{DataType, Value};

impl Binder<'_> {
    /// What the rows of a view are.
    pub(super) fn view_kind(&self, query: &BoundQuery) -> RelationKind {
        let read = self.relations.iter().find(|relation| relation.input == query.input);
        let select = query.select.clone();
        match read.map(|read| (read, &read.kind)) {
            Some(_) if select.windows.is_some() => RelationKind::WindowView,
            Some((source, RelationKind::Source { .. })) => {
                RelationKind::RowView(Box::new(RowView { source: source.clone(), select }))
            }
            Some((view, RelationKind::RowView(inner))) => {
                let select = through(select, view, inner);
                RelationKind::RowView(Box::new(RowView { source: inner.source.clone(), select }))
            }
            Some((_, RelationKind::WindowView)) | None => RelationKind::WindowView,
        }
    }
}

/// A query over the rows of a view as one over what the view reads.
pub(super) fn through(select: BoundSelect, relation: &Relation, view: &RowView) -> BoundSelect {
    // Behind the columns stands what operators give.
    let behind_columns = view.source.columns.len();
    let names: Vec<&str> = relation.columns.iter().map(|column| column.name.text.as_str()).collect();
    let inline = |(expr, text): Computed| inline(expr, text, &names, (&view.select.output, behind_columns));
    let filter = match (view.select.filter.clone(), select.filter.map(inline)) {
        (Some(view), Some(own)) => Some(and(view, own)),
        (view, own) => view.or(own),
    };
    let windows = select.windows.map(|mut windows| {
        let time = view.select.output.get(windows.time).map(|output| &output.expr.node);
        let Some(&Node::Column(time)) = time else { unreachable!("the time is passed unchanged") };
        windows.time = time;
        windows
    });
    // Behind windows the numbers are those of keys and aggregates.
    let output = match windows {
        Some(_) => select.output,
        None => select.output.into_iter().map(|output| inline_output(output, &inline)).collect(),
    };
    let keys = select.keys.into_iter().map(inline).collect();
    let aggregates = select.aggregates.into_iter().map(|mut aggregate| {
        aggregate.arguments = aggregate.arguments.into_iter().map(inline).collect();
        aggregate
    });
    let operators = select.operators.into_iter().map(|mut operator| {
        operator.keys = operator.keys.into_iter().map(inline).collect();
        operator
    });
    let order = match windows {
        Some(_) => select.order,
        None => select.order.map(|mut order| {
            order.keys.iter_mut().for_each(|key| key.value = inline(key.value.clone()));
            order
        }),
    };
    let (aggregates, operators) = (aggregates.collect(), operators.collect());
    BoundSelect { filter, windows, keys, aggregates, operators, order, output, having: select.having }
}

fn inline_output(output: BoundOutput, inline: &impl Fn(Computed) -> Computed) -> BoundOutput {
    let (expr, text) = inline((output.expr, output.text));
    BoundOutput { expr, text, ..output }
}

/// The view's condition, then that of the query: only rows of the view are looked at.
fn and((view, view_text): Computed, (own, own_text): Computed) -> Computed {
    let text = format!("({view_text}) AND ({own_text})");
    let no = Expr { node: Node::Literal(Value::Boolean(false)), data_type: DataType::Boolean };
    let node = Node::Case(vec![(view, own)], Some(Box::new(no)));
    (Expr { node, data_type: DataType::Boolean }, text)
}

/// An expression over the columns of the view as one over those of its source. The text, by which a state knows the expression, says
/// what the columns are.
fn inline(mut expr: Expr, text: String, names: &[&str], view: (&[BoundOutput], usize)) -> Computed {
    let (outputs, _) = view;
    if let Node::Column(at) = expr.node
        && let Some(output) = outputs.get(at)
    {
        return (output.expr.clone(), output.text.clone());
    }
    let definitions = names.iter().zip(outputs).enumerate().filter_map(|(at, (name, output))| {
        let is_read = any_column(expr.clone(), |column| column == at);
        (is_read && output.text != *name).then(|| format!("{name} = {}", output.text))
    });
    let definitions: Vec<String> = definitions.collect();
    let text = match definitions.is_empty() {
        true => text,
        false => format!("{text} with {}", definitions.join(", ")),
    };
    replace(&mut expr, view);
    (expr, text)
}

fn replace(expr: &mut Expr, view: (&[BoundOutput], usize)) {
    let (outputs, behind_columns) = view;
    if let Node::Column(at) = &mut expr.node {
        match outputs.get(*at) {
            Some(output) => *expr = output.expr.clone(),
            None => *at = *at - outputs.len() + behind_columns,
        }
        return;
    }
    expr.children_mut().into_iter().for_each(|child| replace(child, view));
}
