//! From the folder of a project to its component.

mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod tool;
mod typescript;

use std::{
    io,
    path::{Path, PathBuf},
};

use wasmparser::Parser;

use super::{
    adapt::{AdaptError, Adapted, adapt},
    language::Language,
};

/// A plugin that was built.
#[derive(Debug)]
pub struct Built {
    /// The name of its project.
    pub name: String,
    /// Its component, and what was done to it.
    pub adapted: Adapted,
}

/// What the tools of a language make.
struct Module {
    /// The name of the project.
    name: String,
    bytes: Vec<u8>,
}

/// Why a project was not built; the text is the end of a sentence about the folder.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No project of a language that is known.
    #[error("has no project of a plugin: there is no {}", markers())]
    NoProject,
    /// A tool of the language is not there.
    #[error("cannot be built: {tool} does not start ({why}); {help}")]
    NoTool {
        /// What was to run.
        tool: &'static str,
        /// Why it does not.
        why: io::Error,
        /// Where to get it.
        help: &'static str,
    },
    /// The compiler cannot make WebAssembly.
    #[error("cannot be built: Rust lacks the target {0}; run `rustup target add {0}`")]
    NoTarget(&'static str),
    /// The tool says what is wrong with the project.
    #[error("cannot be built: {0}")]
    Tool(String),
    /// The author's source is wrong: where, and why in the last line.
    #[error("cannot be built:\n{0}")]
    Source(String),
    /// The tool said what is wrong itself.
    #[error("was not built: {0} says why above")]
    Told(&'static str),
    /// What the tool built is not where it says.
    #[error("was built, but {0} cannot be read: {1}")]
    NoModule(PathBuf, io::Error),
    /// What the tool built is no plugin.
    #[error("was built, but what came out {0}")]
    NoPlugin(#[from] AdaptError),
}

pub(super) fn markers() -> String {
    let [others @ .., last] = Language::ALL.map(Language::marker);
    match others.is_empty() {
        true => last.to_owned(),
        false => format!("{} or {last}", others.join(", ")),
    }
}

/// Builds the project of a folder by the tools of its language, which speak on standard error.
///
/// # Errors
/// What is missing on this machine, or wrong with the project.
pub fn build(folder: &Path) -> Result<Built, BuildError> {
    let module = match Language::of(folder).ok_or(BuildError::NoProject)? {
        Language::Rust => rust::build(folder)?,
        Language::C => c::build(folder)?,
        Language::Go => go::build(folder)?,
        Language::JavaScript => javascript::build(folder)?,
        Language::TypeScript => typescript::build(folder)?,
        Language::Python => python::build(folder)?,
    };
    let adapted = match Parser::is_component(&module.bytes) {
        // The tools of some languages make the component themselves.
        true => Adapted { component: module.bytes, replaced: Vec::new(), ended: Vec::new() },
        false => adapt(&module.bytes)?,
    };
    Ok(Built { name: module.name, adapted })
}

/// The name of the project in a folder, which is that of its component.
pub(super) fn name(folder: &Path, language: Language) -> Result<String, BuildError> {
    match language {
        Language::Rust => rust::name(folder),
        Language::C => Ok(c::name(folder)),
        Language::Go => Ok(go::name(folder)),
        Language::JavaScript | Language::TypeScript => Ok(javascript::name_and_world(folder)?.0),
        Language::Python => Ok(python::name_and_world(folder)?.0),
    }
}
