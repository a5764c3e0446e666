//! A SELECT and its FROM: a source, a view, a query or windows over them, with the tables that are joined.

use sqlparser::tokenizer::Span;

use super::join::JoinedRelation;
use super::plugin::{Functions, Names};
use super::query::{self, BoundSelect};
use super::relation::Relation;
use super::window::{self, Windows};
use super::{Binder, updates};
use crate::error::{Checked, Problem};
use crate::errors::{Errors, both};
use crate::parse::from::Relation as Written;
use crate::parse::name::Name;
use crate::parse::select::Select;

impl Binder<'_> {
    /// A SELECT without its WITH, and what it reads.
    pub(super) fn bind_select(&mut self, select: &Select, sql: &str) -> Checked<(Relation, BoundSelect)> {
        let mut errors = Errors::default();
        let (relation, windows, span) = match &select.from.relation {
            Written::Named(name) => (self.find(name)?, None, name.span),
            Written::Query(inner, span) => {
                let unnamed = Name { text: "subquery".to_owned(), quoted: false, span: *span };
                let name = select.from.alias.as_ref().unwrap_or(&unnamed);
                (self.bind_named(name, inner, sql)?, None, *span)
            }
            Written::Window(call) => {
                let (relation, windows) = match window::arguments(call) {
                    Ok(arguments) => {
                        let source = arguments.source()?;
                        let relation = self.find(source)?;
                        if relation.is_preview {
                            return Err(updates::refused(&relation, source.span));
                        }
                        let windows = arguments.windows(&relation);
                        let doubtful = windows.as_ref().ok().and_then(|&windows| arguments.doubtful(windows));
                        self.warnings.extend(doubtful.map(|problem| *problem));
                        (relation, windows)
                    }
                    Err(problem) => match call.first_name().and_then(|name| self.find(name).ok()) {
                        Some(relation) => (relation, Err(problem)),
                        None => return Err(problem),
                    },
                };
                (relation, Some(errors.keep(windows).unwrap_or(Windows::UNKNOWN)), call.span)
            }
        };
        let joined = self.bind_joins(&select.from, &relation);
        let Some(joined) = errors.keep(joined) else { return Err(errors.or(Problem::follows(span))) };
        let windows = match windows {
            Some(windows) => Some(windows),
            None => errors.keep(self.whole(select, &joined, span)).unwrap_or(Some(Windows::UNKNOWN)),
        };
        let windows = errors.keep(updates::windows(select, windows)).unwrap_or(windows);
        let mut warnings = std::mem::take(&mut self.warnings);
        let bound = query::bind(self.functions(), select, joined, windows, &mut warnings);
        self.warnings = warnings;
        let ((), bound) = both(errors.end(), bound)?;
        self.read_through(relation, bound, span)
    }

    /// The functions that queries may call.
    fn functions(&self) -> Functions<'_> {
        Functions {
            catalog: self.catalog,
            own: &self.own_aggregates,
            names: Names { declared: self.declared, broken: &self.broken },
        }
    }

    /// The one window of a query that aggregates without windows; none where it selects rows.
    fn whole(&self, select: &Select, joined: &JoinedRelation, span: Span) -> Checked<Option<Windows>> {
        match query::aggregates(self.functions(), select, joined) {
            true if joined.relation.is_preview => Err(updates::refused(&joined.relation, span)),
            true => Windows::whole(&joined.relation, span).map(Some),
            false => Ok(None),
        }
    }
}
