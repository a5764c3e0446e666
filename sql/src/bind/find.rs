//! What a name in a statement means: a source, a view, a query of WITH, a table or a sink.

use super::Binder;
use super::relation::Relation;
use crate::error::{Checked, Problem};
use crate::parse::name::{Name, nearest};

impl Binder<'_> {
    /// The names of what queries read.
    pub(super) fn readable(&self) -> impl Iterator<Item = &str> {
        let relations = self.relations.iter().map(|relation| relation.name.as_str());
        relations.chain(self.tables.iter().map(|table| table.name.as_str()))
    }

    /// The source or the view of this name.
    pub(super) fn find(&self, name: &Name) -> Checked<Relation> {
        if let Some(relation) = self.named.iter().rev().find(|relation| name.means(&relation.name)) {
            return Ok(relation.clone());
        }
        if let Some(relation) = self.relations.iter().find(|relation| name.means(&relation.name)) {
            return Ok(relation.clone());
        }
        self.check_broken(name)?;
        let problem = Problem::new(name.span, format!("there is no source or view `{}`", name.text));
        if self.sinks.iter().any(|sink| name.means(&sink.name)) {
            return Err(problem.help(format!("`{}` is a sink: it can only be written to", name.text)));
        }
        if let Some(table) = self.tables.iter().find(|table| name.means(&table.name)) {
            return Err(Problem::new(
                name.span,
                format!("`{}` is a table: a query reads a source or a view", table.name),
            )
            .help(format!("join it: FROM source s LEFT JOIN {} t ON s.column = t.key", table.name)));
        }
        if self.declared.iter().any(|declared| name.means(declared)) {
            return Err(
                problem.help("it is declared further down: move its CREATE statement before this one")
            );
        }
        let names = self.relations.iter().map(|relation| relation.name.as_str());
        Err(match nearest(&name.text, names) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help("declare it with CREATE SOURCE or CREATE VIEW"),
        })
    }

    /// The sink of this name, as declared.
    pub(super) fn find_sink(&self, name: &Name) -> Checked<String> {
        if let Some(sink) = self.sinks.iter().find(|sink| name.means(&sink.name)) {
            return Ok(sink.name.clone());
        }
        self.check_broken(name)?;
        let problem = Problem::new(name.span, format!("there is no sink `{}`", name.text));
        if let Some(relation) = self.relations.iter().find(|relation| name.means(&relation.name)) {
            return Err(problem.help(format!("{} can only be read", relation.describe())));
        }
        if let Some(table) = self.tables.iter().find(|table| name.means(&table.name)) {
            return Err(problem.help(format!("`{}` is a table: it can only be joined", table.name)));
        }
        if self.declared.iter().any(|declared| name.means(declared)) {
            return Err(
                problem.help("it is declared further down: move its CREATE statement before this one")
            );
        }
        Err(match nearest(&name.text, self.sinks.iter().map(|sink| sink.name.as_str())) {
            Some(near) => problem.suggest(Some(near)),
            None => {
                problem.help(format!("declare it: CREATE SINK {} WITH (connector = 'console')", name.text))
            }
        })
    }

    /// What follows from a statement that was reported is not reported.
    pub(super) fn check_broken(&self, name: &Name) -> Checked<()> {
        match self.broken.iter().any(|broken| name.means(broken)) {
            true => Err(Problem::follows(name.span)),
            false => Ok(()),
        }
    }
}
