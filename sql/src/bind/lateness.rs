//! ALLOW LATENESS: windows that take events after their close, and rows that are revised.

use sqlparser::tokenizer::Span;

use super::query::BoundSelect;
use super::relation::{Relation, RelationKind};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::manifest::WindowKind;
use crate::parse::name::same;
use crate::parse::select::Select;

/// The names of the columns that are appended to rows that are revised.
pub(crate) const REVISION: &str = "revision";
pub(crate) const OP: &str = "op";

const DAY_US: i64 = 86_400_000_000;
/// How long a window may take events: a year.
const LATENESS_MAX_US: i64 = 366 * DAY_US;

/// Whether, and how long, a query's rows are revised.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lateness {
    /// How long its own windows take events after their close, in microseconds.
    pub(crate) own_us: Option<i64>,
    /// Whether its rows are revised: those of its own windows, or of the view that it reads.
    pub(crate) is_revised: bool,
}

/// What a SELECT says of late events; `read` is what it reads.
pub(super) fn bind(select: &Select, bound: &BoundSelect, read: &Relation) -> Checked<Lateness> {
    let own_us = match select.lateness {
        Some((us, span)) => Some(check(us, span, bound, read)?),
        None => None,
    };
    // Windows and OVER read the rows of windows as they were at their close.
    let follows = bound.windows.is_none() && bound.operators.is_empty() && read.is_revised;
    let is_revised = own_us.is_some() || follows;
    if is_revised {
        check_rows(select, bound, own_us.is_some(), read)?;
    }
    Ok(Lateness { own_us, is_revised })
}

/// Whether the windows can take late events.
fn check(us: i64, span: Span, bound: &BoundSelect, read: &Relation) -> Checked<i64> {
    let Some(windows) = bound.windows else {
        return Err(Problem::new(span, "without windows no event is late").help(
            "leave ALLOW LATENESS out, or make windows: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
        ));
    };
    if !matches!(read.kind, RelationKind::Source { .. }) {
        return Err(Problem::new(span, format!("no row of {} is late", read.describe()))
            .help("write ALLOW LATENESS in the query over the source; windows over its rows take those of revision 0"));
    }
    if let WindowKind::Session { .. } = windows.kind {
        return Err(Problem::new(span, "a SESSION takes no event after its close: a late event could join sessions whose rows are out").help(
            "leave ALLOW LATENESS out and give the source's WATERMARK a greater delay; or use TUMBLE, HOP or CUMULATE",
        ));
    }
    if let WindowKind::Whole = windows.kind {
        return Err(Problem::new(span, "no event is late where all of the input is one window").help(
            "leave ALLOW LATENESS out, or make windows: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
        ));
    }
    if !(1..=LATENESS_MAX_US).contains(&us) {
        return Err(Problem::new(
            span,
            "ALLOW LATENESS takes an interval of more than 0 and at most 366 days",
        )
        .help(
            "write ALLOW LATENESS INTERVAL '10' MINUTE, or leave it out: then a closed window takes no event",
        ));
    }
    Ok(us)
}

/// Whether rows can be revised.
fn check_rows(select: &Select, bound: &BoundSelect, is_own: bool, read: &Relation) -> Checked<()> {
    let mut errors = Errors::default();
    if let Some(order) = &select.order_by {
        let message = match is_own {
            true => "ORDER BY and ALLOW LATENESS do not go together: a late event could move all rows of its window".to_owned(),
            false => format!("the rows of {} are revised (ALLOW LATENESS), so they have no order in their window", read.describe()),
        };
        errors
            .push(Problem::new(order.span, message).help("leave ORDER BY and LIMIT out, or ALLOW LATENESS"));
    }
    if let Some(join) = bound.joins.first().filter(|_| !is_own) {
        let message = format!(
            "the rows of {} are revised (ALLOW LATENESS), and a table is joined only to rows that stay as they are",
            read.describe()
        );
        errors.push(Problem::new(join.span, message).help(format!(
            "join it before the windows: FROM TUMBLE(source, ts, size) s LEFT JOIN {} t ON s.column = t.key",
            join.table
        )));
    }
    for name in [REVISION, OP] {
        if let Some(output) = bound.output.iter().find(|output| same(&output.name.text, name)) {
            let message =
                format!("ALLOW LATENESS appends a column `{name}`, and the SELECT has one of that name");
            errors.push(
                Problem::new(output.name.span, message)
                    .help(format!("give it another name: ... AS {name}_2")),
            );
        }
    }
    errors.end()
}
