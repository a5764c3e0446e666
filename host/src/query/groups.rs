//! The groups of a window as HAVING and the SELECT list see them.

use streamgauge_common::column::Column;
use streamgauge_component::query::Selected;
use streamgauge_engine::{Closed, GroupRows};
use streamgauge_sql::manifest;

use super::columns::constant;

/// Groups of a window, with its bounds as columns.
pub(super) struct Groups<'a> {
    pub(super) rows: &'a GroupRows,
    pub(super) starts: Column,
    pub(super) ends: Column,
}

impl<'a> Groups<'a> {
    /// Groups of a window that is decided: what they come to, or came to before.
    pub(super) fn of(closed: &Closed, rows: &'a GroupRows) -> Self {
        let bound = |time| constant(time, rows.len());
        Self { rows, starts: bound(closed.window_start), ends: bound(closed.window_end) }
    }

    /// A column behind the window; none where it is not one of those.
    pub(super) fn behind(&self, place: manifest::Column) -> Option<&Column> {
        match place {
            manifest::Column::Key(index) => self.rows.keys.get(index),
            manifest::Column::Aggregate(index) => self.rows.aggregates.get(index),
            manifest::Column::WindowStart => Some(&self.starts),
            manifest::Column::WindowEnd => Some(&self.ends),
            manifest::Column::Computed(_)
            | manifest::Column::Input(_)
            | manifest::Column::SetNumber
            | manifest::Column::Operator(_)
            | manifest::Column::Revision
            | manifest::Column::Op => None,
        }
    }

    /// The same, and what the SELECT list computes.
    pub(super) fn column<'b>(
        &'b self,
        selected: &'b Selected,
        place: manifest::Column,
    ) -> Option<&'b Column> {
        match place {
            manifest::Column::Computed(index) => selected.columns.get(index),
            place => self.behind(place),
        }
    }
}
