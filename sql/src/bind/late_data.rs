//! LATE DATA TO: the events that are late for all windows of a query go to a sink, as they are.

use super::lateness::Lateness;
use super::query::{BoundOutput, BoundSelect};
use super::relation::{Relation, RelationKind, TimeRole};
use super::{Binder, BoundQuery};
use crate::error::{Checked, Problem};
use crate::expr::{Expr, Node};
use crate::manifest::{Field, Input, Target};
use crate::parse::select::Select;

impl Binder<'_> {
    /// The query that sends the late events of `query`, which reads `source`.
    pub(super) fn bind_late_data(
        &mut self,
        select: &Select,
        query: &BoundQuery,
        source: &Relation,
    ) -> Checked<Option<BoundQuery>> {
        let Some(to) = &select.late_to else { return Ok(None) };
        let sink = self.find_sink(to)?;
        if query.select.windows.is_none_or(|windows| !windows.kind.has_bounds()) {
            return Err(Problem::new(to.span, "without windows no event is late").help(
                "leave LATE DATA TO out, or make windows: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
            ));
        }
        if !matches!(source.kind, RelationKind::Source { .. }) {
            return Err(Problem::new(to.span, format!("no row of {} is late", source.describe()))
                .help("write LATE DATA TO in the query over the source"));
        }
        let name = format!("late_{}", query.name);
        if self.names.contains(&name) {
            return Err(Problem::new(to.span, format!("another query has the name `{name}` already"))
                .help("give one of them another name"));
        }
        self.names.push(name.clone());
        let output = source.columns.iter().enumerate().map(|(at, column)| BoundOutput {
            name: column.name.clone(),
            expr: Expr { node: Node::Column(at), data_type: column.data_type },
            text: column.name.text.clone(),
            role: TimeRole::None,
        });
        let columns = source.columns.iter();
        let columns =
            columns.map(|column| Field { name: column.name.text.clone(), data_type: column.data_type });
        Ok(Some(BoundQuery {
            name,
            sql: query.sql.clone(),
            input: Input::Late(query.name.clone()),
            columns: columns.collect(),
            select: BoundSelect {
                joins: Vec::new(),
                filter: None,
                windows: None,
                keys: Vec::new(),
                sets: Vec::new(),
                aggregates: Vec::new(),
                having: None,
                order: None,
                operators: Vec::new(),
                output: output.collect(),
            },
            lateness: Lateness::default(),
            is_preview: false,
            target: Target::Sink(sink),
        }))
    }
}
