//! Query files to a compiled program: what every command begins with.

use std::{fs, path::PathBuf};

use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_kafka::Depth;
use streamgauge_sql::{Compiled, SourceText};

use super::{Failure, say};
use crate::{
    deploy::{Connectors, HostCatalog, component},
    limits::Limits,
};

/// Reads and compiles files as one program; warnings go to standard error.
///
/// # Errors
/// All diagnostics of the files, or which file cannot be read.
pub(super) fn compile(files: &[PathBuf], limits: &Limits) -> Result<Compiled, Failure> {
    compile_with(files, &plugins(limits)?, limits)
}

/// The plugins that are part of the product; nothing is compiled before it is named.
///
/// # Errors
/// Where this machine cannot run WebAssembly.
pub(super) fn plugins(limits: &Limits) -> Result<Plugins, Failure> {
    let runtime = Runtime::with_limits(limits.component())
        .map_err(|error| Failure::Runtime(format!("error: {error}")))?;
    Ok(Plugins::embedded(runtime))
}

/// As [`compile`], with plugins that are loaded already.
pub(super) fn compile_with(
    files: &[PathBuf],
    plugins: &Plugins,
    limits: &Limits,
) -> Result<Compiled, Failure> {
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    compile_texts(&texts, plugins, limits)
}

/// Finds what is wrong with files, as far as that is known before they are run; warnings go to standard error.
///
/// # Errors
/// All that is wrong.
pub(super) fn check(files: &[PathBuf], limits: &Limits) -> Result<(), Failure> {
    let texts = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let compiled = compile_with_depth(&texts, &plugins(limits)?, limits, Depth::Thorough)?;
    compiled.program.queries.iter().try_for_each(|query| Ok(component(query).map(drop)?))
}

/// Compiles texts as one program; warnings go to standard error.
pub(super) fn compile_texts(
    texts: &[SourceText],
    plugins: &Plugins,
    limits: &Limits,
) -> Result<Compiled, Failure> {
    compile_with_depth(texts, plugins, limits, Depth::Quick)
}

fn compile_with_depth(
    texts: &[SourceText],
    plugins: &Plugins,
    limits: &Limits,
    depth: Depth,
) -> Result<Compiled, Failure> {
    let catalog = HostCatalog { plugins, connectors: &Connectors::default(), depth };
    let compiled =
        streamgauge_sql::compile_within(&limits.sql(), texts, &catalog).map_err(|diagnostics| {
            if let Some(lacking) = plugins.lacking() {
                return Failure::Runtime(format!("error: {lacking}"));
            }
            let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
            Failure::Input(lines.join("\n"))
        })?;
    compiled.warnings.iter().for_each(|warning| say(warning));
    Ok(compiled)
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
