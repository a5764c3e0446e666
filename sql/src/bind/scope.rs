//! What names mean in a query.

use sqlparser::tokenizer::Span;

use super::relation::Relation;
use super::window::Windows;
use crate::error::{Checked, Problem};
use crate::parse::name::{Name, nearest, same};

/// The relation that a query reads, as its expressions see it.
pub(super) struct Scope<'a> {
    pub(super) relation: &'a Relation,
    /// The alias in FROM.
    pub(super) alias: Option<&'a Name>,
    pub(super) windows: Option<Windows>,
}

/// What a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A column of the relation.
    Column(usize),
    WindowStart,
    WindowEnd,
}

impl Scope<'_> {
    /// Whether the query has windows with bounds that it can name.
    pub(super) fn has_bounds(&self) -> bool {
        self.windows.is_some_and(|windows| windows.kind.has_bounds())
    }

    /// The column of this name; `None` if there is none.
    pub(super) fn find(&self, name: &Name) -> Checked<Option<Meaning>> {
        if self.has_bounds() {
            if name.means("window_start") {
                return Ok(Some(Meaning::WindowStart));
            }
            if name.means("window_end") {
                return Ok(Some(Meaning::WindowEnd));
            }
        }
        self.column(name)
    }

    /// The column of the relation that has this name; `None` if there is none.
    pub(super) fn column(&self, name: &Name) -> Checked<Option<Meaning>> {
        let columns = self.relation.columns.iter().enumerate();
        let found: Vec<usize> =
            columns.filter(|(_, column)| name.means(&column.name.text)).map(|(at, _)| at).collect();
        let exact =
            |at: &&usize| self.relation.columns.get(**at).is_some_and(|column| column.name.text == name.text);
        match found.as_slice() {
            [] => Ok(None),
            [at] => Ok(Some(Meaning::Column(*at))),
            several => match several.iter().find(exact) {
                Some(at) => Ok(Some(Meaning::Column(*at))),
                None => Err(Problem::new(name.span, format!("`{}` may mean several columns", name.text))
                    .help("write the name in double quotes, exactly as it was declared")),
            },
        }
    }

    /// Whether `qualifier.column` can mean a column of this relation.
    pub(super) fn check_qualifier(&self, qualifier: &Name) -> Checked<()> {
        let own = self.alias.map_or(self.relation.name.as_str(), |alias| alias.text.as_str());
        if qualifier.means(own) || (self.alias.is_some_and(|alias| same(&alias.text, &qualifier.text))) {
            return Ok(());
        }
        let problem =
            Problem::new(qualifier.span, format!("`{}` is not what this query reads", qualifier.text));
        Err(problem.help(format!("write `{own}.column`, or the column alone")))
    }

    pub(super) fn unknown(&self, name: &Name, span: Span) -> Box<Problem> {
        let names = || self.relation.columns.iter().map(|column| column.name.text.as_str());
        let bounds = if self.has_bounds() { ["window_start", "window_end"].as_slice() } else { &[] };
        let problem =
            Problem::new(span, format!("{} has no column `{}`", self.relation.describe(), name.text));
        if let Some(near) = nearest(&name.text, names().chain(bounds.iter().copied())) {
            return problem.suggest(Some(near));
        }
        if !self.has_bounds() && (same(&name.text, "window_start") || same(&name.text, "window_end")) {
            return problem.help(match self.relation.is_view() {
                true => "select it in the view",
                false => "windows are made in FROM: TUMBLE(source, ts, INTERVAL '1' MINUTE)",
            });
        }
        if name.quoted {
            return problem.help(format!("double quotes are for names; a text is written '{}'", name.text));
        }
        let list = names().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        problem.help(format!("its columns are {list}"))
    }
}
