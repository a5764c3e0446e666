//! The connector `console`: rows on standard output.

use streamgauge_component::{check::Refused, plugins::Plugins};
use streamgauge_sql::{connector::OptionSpec, manifest::Sink};

use crate::deliver::connector::{Destination, Route, SinkConnector, SinkContext, SinkError};

/// Rows to standard output.
#[derive(Clone, Copy, Debug)]
pub struct ConsoleConnector;

impl SinkConnector for ConsoleConnector {
    fn name(&self) -> &'static str {
        "console"
    }

    fn options(&self, _: &Plugins) -> Result<Vec<OptionSpec>, Refused> {
        Ok(vec![super::format()])
    }

    fn open(&self, _: &Sink, _: &Route<'_>, _: &mut SinkContext<'_>) -> Result<Destination, SinkError> {
        Ok(Destination::Console)
    }
}
