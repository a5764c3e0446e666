//! Query files to a compiled program: what every command begins with.

use std::{fs, path::PathBuf};

use streamgauge_sql::{Compiled, Query, SourceText};

use super::{Failure, say};
use crate::component::{plugins::Plugins, runtime::Runtime};

/// Reads and compiles files as one program; warnings go to standard error.
///
/// # Errors
/// All diagnostics of the files, or which file cannot be read.
pub(super) fn compile(files: &[PathBuf]) -> Result<Compiled, Failure> {
    compile_with(files, &plugins()?)
}

/// The plugins that are part of the product; nothing is compiled before it is named.
///
/// # Errors
/// Where this machine cannot run WebAssembly.
pub(super) fn plugins() -> Result<Plugins, Failure> {
    let runtime = Runtime::new().map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    Ok(Plugins::embedded(runtime))
}

/// As [`compile`], with plugins that are loaded already.
pub(super) fn compile_with(files: &[PathBuf], plugins: &Plugins) -> Result<Compiled, Failure> {
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    compile_texts(&texts, plugins)
}

/// Compiles texts as one program; warnings go to standard error.
pub(super) fn compile_texts(texts: &[SourceText], plugins: &Plugins) -> Result<Compiled, Failure> {
    let compiled = streamgauge_sql::compile(texts, plugins).map_err(|diagnostics| {
        if let Some(lacking) = plugins.lacking() {
            return Failure::Runtime(format!("error: {lacking}"));
        }
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        Failure::Input(lines.join("\n"))
    })?;
    compiled.warnings.iter().for_each(|warning| say(warning));
    Ok(compiled)
}

/// The component of a query.
pub(super) fn component(query: &Query) -> Result<Vec<u8>, Failure> {
    query.plan.component().map_err(|error| {
        Failure::Input(format!("error: query '{}' cannot be compiled: {error}", query.plan.manifest.name))
    })
}

fn read(path: &PathBuf) -> Result<SourceText, Failure> {
    let unreadable = |error| Failure::Input(format!("error: cannot read {}: {error}", path.display()));
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|&&byte| byte == b'\n').count() + 1;
        Failure::Input(format!("{}:{line}:1: error: the file is not UTF-8 in this line", path.display()))
    })?;
    Ok(SourceText { name: path.display().to_string(), text })
}
