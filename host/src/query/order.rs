//! ORDER BY and LIMIT of a statement: the rows of a window, gathered until all of them are there.

use std::cmp::Ordering;

use streamgauge_common::{column::Column, row::Rows};
use streamgauge_engine::{Fault, encode_key};
use streamgauge_sql::manifest::{self, OrderKey, WindowOrder};

use super::columns::lost;

/// The rows of the window that is being given out, as far as they may come.
///
/// A window comes in runs of groups. With LIMIT no more than that many rows are kept of the runs before.
pub(super) struct OrderedRows {
    order: WindowOrder,
    gathered: Option<Gathered>,
}

/// Rows of one window.
struct Gathered {
    rows: Rows,
    /// What each row is compared by: the encoded value of each item of ORDER BY, none where it is NULL.
    values: Vec<Vec<Option<Vec<u8>>>>,
}

impl OrderedRows {
    pub(super) fn new(order: WindowOrder) -> Self {
        Self { order, gathered: None }
    }

    /// Forgets the rows of a window that is given out once more.
    pub(super) fn reset(&mut self) {
        self.gathered = None;
    }

    /// Takes the rows of a run, and gives those of the window in their order where it was the last. `picked` says which rows of `column`'s
    /// columns they are; none = all.
    ///
    /// # Errors
    /// A plan that orders by a column that is not there.
    pub(super) fn take<'a>(
        &mut self,
        picked: Option<&[u32]>,
        rows: Rows,
        is_last: bool,
        column: impl Fn(manifest::Column) -> Option<&'a Column>,
    ) -> Result<Option<Rows>, Fault> {
        let columns: Vec<&Column> = self
            .order
            .keys
            .iter()
            .map(|key| column(key.column).ok_or_else(|| lost(key.column)))
            .collect::<Result<_, Fault>>()?;
        let at = |row: usize| picked.map_or(Some(row), |rows| Some(*rows.get(row)? as usize));
        let values = (0..rows.len).filter_map(at);
        let values = values.map(|row| columns.iter().map(|column| encoded(column, row)).collect()).collect();
        let gathered = match self.gathered.take() {
            None => Gathered { rows, values },
            Some(before) => before.with(rows, values),
        };
        match is_last {
            true => Ok(Some(gathered.first(&self.order).rows)),
            false => {
                let kept = if self.order.limit.is_some() { gathered.first(&self.order) } else { gathered };
                self.gathered = Some(kept);
                Ok(None)
            }
        }
    }
}

impl Gathered {
    /// These rows, and others behind them.
    fn with(mut self, rows: Rows, values: Vec<Vec<Option<Vec<u8>>>>) -> Self {
        self.rows.append(&rows);
        self.values.extend(values);
        self
    }

    /// The rows in their order, as many as LIMIT lets come. Rows that compare as equal keep the order in which they came.
    fn first(self, order: &WindowOrder) -> Self {
        let mut rows: Vec<u32> = (0..self.rows.len as u32).collect();
        rows.sort_by(|&left, &right| {
            let values = |row: u32| self.values.get(row as usize);
            match (values(left), values(right)) {
                (Some(left), Some(right)) => compare(&order.keys, left, right),
                _ => Ordering::Equal,
            }
        });
        rows.truncate(order.limit.map_or(usize::MAX, |limit| limit as usize));
        let values = rows.iter().filter_map(|&row| self.values.get(row as usize).cloned()).collect();
        Self { rows: self.rows.take(&rows), values }
    }
}

/// A value whose bytes are ordered as values are; none = NULL.
fn encoded(column: &Column, row: usize) -> Option<Vec<u8>> {
    column.is_valid(row).then(|| {
        let mut bytes = Vec::new();
        encode_key(&[column], row, &mut bytes);
        bytes
    })
}

fn compare(keys: &[OrderKey], left: &[Option<Vec<u8>>], right: &[Option<Vec<u8>>]) -> Ordering {
    let by_key = keys.iter().zip(left.iter().zip(right)).map(|(key, (left, right))| match (left, right) {
        (Some(left), Some(right)) if key.descending => right.cmp(left),
        (Some(left), Some(right)) => left.cmp(right),
        (None, None) => Ordering::Equal,
        (None, Some(_)) if key.nulls_first => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) if key.nulls_first => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    });
    by_key.fold(Ordering::Equal, Ordering::then)
}
