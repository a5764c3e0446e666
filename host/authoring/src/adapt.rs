//! From what the tools of a language build to a component that imports no function.
//!
//! A core module becomes a component, and an adapter in it answers its calls of WASI preview 1. A component that imports interfaces of
//! WASI is composed with a second one that is made for it and exports them.

mod answer;
mod component;
mod compose;
mod layout;
mod module;
mod stub;

use wasmparser::Parser;

/// A component, and what was done to it.
#[derive(Debug)]
pub struct Adapted {
    /// Its bytes.
    pub component: Vec<u8>,
    /// What is answered inside of it: functions of WASI preview 1, or interfaces of WASI.
    pub replaced: Vec<String>,
    /// Interfaces of which at least one function ends the call that uses it, with a fault of its name.
    pub ended: Vec<String>,
}

impl Adapted {
    /// What was done, as the end of a sentence about the component; none where nothing was.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let replaced = (!self.replaced.is_empty())
            .then(|| format!("answered inside of it, the same at every run: {}", self.replaced.join(", ")));
        let ended = (!self.ended.is_empty())
            .then(|| format!("a call that needs one of these ends with a fault: {}", self.ended.join(", ")));
        let parts: Vec<String> = replaced.into_iter().chain(ended).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

/// Why a file cannot become a plugin; the text is the end of a sentence about the file.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// No WebAssembly at all.
    #[error("is not WebAssembly")]
    NotWasm,
    /// It is a component that wants nothing.
    #[error(
        "is a component already and imports no function: `streamgauge plugin check` says whether it is a plugin"
    )]
    Complete,
    /// It cannot be read.
    #[error("is not valid: {0}")]
    Invalid(String),
    /// Neither a section nor an export says which world it has.
    #[error(
        "does not say which world it has: it was built without the bindings of wit/ (in Rust: without `export_aggregate!`, \
         `export_reducer!` or `export_sink!`, or not as a `cdylib`) and exports no function of the contract"
    )]
    NoWorld,
    /// It imports functions of others than WASI.
    #[error("imports {0}, which only a host could answer: a plugin gets nothing from its host")]
    Imports(String),
    /// It was built for the version of WASI in which functions are asynchronous.
    #[error("imports {0}, which is asynchronous and cannot be answered inside of it: build it for WASI 0.2")]
    Asynchronous(String),
    /// What it exports is not what its world says, or the parts do not fit.
    #[error("cannot become a component: {0}")]
    Encode(String),
}

/// Makes a component that imports no function, of a core module that was built with the bindings of `wit/` or of a component.
///
/// # Errors
/// What is neither, what imports functions of others than WASI, and what has nothing to be replaced.
pub fn adapt(bytes: &[u8]) -> Result<Adapted, AdaptError> {
    if Parser::is_component(bytes) {
        component::adapt(bytes)
    } else if Parser::is_core_wasm(bytes) {
        module::adapt(bytes)
    } else {
        Err(AdaptError::NotWasm)
    }
}
