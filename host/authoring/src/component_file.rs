//! The component that `plugin build` left in a project.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    build::{BuildError, markers, name},
    language::Language,
};

/// Folders of tools, and of what they make: none of the author's files is in them.
const FOREIGN: [&str; 5] = ["target", "build", "node_modules", "__pycache__", "venv"];

/// Why there is no component to use; the text is the end of a sentence about the folder.
#[derive(Debug, thiserror::Error)]
pub enum NotBuilt {
    /// No project of a language that is known.
    #[error("has no project of a plugin: there is no {}; give the component instead: FILE.wasm", markers())]
    NoProject,
    /// The project does not say what it is called.
    #[error(transparent)]
    NoName(BuildError),
    /// There is no such file.
    #[error("has no {0}: its project is not built")]
    Missing(String),
    /// A file of the project was changed after it was built.
    #[error("has a {component} that is older than {source_file}")]
    Older {
        /// The name of the component.
        component: String,
        /// Of the folder, and newer.
        source_file: PathBuf,
    },
    /// The folder cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// The component of the project in a folder, as `plugin build` names it.
///
/// # Errors
/// Where it is not there, or a source of the project is newer: tests of it would say nothing about the code as it stands.
pub fn component_file(folder: &Path) -> Result<PathBuf, NotBuilt> {
    let language = Language::of(folder).ok_or(NotBuilt::NoProject)?;
    let component = format!("{}.wasm", name(folder, language).map_err(NotBuilt::NoName)?);
    let path = folder.join(&component);
    let built = match fs::metadata(&path) {
        Ok(metadata) => metadata.modified()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(NotBuilt::Missing(component)),
        Err(error) => return Err(error.into()),
    };
    match newer(folder, language, built)? {
        Some(source) => {
            let source_file = source.strip_prefix(folder).unwrap_or(&source).to_owned();
            Err(NotBuilt::Older { component, source_file })
        }
        None => Ok(path),
    }
}

/// A source of a project that was changed after a time.
fn newer(folder: &Path, language: Language, time: SystemTime) -> io::Result<Option<PathBuf>> {
    let mut entries: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        // A link may lead anywhere, also back.
        if entry.file_type()?.is_dir() {
            let is_foreign = name.starts_with('.') || FOREIGN.contains(&name.as_str());
            if !is_foreign && let Some(found) = newer(&path, language, time)? {
                return Ok(Some(found));
            }
        } else if is_source(&name, language) && entry.metadata()?.modified()? > time {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether the component depends on a file: tests are no part of it.
fn is_source(name: &str, language: Language) -> bool {
    let is_test = name.ends_with("_test.go") || name.contains(".test.") || name.starts_with("test_");
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !is_test && (language.extensions().contains(&extension) || name == language.marker())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_the_files_of_the_language_without_its_tests() {
        let sources = |names: &[&'static str], language| {
            names.iter().copied().filter(|name| is_source(name, language)).collect::<Vec<_>>()
        };
        let names = ["go.mod", "plugin.go", "plugin_test.go", "README.md", "cases.json", "plugin.py", "go"];
        assert_eq!(sources(&names, Language::Go), ["go.mod", "plugin.go"]);
        let names = ["plugin.ts", "plugin.js", "plugin.test.js", "plugin.test.ts", "tsconfig.json"];
        assert_eq!(sources(&names, Language::TypeScript), ["plugin.ts", "tsconfig.json"]);
        assert_eq!(sources(&["plugin.py", "test_plugin.py"], Language::Python), ["plugin.py"]);
    }
}
