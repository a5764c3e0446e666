//! One side of the windows: which columns pass by and which are computed.

use crate::bind::Computed;
use crate::expr::{Code, Expr, Node};
use crate::manifest::{Column, Stage};
use crate::types::DataType;

/// Collects a filter and computed columns over `columns`, which `Node::Column` counts.
pub(super) struct StageBuilder {
    /// Where each column is, and its type.
    columns: Vec<(Column, DataType)>,
    filter: Option<Computed>,
    computed: Vec<Computed>,
}

impl StageBuilder {
    pub(super) fn new(columns: Vec<(Column, DataType)>, filter: Option<Computed>) -> Self {
        Self { columns, filter, computed: Vec::new() }
    }

    /// Where the value of an expression is: a plain column stays where it is, equal expressions are computed once.
    pub(super) fn place(&mut self, expr: &Expr, text: &str) -> Column {
        if let Node::Column(at) = expr.node
            && let Some((column, _)) = self.columns.get(at)
        {
            return *column;
        }
        let known = self.computed.iter().position(|(computed, _)| computed == expr);
        Column::Computed(known.unwrap_or_else(|| {
            self.computed.push((expr.clone(), text.to_owned()));
            self.computed.len() - 1
        }))
    }

    /// The stage and its code; none if there is nothing to do.
    pub(super) fn finish(self) -> Option<(Stage, Code)> {
        let Self { columns, mut filter, mut computed } = self;
        if filter.is_none() && computed.is_empty() {
            return None;
        }
        let mut used: Vec<usize> = Vec::new();
        let mut expressions: Vec<&mut Computed> = filter.iter_mut().chain(&mut computed).collect();
        expressions.iter_mut().for_each(|(expr, _)| collect(expr, &mut used));
        used.sort_unstable();
        used.dedup();
        expressions.iter_mut().for_each(|(expr, _)| renumber(expr, &used));
        let arguments = used.iter().filter_map(|at| columns.get(*at));
        let (arguments, types) = arguments.copied().unzip();
        let texts = filter.iter().chain(&computed).map(|(_, text)| text.clone()).collect();
        let stage = Stage {
            arguments,
            filters: filter.is_some(),
            computed: computed.iter().map(|(expr, _)| expr.data_type).collect(),
            expressions: texts,
        };
        let code = Code {
            arguments: types,
            filter: filter.map(|(expr, _)| expr),
            computed: computed.into_iter().map(|(expr, _)| expr).collect(),
        };
        assert_eq!(stage.arguments.len(), code.arguments.len(), "each argument has a place and a type");
        Some((stage, code))
    }
}

/// Adds the columns that an expression reads.
pub(super) fn collect(expr: &mut Expr, used: &mut Vec<usize>) {
    match expr.node {
        Node::Column(at) => used.push(at),
        _ => expr.children_mut().into_iter().for_each(|child| collect(child, used)),
    }
}

/// From positions in all columns to positions in `used`, which is sorted.
fn renumber(expr: &mut Expr, used: &[usize]) {
    match &mut expr.node {
        Node::Column(at) => *at = used.binary_search(at).unwrap_or_default(),
        _ => expr.children_mut().into_iter().for_each(|child| renumber(child, used)),
    }
}
