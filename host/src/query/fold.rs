//! FOLD of a statement: which columns of a batch are times, keys and arguments.

use streamgauge_common::column::{Bitmap, Column};
use streamgauge_engine::{Fault, FoldBatch, Folded};
use streamgauge_sql::manifest::{self, Manifest};

use super::{
    InputBatch, Origin, QueryContext, QueryIndex, Windows,
    columns::{constant, lost},
    grouping_sets::Copies,
    over_view,
};

/// Folds the rows of a batch that are kept; the others only move the watermark.
pub(super) fn fold<'a>(
    windows: &mut Windows,
    (query, manifest): (QueryIndex, &Manifest),
    input: &InputBatch<'_>,
    kept: Option<&Bitmap>,
    column: impl Fn(manifest::Column) -> Option<&'a Column>,
    scope: &mut QueryContext<'_>,
) -> Result<Folded, Fault> {
    let Some(window) = &manifest.window else { return Ok(Folded::default()) };
    let declared = column(manifest::Column::Input(window.time)).ok_or_else(|| lost(window.time))?;
    // A row of a view is in the window that has the last instant of its own.
    let of_view = input.window_end().map(|end| constant(end.saturating_sub(1), declared.len()));
    let times = of_view.as_ref().unwrap_or(declared);
    let keys = window
        .keys
        .iter()
        .filter(|key| key.column != manifest::Column::SetNumber)
        .map(|key| column(key.column).ok_or_else(|| lost(key.column)))
        .collect::<Result<Vec<_>, _>>()?;
    let arguments = window
        .aggregates
        .iter()
        .map(|aggregate| {
            let mut columns = aggregate
                .arguments
                .iter()
                .map(|&place| column(place).ok_or_else(|| lost(place)))
                .collect::<Result<Vec<_>, _>>()?;
            if aggregate.needs_time {
                columns.push(times);
            }
            Ok(columns)
        })
        .collect::<Result<Vec<_>, Fault>>()?;
    let batch = FoldBatch { times, kept, keys: &keys, arguments: &arguments };
    let copies = (!window.sets.is_empty()).then(|| Copies::new(&batch, &window.sets));
    let mut fold_batch = |batch: &FoldBatch<'_>| match input.origin {
        Origin::View(_, identity) => match &copies {
            Some(copies) => over_view::fold(windows, batch, &identity.take(copies.rows())),
            None => over_view::fold(windows, batch, identity),
        },
        Origin::Records(..) => windows.engine.fold(input.partition(), batch, &mut windows.accumulators),
    };
    let folded = scope.context.grouping(|| match &copies {
        Some(copies) => copies.fold(&mut fold_batch),
        None => fold_batch(&batch),
    })?;
    if matches!(input.origin, Origin::View(..)) {
        return Ok(folded);
    }
    if !input.was_reported(scope.reported) {
        scope.context.count_late(query, folded.late, folded.late_partial);
    }
    Ok(folded)
}
