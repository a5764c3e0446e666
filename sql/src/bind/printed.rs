//! EXPLAIN and DESCRIBE: statements that print and do not run.

use std::fmt::Write as _;

use super::relation::{Relation, RelationKind, TimeRole};
use super::{Binder, BoundQuery};
use crate::error::Checked;
use crate::parse::Statement;
use crate::parse::name::Name;
use crate::parse::statement::Body;
use crate::plan::build;

/// What a statement prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// Lines, without the end of the last.
    pub text: String,
    /// Which of the program's files the statement stands in, from 0.
    pub file: usize,
}

/// How much of a program is known: what EXPLAIN binds is forgotten.
struct Known {
    relations: usize,
    names: usize,
    hidden: usize,
    inlined: usize,
    room: usize,
}

impl Binder<'_> {
    /// The plans of a statement, which leaves nothing behind.
    pub(super) fn explain(&mut self, body: &Body, statement: &Statement) -> Checked<()> {
        let known = Known {
            relations: self.relations.len(),
            names: self.names.len(),
            hidden: self.hidden.len(),
            inlined: self.inlined.len(),
            room: self.room,
        };
        let inner = Statement { body: body.clone(), ..statement.clone() };
        let bound = self.bind_own(&inner);
        let (mut queries, behind) = (std::mem::take(&mut self.before), std::mem::take(&mut self.behind));
        self.relations.truncate(known.relations);
        self.names.truncate(known.names);
        self.hidden.truncate(known.hidden);
        self.inlined.truncate(known.inlined);
        self.room = known.room;
        queries.extend(bound?);
        queries.extend(behind);
        let plan = |query: BoundQuery| build(query).to_string();
        let text = queries.into_iter().map(plan).collect::<Vec<_>>().join("\n\n");
        self.printed.push(Printed { text, file: self.file });
        Ok(())
    }

    /// What a name stands for.
    pub(super) fn describe(&mut self, name: &Name) -> Checked<()> {
        let sink = self.sinks.iter().find(|sink| name.means(&sink.name));
        let text = match sink {
            Some(sink) => format!("sink {}: connector {}", sink.name, sink.connector),
            None => columns(&self.find(name)?),
        };
        self.printed.push(Printed { text, file: self.file });
        Ok(())
    }
}

/// A source or a view with its columns, each with its type.
fn columns(relation: &Relation) -> String {
    let kind = match relation.kind {
        RelationKind::Source { .. } => "source",
        RelationKind::WindowView { .. } | RelationKind::RowView(_) => "view",
    };
    let mut text = format!("{kind} {}", relation.name);
    let width =
        relation.columns.iter().map(|column| column.name.text.chars().count()).max().unwrap_or_default();
    for column in &relation.columns {
        let role = match column.role {
            TimeRole::None => "",
            TimeRole::EventTime => "  event time",
            TimeRole::WindowEnd => "  end of the window",
        };
        // Writing to a string does not fail.
        let _ = write!(text, "\n  {:width$}  {}{role}", column.name.text, column.data_type);
    }
    text
}
