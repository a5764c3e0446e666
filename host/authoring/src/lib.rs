//! Plugins of authors: from a new project to a component that imports nothing.
//!
//! [`Project`] is the files of a new project in one [`Language`], [`build()`] runs the tools of that language, and [`adapt()`] makes a
//! component of what they build. A plugin gets nothing from its host, but the runtimes of most languages ask for clocks, randomness,
//! arguments and standard streams when they start: these calls are answered inside of the component, the same at every run.

mod language;
mod project;
mod build;
mod component_file;
mod adapt;
mod core_module;
mod world;

pub use adapt::{AdaptError, Adapted, adapt};
pub use build::{BuildError, Built, build};
pub use component_file::{NotBuilt, component_file};
pub use language::{Kind, Language};
pub use project::{Project, WrongName};
