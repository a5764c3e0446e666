//! Which columns and rows go where, as the plan says.

use std::ops::Range;

use streamgauge_common::{
    column::{Bitmap, Column, DataType, Value},
    reason::Reason,
};
use streamgauge_component::query::Selected;
use streamgauge_engine::Fault;
use streamgauge_sql::manifest::{self, Manifest, Stage};

/// The SELECT list of some rows.
pub(super) struct Picked {
    pub(super) columns: Vec<Column>,
    /// Which rows; none = all.
    pub(super) rows: Option<Vec<u32>>,
}

/// The SELECT list as it was written: without what ALLOW LATENESS appends.
pub(super) fn plain(manifest: &Manifest) -> &[manifest::Output] {
    let is_appended = |output: &manifest::Output| output.column == manifest::Column::Revision;
    let written = manifest.output.iter().position(is_appended).unwrap_or(manifest.output.len());
    manifest.output.get(..written).unwrap_or_default()
}

/// The SELECT list of the rows that are kept.
pub(super) fn pick<'a>(
    outputs: &[manifest::Output],
    kept: Option<&Bitmap>,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
) -> Result<Picked, Fault> {
    let rows: Option<Vec<u32>> = kept.map(|kept| {
        kept.iter().zip(0..).filter_map(|(keep, row): (bool, u32)| keep.then_some(row)).collect()
    });
    let columns = outputs
        .iter()
        .map(|output| {
            let column = column(output.column).ok_or_else(|| lost(output.column))?;
            Ok(rows.as_ref().map_or_else(|| column.clone(), |rows| column.take(rows)))
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    Ok(Picked { columns, rows })
}

/// Where rows of a batch are among those that can be used, which ascend; none = all can be.
pub(super) fn among(rows: Range<usize>, usable: Option<&[u32]>) -> Range<usize> {
    let before = |row: usize| match usable {
        None => row,
        Some(usable) => usable.partition_point(|&number| (number as usize) < row),
    };
    before(rows.start)..before(rows.end)
}

/// Which rows go on: kept by the filter and without a failure; none = all.
pub(super) fn kept(selected: &Selected, len: usize) -> Option<Bitmap> {
    if selected.keep.is_none() && selected.failed.is_empty() {
        return None;
    }
    let mut kept = selected.keep.clone().unwrap_or_else(|| Bitmap::filled(len, true));
    selected.failed.iter().for_each(|failure| kept.set(failure.row as usize, false));
    Some(kept)
}

pub(super) fn arguments<'a>(
    stage: &Stage,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
) -> Result<Vec<&'a Column>, Fault> {
    stage.arguments.iter().map(|&place| column(place).ok_or_else(|| lost(place))).collect()
}

pub(super) fn constant(time: i64, len: usize) -> Column {
    let mut column = Column::empty(DataType::Timestamp);
    (0..len).for_each(|_| column.push(&Value::Timestamp(time)));
    column
}

pub(super) fn expression(stage: Option<&Stage>, number: u32) -> &str {
    stage.and_then(|stage| stage.expressions.get(number as usize)).map_or("an expression", String::as_str)
}

pub(super) fn words(reason: Reason) -> &'static str {
    match reason {
        Reason::DivisionByZero => "division by zero",
        Reason::Overflow => "a result that does not fit its type",
        Reason::InvalidCast => "a text that is not of the type it is cast to",
        _ => "an argument out of range",
    }
}

/// The plan names a column that is not there: a component that was not made by this version.
pub(super) fn lost(place: impl std::fmt::Debug) -> Fault {
    Fault::deterministic("the plan", format!("names a column that is not there: {place:?}"))
}
