//! What this host has and knows, as the front end asks for it.

use std::collections::BTreeMap;

use streamgauge_component::plugins::Plugins;
use streamgauge_engine::FaultKind;
use streamgauge_kafka::Depth;
use streamgauge_sql::{
    catalog::{Catalog, OwnPlugin, PluginWarning, Reducer, SinkPlugin, UsedAs, WrongOption, WrongPlugin},
    connector::OptionSpec,
    manifest::{Aggregate, Manifest, OptionValue, PluginFile, Sink},
};

use super::{
    Connectors,
    own_plugin::{self, Anywhere},
};

/// The plugins and connectors of a host.
#[derive(Clone, Copy)]
pub struct HostCatalog<'a> {
    /// The reducers, and the components of sinks.
    pub plugins: &'a Plugins,
    /// The connectors.
    pub connectors: &'a Connectors,
    /// Whether all is looked at that a run would look at when it starts, or what can be without delay.
    pub depth: Depth,
}

impl Catalog for HostCatalog<'_> {
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String> {
        self.plugins.reducer(name).map_err(|refused| refused.to_string())
    }

    fn reducer_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<Reducer>, WrongPlugin> {
        own_plugin::reducer(self.plugins, &Anywhere, name, file)
    }

    fn connector_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<SinkPlugin>, WrongPlugin> {
        own_plugin::connector(self.plugins, &Anywhere, name, file)
    }

    fn wrong_parameters(&self, call: &Aggregate) -> Option<String> {
        let fault = self.plugins.open(call).err()?;
        // Time and memory may be there another time: the run will see.
        (fault.kind == FaultKind::Deterministic).then(|| fault.to_string())
    }

    fn connectors(&self, used_as: UsedAs) -> Vec<String> {
        match used_as {
            UsedAs::Source => self.connectors.sources().map(|known| known.name().to_owned()).collect(),
            UsedAs::Sink => self.connectors.sinks().map(|known| known.name().to_owned()).collect(),
        }
    }

    fn options(&self, used_as: UsedAs, connector: &str) -> Result<Vec<OptionSpec>, String> {
        let stated = match used_as {
            UsedAs::Source => Ok(self.connectors.source(connector).map(|known| known.options())),
            UsedAs::Sink => {
                self.connectors.sink(connector).map(|known| known.options(self.plugins)).transpose()
            }
        };
        stated.map(Option::unwrap_or_default).map_err(|refused| refused.to_string())
    }

    fn wrong_source_option(
        &self,
        connector: &str,
        options: &BTreeMap<String, OptionValue>,
    ) -> Option<WrongOption> {
        self.connectors.source(connector)?.wrong_option(options, self.depth)
    }

    fn wrong_sink_option(&self, sink: &Sink) -> Option<WrongOption> {
        self.connectors.of(sink)?.wrong_option(&sink.options, self.depth)
    }

    fn wrong_rows(&self, sink: &Sink, query: &Manifest, windowed: bool) -> Option<String> {
        if self.depth == Depth::Quick {
            return None;
        }
        let connector = self.connectors.of(sink)?;
        let why = connector.wrong_rows(sink, query, windowed, self.plugins)?;
        Some(format!("sink '{}': {why}", sink.name))
    }
}

/// Where the components are that programs name: FROM 'file.wasm', FROM 'oci://...'.
pub trait PluginPlace {
    /// The bytes of a component that is not larger than one may be, and what the author of the program should know about where it is.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    fn read(&self, from: &str, bytes_max: usize) -> Result<(Vec<u8>, Option<PluginWarning>), WrongPlugin>;
}

/// What a host has, with the components of users in a place that its operator chose.
#[derive(Clone, Copy)]
pub struct PlacedCatalog<'a> {
    /// The plugins and connectors of the host.
    pub host: HostCatalog<'a>,
    /// Where components of users are.
    pub place: &'a dyn PluginPlace,
}

impl Catalog for PlacedCatalog<'_> {
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String> {
        self.host.reducer(name)
    }

    fn reducer_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<Reducer>, WrongPlugin> {
        own_plugin::reducer(self.host.plugins, self.place, name, file)
    }

    fn connector_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<SinkPlugin>, WrongPlugin> {
        own_plugin::connector(self.host.plugins, self.place, name, file)
    }

    fn wrong_parameters(&self, call: &Aggregate) -> Option<String> {
        self.host.wrong_parameters(call)
    }

    fn connectors(&self, used_as: UsedAs) -> Vec<String> {
        self.host.connectors(used_as)
    }

    fn options(&self, used_as: UsedAs, connector: &str) -> Result<Vec<OptionSpec>, String> {
        self.host.options(used_as, connector)
    }

    fn wrong_source_option(
        &self,
        connector: &str,
        options: &BTreeMap<String, OptionValue>,
    ) -> Option<WrongOption> {
        self.host.wrong_source_option(connector, options)
    }

    fn wrong_sink_option(&self, sink: &Sink) -> Option<WrongOption> {
        self.host.wrong_sink_option(sink)
    }

    fn wrong_rows(&self, sink: &Sink, query: &Manifest, windowed: bool) -> Option<String> {
        self.host.wrong_rows(sink, query, windowed)
    }
}
