//! Whether a sink takes the rows of a query, as far as the program alone decides that.

use sqlparser::tokenizer::Span;

use crate::bind::Binder;
use crate::catalog::{Catalog, UsedAs};
use crate::column_list::ColumnList;
use crate::compile::Query;
use crate::connector::{OptionKind, OptionSpec};
use crate::error::{Checked, Problem};
use crate::manifest::{Input, Manifest, Sink, Target};

/// Fails where the sink of a query does not take its rows: at the option that is to blame, or at the statement.
pub(crate) fn check(
    query: &Query,
    before: &[Query],
    binder: &Binder<'_>,
    catalog: &dyn Catalog,
    statement: Span,
) -> Checked<()> {
    let manifest = &query.plan.manifest;
    let Target::Sink(name) = &manifest.target else { return Ok(()) };
    let declared = |name: &str| binder.sinks.iter().find(|sink| sink.name == name);
    let Some(sink) = declared(name) else { return Ok(()) };
    // A connector that cannot be asked was reported where the sink is declared.
    let specs = catalog.options(UsedAs::Sink, &sink.connector).unwrap_or_default();
    for spec in specs.iter().filter(|spec| spec.kind == OptionKind::Columns) {
        columns(spec, sink, manifest, binder, statement)?;
    }
    let mut at = manifest;
    while at.window.is_none()
        && let Input::View(view) = &at.input
        && let Some(read) = before.iter().map(|query| &query.plan.manifest).find(|read| read.name == *view)
    {
        at = read;
    }
    let taken = before.iter().filter_map(|query| match &query.plan.manifest.target {
        Target::Sink(other) if other != name => declared(other),
        _ => None,
    });
    let wrong = same_address(sink, taken, catalog)
        .or_else(|| catalog.wrong_rows(sink, manifest, at.window.is_some()));
    wrong.map_or(Ok(()), |why| Err(Problem::new(statement, why)))
}

/// The columns that an option of the sink names must be those of the rows.
fn columns(
    spec: &OptionSpec,
    sink: &Sink,
    manifest: &Manifest,
    binder: &Binder<'_>,
    statement: Span,
) -> Checked<()> {
    let Some(text) = spec.text(&sink.options) else { return Ok(()) };
    let columns: Vec<&str> = manifest.output.iter().map(|output| output.name.as_str()).collect();
    let found = ColumnList::parse(text).and_then(|list| list.positions(&manifest.name, &columns));
    let Err(wrong) = found else { return Ok(()) };
    let place = binder.option_places.iter().find(|place| place.sink == sink.name && place.key == spec.name);
    let span = place.map_or(statement, |place| place.span);
    let mut problem = Problem::new(span, format!("`{}` {}", spec.name, wrong.message)).help(wrong.help);
    problem.file = place.map(|place| place.file);
    Err(problem)
}

/// Two sinks cannot listen on one address.
fn same_address<'a>(
    sink: &Sink,
    mut others: impl Iterator<Item = &'a Sink>,
    catalog: &dyn Catalog,
) -> Option<String> {
    let own = listens_on(sink, catalog);
    let other =
        others.find(|other| listens_on(other, catalog).iter().any(|address| own.contains(address)))?;
    Some(format!("the sinks `{}` and `{}` would listen on the same address", other.name, sink.name))
}

/// The addresses that a sink listens on; where it takes any free port, it has that alone.
fn listens_on(sink: &Sink, catalog: &dyn Catalog) -> Vec<String> {
    // A connector that cannot be asked was reported where the sink is declared.
    let specs = catalog.options(UsedAs::Sink, &sink.connector).unwrap_or_default();
    let addresses = specs.iter().filter(|spec| spec.kind == OptionKind::Listen);
    let addresses = addresses.filter_map(|spec| spec.text(&sink.options));
    addresses.filter(|address| !address.ends_with(":0")).map(str::to_owned).collect()
}
