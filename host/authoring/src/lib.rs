//! From what the tools of a language build to a plugin component that imports nothing.
//!
//! A plugin gets nothing from its host, but the runtimes of most languages ask for clocks, randomness, arguments and standard
//! streams when they start. [`adapt`] answers these calls inside of the component, the same at every run.

mod adapt;
mod core_module;

pub use adapt::{AdaptError, Adapted, adapt};
