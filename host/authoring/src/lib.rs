//! Plugins of authors: from a new project to a component that imports nothing.
//!
//! [`Project`] are the files to begin with, [`rust`] runs the tools of the language, and [`adapt()`] makes a component of what they build. A
//! plugin gets nothing from its host, but the runtimes of most languages ask for clocks, randomness, arguments and standard streams when
//! they start: these calls are answered inside of the component, the same at every run.

mod adapt;
mod core_module;
mod project;
pub mod rust;
mod vendored;

pub use adapt::{AdaptError, Adapted, adapt};
pub use project::{Project, WrongName};
