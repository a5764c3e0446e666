//! What a query can read: sources and views.

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
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    /// With the column of its WATERMARK.
    Source {
        time: Option<usize>,
    },
    View,
}

/// A column that a query can name.
#[derive(Clone, Debug)]
pub(crate) struct RelationColumn {
    pub(crate) name: Name,
    pub(crate) data_type: DataType,
    /// Whether its values are the ends of the windows that the rows are of.
    pub(crate) is_window_end: bool,
}

impl Relation {
    pub(crate) fn is_view(&self) -> bool {
        self.kind == RelationKind::View
    }

    /// In words of an error.
    pub(crate) fn describe(&self) -> String {
        let kind = if self.is_view() { "view" } else { "source" };
        format!("the {kind} `{}`", self.name)
    }
}
