//! Query files to a compiled program: what every command begins with.

use std::path::PathBuf;

use streamgauge_component::plugins::Plugins;
use streamgauge_kafka::Depth;
use streamgauge_sql::{Compiled, Diagnostic, Severity, SourceText, variables::Variables};

use super::{Failure, failure::tell_warnings, files, guests, set_options::SetOptions};
use crate::{
    deploy::{Connectors, HostCatalog, component, without_end},
    limits::Limits,
    logging::LogFormat,
};

/// Reads and compiles files as one program; warnings go to standard error.
///
/// # Errors
/// All diagnostics of the files, or which file cannot be read.
pub(super) fn compile(files: &[PathBuf], set: &SetOptions, limits: &Limits) -> Result<Compiled, Failure> {
    compile_with(files, set, &plugins(limits)?, limits, LogFormat::Text)
}

/// The plugins that are part of the product; nothing is compiled before it is named.
///
/// # Errors
/// Where this machine cannot run WebAssembly.
pub(super) fn plugins(limits: &Limits) -> Result<Plugins, Failure> {
    Ok(Plugins::embedded(guests::runtime(limits)?))
}

/// As [`compile`], with plugins that are loaded already.
pub(super) fn compile_with(
    files: &[PathBuf],
    set: &SetOptions,
    plugins: &Plugins,
    limits: &Limits,
    format: LogFormat,
) -> Result<Compiled, Failure> {
    let texts = texts(files)?;
    compile_texts(&texts, &set.variables(&texts)?, plugins, limits, format)
}

/// Compiles texts as one program; warnings go to standard error.
pub(super) fn compile_texts(
    texts: &[SourceText],
    variables: &Variables,
    plugins: &Plugins,
    limits: &Limits,
    format: LogFormat,
) -> Result<Compiled, Failure> {
    let compiled = diagnose(texts, variables, plugins, limits, Depth::Quick)?.map_err(Failure::Wrong)?;
    tell_warnings(&compiled.warnings, format);
    Ok(compiled)
}

/// All that is wrong or doubtful in files, as far as that is known before they are run.
///
/// # Errors
/// Files that cannot be read, and what is not about their text.
pub(super) fn check(
    files: &[PathBuf],
    set: &SetOptions,
    limits: &Limits,
) -> Result<Vec<Diagnostic>, Failure> {
    let texts = texts(files)?;
    match diagnose(&texts, &set.variables(&texts)?, &plugins(limits)?, limits, Depth::Thorough)? {
        Ok(compiled) => {
            compiled.program.queries.iter().try_for_each(|query| component(query).map(drop))?;
            // A file is checked for all ways to run it.
            let endless = without_end(&compiled, &Connectors::default()).into_iter();
            let endless = endless.map(|diagnostic| Diagnostic { severity: Severity::Warning, ..diagnostic });
            Ok(compiled.warnings.into_iter().chain(compiled.unread).chain(endless).collect())
        }
        Err(diagnostics) => Ok(diagnostics),
    }
}

/// What is wrong with a text that is no file.
///
/// # Errors
/// What is not about the text.
pub(super) fn problems_of(text: String) -> Result<Vec<Diagnostic>, Failure> {
    let (text, limits) = (SourceText { name: String::new(), text }, Limits::default());
    let found = diagnose(&[text], &Variables::default(), &plugins(&limits)?, &limits, Depth::Quick)?;
    Ok(found.err().unwrap_or_default())
}

/// The program of some texts, or what is wrong with them.
fn diagnose(
    texts: &[SourceText],
    variables: &Variables,
    plugins: &Plugins,
    limits: &Limits,
    depth: Depth,
) -> Result<Result<Compiled, Vec<Diagnostic>>, Failure> {
    let catalog = HostCatalog { plugins, connectors: &Connectors::default(), depth };
    let compiled = streamgauge_sql::compile_within(&limits.sql(), variables, texts, &catalog);
    match (plugins.lacking(), &compiled) {
        (Some(lacking), Err(_)) => Err(Failure::Runtime(format!("error: {lacking}"))),
        _ => Ok(compiled),
    }
}

/// What the files hold.
pub(super) fn texts(files: &[PathBuf]) -> Result<Vec<SourceText>, Failure> {
    files.iter().map(|path| files::read(path)).collect()
}
