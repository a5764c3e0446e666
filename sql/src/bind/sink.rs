//! CREATE SINK: its connector and its options.

use super::connector;
use super::options::{self, Options};
use super::plugin::OwnConnectors;
use super::value::GivenOptions;
use crate::catalog::{Catalog, UsedAs};
use crate::error::Checked;
use crate::errors::Errors;
use crate::manifest::Sink;
use crate::parse::statement::SinkDef;

pub(super) fn bind(
    def: &SinkDef,
    options: &GivenOptions,
    catalog: &dyn Catalog,
    own: OwnConnectors<'_>,
) -> Checked<Sink> {
    let mut given = Options::new(&options.list, def.name.span);
    let mut errors = Errors::default();
    let connector = errors.keep(connector::named(UsedAs::Sink, catalog, own, &mut given));
    let found = connector::finish(connector.as_ref(), given, "sink", &mut errors);
    errors.end()?;
    let Some(connector) = connector else { unreachable!("what has no value is an error") };
    let sink = Sink {
        name: def.name.text.clone(),
        connector: connector.name,
        plugin: connector.plugin,
        options: found,
    };
    options::refuse(catalog.wrong_sink_option(&sink), &options.list, def.name.span)?;
    Ok(sink)
}
