//! What names mean in a query.

use std::ops::Range;

use sqlparser::ast::Ident;
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
    /// The tables that are joined, whose columns stand behind those of the relation itself.
    pub(super) joined: &'a [Joined],
    pub(super) windows: Option<Windows>,
}

/// A table that is joined, as expressions name it.
#[derive(Clone, Debug)]
pub(super) struct Joined {
    pub(super) name: Name,
    /// Which columns are its own.
    pub(super) columns: Range<usize>,
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
        match self.find_bound(name) {
            None => self.column(name),
            bound => Ok(bound),
        }
    }

    /// What a name means that may have another one before it; `None` if there is nothing of that name.
    pub(super) fn find_qualified(&self, parts: &[Ident]) -> Checked<Option<Meaning>> {
        let (qualifier, name) = match parts {
            [qualifier, column] => (Name::new(qualifier), Name::new(column)),
            [.., column] => return self.find(&Name::new(column)),
            [] => return Ok(None),
        };
        let range = self.check_qualifier(&qualifier)?;
        let is_own = range.start == 0;
        // With the view before it `window_end` is the view's own, and not that of the windows over it.
        match self.column_in(&name, range)? {
            None if is_own => Ok(self.find_bound(&name)),
            found => Ok(found),
        }
    }

    /// The bound of a window that has this name; `None` if there is none.
    fn find_bound(&self, name: &Name) -> Option<Meaning> {
        if !self.has_bounds() {
            return None;
        }
        if name.means("window_start") {
            return Some(Meaning::WindowStart);
        }
        name.means("window_end").then_some(Meaning::WindowEnd)
    }

    /// The column of the relation that has this name; `None` if there is none.
    pub(super) fn column(&self, name: &Name) -> Checked<Option<Meaning>> {
        self.column_in(name, 0..self.relation.columns.len())
    }

    /// The same, among these columns.
    pub(super) fn column_in(&self, name: &Name, range: Range<usize>) -> Checked<Option<Meaning>> {
        let columns = self.relation.columns.iter().enumerate().take(range.end).skip(range.start);
        let found: Vec<usize> =
            columns.filter(|(_, column)| name.means(&column.name.text)).map(|(at, _)| at).collect();
        let exact =
            |at: &&usize| self.relation.columns.get(**at).is_some_and(|column| column.name.text == name.text);
        match found.as_slice() {
            [] => Ok(None),
            [at] => Ok(Some(Meaning::Column(*at))),
            [first, .., last] if self.owner(*first) != self.owner(*last) => {
                let (first, last) = (self.owner(*first), self.owner(*last));
                let problem = Problem::new(
                    name.span,
                    format!("both `{first}` and `{last}` have a column `{}`", name.text),
                );
                Err(problem.help(format!("write `{first}.{0}` or `{last}.{0}`", name.text)))
            }
            several => match several.iter().find(exact) {
                Some(at) => Ok(Some(Meaning::Column(*at))),
                None => Err(Problem::new(name.span, format!("`{}` may mean several columns", name.text))
                    .help("write the name in double quotes, exactly as it was declared")),
            },
        }
    }

    /// What the relation itself is called here.
    fn own_name(&self) -> &str {
        self.alias.map_or(self.relation.name.as_str(), |alias| alias.text.as_str())
    }

    /// What a column is named with.
    fn owner(&self, column: usize) -> &str {
        let table = self.joined.iter().find(|table| table.columns.contains(&column));
        table.map_or_else(|| self.own_name(), |table| table.name.text.as_str())
    }

    /// The columns that `qualifier.column` can mean.
    pub(super) fn check_qualifier(&self, qualifier: &Name) -> Checked<Range<usize>> {
        let own = self.own_name();
        if qualifier.means(own) || (self.alias.is_some_and(|alias| same(&alias.text, &qualifier.text))) {
            let all = self.relation.columns.len();
            return Ok(0..self.joined.first().map_or(all, |table| table.columns.start));
        }
        if let Some(table) = self.joined.iter().find(|table| same(&table.name.text, &qualifier.text)) {
            return Ok(table.columns.clone());
        }
        let problem =
            Problem::new(qualifier.span, format!("`{}` is not what this query reads", qualifier.text));
        let tables: String =
            self.joined.iter().map(|table| format!(", `{}.column`", table.name.text)).collect();
        Err(problem.help(format!("write `{own}.column`{tables}, or the column alone")))
    }

    /// What the query reads, in words of an error.
    fn describe(&self) -> String {
        let tables = self.joined.iter().map(|table| format!("`{}`", table.name.text)).collect::<Vec<_>>();
        match tables.is_empty() {
            true => self.relation.describe(),
            false => format!("{} with {}", self.relation.describe(), tables.join(" and ")),
        }
    }

    pub(super) fn unknown(&self, name: &Name, span: Span) -> Box<Problem> {
        let names = || self.relation.columns.iter().map(|column| column.name.text.as_str());
        let bounds = if self.has_bounds() { ["window_start", "window_end"].as_slice() } else { &[] };
        let problem = Problem::new(span, format!("{} has no column `{}`", self.describe(), name.text));
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
