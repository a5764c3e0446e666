//! Which column is at which position, and the decoded columns at these positions.

use std::sync::Arc;

use streamgauge_common::column::Column;
use streamgauge_sql::manifest::{Source, SourceColumn, TimeFormat};

/// A column of a source, and how its values are written. Queries that read equal columns share a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name, its type and where its value is in an event.
    pub column: SourceColumn,
    /// How its value is written, where it is a TIMESTAMP.
    pub time_format: TimeFormat,
    /// Whether numbers in quotes fit.
    pub lenient_numbers: bool,
}

impl ColumnSpec {
    /// A column as its source declares it.
    pub fn of(source: &Source, column: &SourceColumn) -> Self {
        let time_format = column.time_format.as_ref().unwrap_or(&source.time_format).clone();
        Self { column: column.clone(), time_format, lenient_numbers: source.lenient_numbers }
    }
}

/// The columns of one version of a schema, by position. A position that nobody reads is a hole.
///
/// Who holds a layout keeps its positions from being given to other columns.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    columns: Vec<Option<Arc<ColumnSpec>>>,
}

impl Layout {
    pub(super) fn new(columns: Vec<Option<Arc<ColumnSpec>>>) -> Self {
        Self { columns }
    }

    /// The columns with their positions, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &ColumnSpec)> {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(position, column)| Some((position, column.as_deref()?)))
    }

    /// The column at a position; none where it is a hole.
    pub fn get(&self, position: usize) -> Option<&ColumnSpec> {
        self.columns.get(position)?.as_deref()
    }

    /// The position of a column; none where it is not decoded.
    pub fn position(&self, column: &ColumnSpec) -> Option<usize> {
        self.iter().find(|(_, other)| *other == column).map(|(position, _)| position)
    }
}

/// A layout that does not change: column `i` is at position `i`.
impl FromIterator<ColumnSpec> for Layout {
    fn from_iter<I: IntoIterator<Item = ColumnSpec>>(columns: I) -> Self {
        Self::new(columns.into_iter().map(|column| Some(Arc::new(column))).collect())
    }
}

/// The decoded columns of a batch, by position.
#[derive(Clone, Debug)]
pub struct Columns {
    layout: Arc<Layout>,
    /// None at a position that the layout has no column for.
    columns: Vec<Option<Column>>,
}

/// A batch was decoded without a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("decoded a batch without the column at position {position}, which the query reads")]
pub struct MissingColumn {
    /// Its position.
    pub position: usize,
}

impl Columns {
    /// Columns as a decoder made them, with their positions in the layout; other positions are left out.
    pub fn new(layout: Arc<Layout>, decoded: impl IntoIterator<Item = (usize, Column)>) -> Self {
        let mut columns: Vec<Option<Column>> = Vec::new();
        columns.resize_with(layout.columns.len(), || None);
        for (position, column) in decoded {
            if let Some(place) = columns.get_mut(position) {
                *place = Some(column);
            }
        }
        Self { layout, columns }
    }

    /// Which columns these are.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The column at a position; none where it was not decoded.
    pub fn get(&self, position: usize) -> Option<&Column> {
        self.columns.get(position)?.as_ref()
    }

    /// The column at a position.
    ///
    /// # Errors
    /// It was not decoded.
    pub fn require(&self, position: usize) -> Result<&Column, MissingColumn> {
        self.get(position).ok_or(MissingColumn { position })
    }

    /// The columns that were decoded, with their positions.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Column)> {
        let columns = self.columns.iter().enumerate();
        columns.filter_map(|(position, column)| Some((position, column.as_ref()?)))
    }

    /// The named rows of each column.
    #[must_use]
    pub(super) fn take(&self, rows: &[u32]) -> Self {
        let columns = self.columns.iter().map(|column| column.as_ref().map(|column| column.take(rows)));
        Self { layout: self.layout.clone(), columns: columns.collect() }
    }
}
