//! A core module becomes a component; its calls of WASI preview 1 are answered by an adapter that imports nothing.

use wasmparser::Parser;
use wit_component::ComponentEncoder;

use super::core_module::CoreModule;

/// `preview1.wat`, assembled.
const ADAPTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/preview1.wasm"));
/// The module that is answered.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// Imports of the contract itself, which bindings make: wit-component connects them.
const OWN: [&str; 2] = ["[export]", "streamgauge:plugin/"];

/// A component, and what was done to it.
#[derive(Debug)]
pub struct Adapted {
    /// Its bytes.
    pub component: Vec<u8>,
    /// The functions of WASI that are answered inside of it.
    pub replaced: Vec<String>,
}

/// Why a module cannot become a plugin; the text is the end of a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// No WebAssembly at all.
    #[error("is not WebAssembly")]
    NotWasm,
    /// It is a component.
    #[error("is a component already: `streamgauge plugin check` says whether it is a plugin")]
    Component,
    /// It cannot be read.
    #[error("is not a valid module: {0}")]
    Invalid(String),
    /// Nothing says which world it has.
    #[error(
        "does not say which world it has: it was built without the bindings of wit/ (in Rust: without `export_aggregate!`, \
         `export_reducer!` or `export_sink!`, or not as a `cdylib`)"
    )]
    NoWorld,
    /// It imports functions of others than WASI preview 1.
    #[error("imports {0}, which only a host could answer: a plugin gets nothing from its host")]
    Imports(String),
    /// What it exports is not what its world says.
    #[error("cannot become a component: {0}")]
    Encode(String),
}

/// Makes a component of a core module that was built with the bindings of `wit/`.
///
/// # Errors
/// What is no such module, or imports functions of others than WASI preview 1.
pub fn adapt(bytes: &[u8]) -> Result<Adapted, AdaptError> {
    if Parser::is_component(bytes) {
        return Err(AdaptError::Component);
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(AdaptError::NotWasm);
    }
    let module = CoreModule::read(bytes).map_err(|error| AdaptError::Invalid(error.to_string()))?;
    let is_own = |module: &str| OWN.iter().any(|prefix| module.starts_with(prefix));
    let foreign = module.imports.iter().filter(|(module, _)| module != PREVIEW1 && !is_own(module));
    let foreign: Vec<String> = foreign.map(|(module, name)| format!("`{module}.{name}`")).collect();
    if !foreign.is_empty() {
        return Err(AdaptError::Imports(foreign.join(", ")));
    }
    if !module.has_world {
        return Err(AdaptError::NoWorld);
    }
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
    Ok(Adapted { component, replaced })
}
