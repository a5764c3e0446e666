//! From bytes to a compiled plugin of the kind that it is.

use streamgauge_component::{
    check::{Outline, Refusal, World},
    contract::ContractVersion,
    reducer::ReducerComponent,
    runtime::Runtime,
    sink::SinkComponent,
};

/// A compiled plugin.
pub(crate) enum Loaded {
    Reducer(ReducerComponent),
    Sink(SinkComponent),
}

/// What the plugins are called in errors of calls, before anybody knows their names.
const NAME: &str = "plugin";

impl Loaded {
    /// Compiles a plugin.
    pub(crate) fn new(runtime: &Runtime, bytes: &[u8]) -> Result<(Self, Outline), Refusal> {
        let outline = Outline::of(bytes, runtime.limits().component_bytes_max)?;
        let loaded = match outline.world() {
            Some(World::Reducer) => ReducerComponent::new(runtime, NAME, bytes).map(Self::Reducer),
            Some(World::Sink | World::Scrape) => SinkComponent::new(runtime, NAME, bytes).map(Self::Sink),
            Some(World::Query) => {
                let what = "it is a compiled query, which has no laws of its own".to_owned();
                return Err(Refusal::Export(ContractVersion::ALL[0].interface(World::Reducer), what));
            }
            None => return Err(outline.other_than(likely(&outline))),
        };
        loaded.map(|loaded| (loaded, outline)).map_err(|refused| refused.why)
    }
}

/// What a component was meant to be that exports no interface of this version.
fn likely(outline: &Outline) -> World {
    let is_sink = |name: &String| name.starts_with("streamgauge:plugin/sink");
    if outline.exports.iter().any(is_sink) { World::Sink } else { World::Reducer }
}
