//! What a query can read: sources and views.

use super::query::{BoundOutput, BoundSelect};
use crate::manifest::Input;
use crate::parse::name::Name;
use crate::types::DataType;

/// A source or a view that was declared before.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    /// As declared.
    pub(crate) name: String,
    pub(crate) kind: RelationKind,
    /// As manifests name it: a view by the name of its query.
    pub(crate) input: Input,
    pub(crate) columns: Vec<RelationColumn>,
    /// Whether it is a query of WITH or in FROM, which only its statement knows.
    pub(crate) is_named: bool,
    /// Whether its rows are revised: ALLOW LATENESS.
    pub(crate) is_revised: bool,
    /// Whether its rows come before their windows close: EMIT ON UPDATE.
    pub(crate) is_preview: bool,
}

/// Which of the two.
#[derive(Clone, Debug)]
pub(crate) enum RelationKind {
    /// With the column of its WATERMARK.
    Source { time: Option<usize> },
    /// Rows of windows; without bounds where they aggregate all of a bounded input.
    WindowView { has_bounds: bool },
    /// Rows of a source.
    RowView(Box<RowView>),
}

/// A view without windows, over a source.
#[derive(Clone, Debug)]
pub(crate) struct RowView {
    pub(crate) source: Relation,
    /// The view as a query over that source; none where it is too large to be written into another query.
    pub(crate) select: Option<BoundSelect>,
}

/// Whether a column's values are times by which windows can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeRole {
    /// They are values like others.
    None,
    /// They are the event times of a source's WATERMARK, unchanged.
    EventTime,
    /// They are the ends of the windows that the rows are of.
    WindowEnd,
}

/// A column that a query can name.
#[derive(Clone, Debug)]
pub(crate) struct RelationColumn {
    pub(crate) name: Name,
    pub(crate) data_type: DataType,
    pub(crate) role: TimeRole,
}

impl RelationColumn {
    /// A column of a query's result.
    pub(crate) fn of(output: &BoundOutput) -> Self {
        let BoundOutput { name, expr, role, .. } = output;
        Self { name: name.clone(), data_type: expr.data_type, role: *role }
    }

    /// Whether its values are the ends of the windows that the rows are of.
    pub(crate) fn is_window_end(&self) -> bool {
        self.role == TimeRole::WindowEnd
    }
}

impl Relation {
    pub(crate) fn is_view(&self) -> bool {
        !matches!(self.kind, RelationKind::Source { .. })
    }

    /// Whether its rows are of windows.
    pub(crate) fn has_window_rows(&self) -> bool {
        match &self.kind {
            RelationKind::Source { .. } => false,
            RelationKind::WindowView { .. } => true,
            RelationKind::RowView(view) => view.source.has_window_rows(),
        }
    }

    /// A column that stands for the event time of its rows where a query has one window over all of them; none where a source has no
    /// WATERMARK. The rows of windows have the time of their window, so of a view with windows it is any column; of a view that
    /// selects rows it is replaced when the query is written over the view's source.
    pub(crate) fn time_of_all(&self) -> Option<usize> {
        match &self.kind {
            RelationKind::Source { time } => *time,
            RelationKind::WindowView { .. } => Some(0),
            RelationKind::RowView(view) => view.source.time_of_all(),
        }
    }

    /// How it is read with windows, in words of an error.
    pub(crate) fn with_windows(&self) -> String {
        let time = self.columns.iter().find(|column| column.role != TimeRole::None);
        match time.map(|column| column.name.text.as_str()) {
            _ if !self.is_view() => "write FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)".to_owned(),
            Some(time) => format!("write FROM TUMBLE({}, {time}, INTERVAL '1' HOUR)", self.name),
            None => {
                let time = if self.has_window_rows() { "window_end" } else { "the source's event time" };
                format!("select {time} in {}, and write FROM TUMBLE over it", self.describe())
            }
        }
    }

    /// In words of an error.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.kind {
            RelationKind::Source { .. } => "source",
            _ if self.is_named => "query",
            _ => "view",
        };
        format!("the {kind} `{}`", self.name)
    }
}
