//! The connectors that a host has, by name.

use streamgauge_sql::manifest::Sink;

use crate::{
    deliver::{self, connector::SinkConnector},
    source::{self, connector::SourceConnector},
};

/// The connectors that programs may name.
pub struct Connectors {
    sources: Vec<Box<dyn SourceConnector>>,
    sinks: Vec<Box<dyn SinkConnector>>,
    /// For the sinks of CREATE CONNECTOR.
    own: Box<dyn SinkConnector>,
}

impl Default for Connectors {
    /// Those that are part of the product.
    fn default() -> Self {
        Self {
            sources: source::connectors::builtin(),
            sinks: deliver::connectors::builtin(),
            own: Box::new(deliver::connectors::own::own()),
        }
    }
}

impl Connectors {
    /// One more connector of sinks, in place of one of the same name.
    pub fn add_sink(&mut self, connector: Box<dyn SinkConnector>) {
        self.sinks.retain(|known| known.name() != connector.name());
        self.sinks.push(connector);
    }

    /// The connectors of sources, in the order in which messages list them.
    pub fn sources(&self) -> impl Iterator<Item = &dyn SourceConnector> {
        self.sources.iter().map(AsRef::as_ref)
    }

    /// The connector of sources of this lower-case name.
    pub fn source(&self, name: &str) -> Option<&dyn SourceConnector> {
        self.sources().find(|connector| connector.name() == name)
    }

    /// The connectors of sinks, in the order in which messages list them.
    pub fn sinks(&self) -> impl Iterator<Item = &dyn SinkConnector> {
        self.sinks.iter().map(AsRef::as_ref)
    }

    /// The connector of a sink.
    pub fn of(&self, sink: &Sink) -> Option<&dyn SinkConnector> {
        match sink.plugin {
            Some(_) => Some(&*self.own),
            None => self.sink(&sink.connector),
        }
    }

    /// The connector of sinks of this lower-case name.
    pub fn sink(&self, name: &str) -> Option<&dyn SinkConnector> {
        self.sinks().find(|connector| connector.name() == name)
    }
}

#[cfg(test)]
mod tests;
