//! A core module becomes a component; its calls of WASI preview 1 are answered by an adapter that imports nothing.

use wit_component::ComponentEncoder;

use super::{AdaptError, Adapted};
use crate::{core_module::CoreModule, world::with_world};

/// `preview1.wat`, assembled.
const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview1.wasm"));
/// The module that is answered.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// Imports of the contract itself, which bindings make: wit-component connects them.
const OWN: [&str; 2] = ["[export]", "streamgauge:plugin/"];

pub(super) fn adapt(bytes: &[u8]) -> Result<Adapted, AdaptError> {
    let module = CoreModule::read(bytes).map_err(|error| AdaptError::Invalid(error.to_string()))?;
    let is_own = |module: &str| OWN.iter().any(|prefix| module.starts_with(prefix));
    let foreign = module.imports.iter().filter(|(module, _)| module != PREVIEW1 && !is_own(module));
    let foreign: Vec<String> = foreign.map(|(module, name)| format!("`{module}.{name}`")).collect();
    if !foreign.is_empty() {
        return Err(AdaptError::Imports(foreign.join(", ")));
    }
    let with_world = match module.has_world {
        true => None,
        false => Some(with_world(bytes, &module.exports).ok_or(AdaptError::NoWorld)?),
    };
    let bytes = with_world.as_deref().unwrap_or(bytes);
    let mut replaced: Vec<String> = module
        .imports
        .into_iter()
        .filter_map(|(module, name)| (module == PREVIEW1).then_some(name))
        .collect();
    replaced.sort_unstable();
    replaced.dedup();
    let encoded = ComponentEncoder::default()
        .validate(true)
        .module(bytes)
        .and_then(|encoder| encoder.adapter(PREVIEW1, ADAPTER))
        .and_then(|encoder| encoder.encode());
    // The alternative form has all causes.
    let component = encoded.map_err(|error| AdaptError::Encode(format!("{error:#}")))?;
    Ok(Adapted { component, replaced, ended: Vec::new() })
}
