//! CREATE AGGREGATE: the reducer that a file holds, under the name that it has in the program.

use sqlparser::tokenizer::Span;

use super::alias;
use super::function::SCALARS;
use super::options::Options;
use super::value::GivenOptions;
use crate::catalog::{Catalog, Reducer};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::parse::name::{Name, same};
use crate::parse::plugin::PluginDef;
use crate::plugin::{Plugin, PluginFile, beside, is_sha256};

/// An aggregate function of the user's own.
#[derive(Clone, Debug)]
pub(super) struct OwnAggregate {
    /// As its component describes it, under its name in the program.
    pub(super) reducer: Reducer,
    pub(super) plugin: Plugin,
}

/// The aggregate functions that a query can call.
#[derive(Clone, Copy)]
pub(super) struct Functions<'a> {
    pub(super) catalog: &'a dyn Catalog,
    /// Those that the program has declared so far.
    pub(super) own: &'a [OwnAggregate],
    /// Every name that the program declares somewhere.
    pub(super) declared: &'a [String],
    /// Declared by statements that were reported.
    pub(super) broken: &'a [String],
}

impl<'a> Functions<'a> {
    /// The user's own of this name, which is in lower case.
    pub(super) fn own(&self, name: &str) -> Option<&'a OwnAggregate> {
        self.own.iter().find(|own| same(&own.reducer.name, name))
    }

    /// Their names.
    pub(super) fn own_names(&self) -> impl Iterator<Item = &'a str> {
        self.own.iter().map(|own| own.reducer.name.as_str())
    }

    /// Whether a function that is not there is declared by a statement that was reported, or by one further down.
    pub(super) fn check_declared(&self, name: &str, span: Span) -> Checked<()> {
        let is_in = |names: &[String]| names.iter().any(|declared| same(declared, name));
        if is_in(self.broken) {
            return Err(Problem::follows(span));
        }
        match is_in(self.declared) {
            true => Err(Problem::new(span, format!("there is no function `{name}` yet"))
                .help("it is declared further down: move its CREATE AGGREGATE before this statement")),
            false => Ok(()),
        }
    }
}

/// Words that call something else than an aggregate where `(` follows.
const SYNTAX: [&str; 12] = [
    "case",
    "cast",
    "try_cast",
    "extract",
    "position",
    "substring",
    "not",
    "exists",
    "hop",
    "tumble",
    "session",
    "cumulate",
];

/// Loads the component. `file` is the query file.
pub(super) fn bind(
    def: &PluginDef,
    given: &GivenOptions,
    file: &str,
    catalog: &dyn Catalog,
) -> Checked<OwnAggregate> {
    let PluginDef { name, from, from_span, .. } = def;
    check_new(name, catalog)?;
    let path = path(from, *from_span)?;
    let mut options = Options::new(&given.list, name.span);
    let mut errors = Errors::default();
    let sha256 = options.text("sha256");
    let sha256 = sha256.and_then(|found| found.map(|(text, span)| digest(text, span)).transpose());
    let sha256 = errors.keep(sha256).flatten();
    let memory_bytes = errors.keep(options.size("memory")).flatten();
    let call_timeout_us = errors.keep(options.duration("call_timeout")).flatten();
    if let Some((0, span)) = call_timeout_us {
        errors.push(Problem::new(span, "a call cannot take no time").help("write call_timeout = '500 ms'"));
    }
    options.finish("an aggregate", &mut errors);
    errors.end()?;
    let call_timeout_us = call_timeout_us.and_then(|(us, _)| u64::try_from(us).ok());
    let wanted = PluginFile { path: beside(file, path), sha256, memory_bytes, call_timeout_us };
    let (reducer, sha256) = catalog.reducer_of(&name.text, &wanted).map_err(|refused| {
        let place = refused.option.and_then(|key| given.list.iter().find(|option| option.key == key));
        let span = place.map_or(*from_span, |option| option.span);
        let problem = Problem::new(span, refused.message);
        match refused.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    })?;
    let plugin = Plugin { name: reducer.name.clone(), file: PluginFile { sha256: Some(sha256), ..wanted } };
    let reducer = Reducer { name: name.text.to_lowercase(), ..reducer };
    Ok(OwnAggregate { reducer, plugin })
}

/// Built-in names cannot be given to something else.
fn check_new(name: &Name, catalog: &dyn Catalog) -> Checked<()> {
    let lower = name.text.to_lowercase();
    let reducer = alias::resolve(&lower).reducer;
    let is_reducer = matches!(catalog.reducer(&reducer), Ok(Some(_)) | Err(_));
    let is_known = is_reducer
        || alias::KNOWN.contains(&lower.as_str())
        || SCALARS.contains(&lower.as_str())
        || SYNTAX.contains(&lower.as_str());
    if is_known {
        return Err(Problem::new(name.span, format!("`{lower}` is built in"))
            .help(format!("choose another name, such as my_{lower}")));
    }
    Ok(())
}

fn path(from: &str, span: Span) -> Checked<&str> {
    let help =
        "write the component's file, as in FROM 'plugins/geomean.wasm'; it is relative to this query file";
    if from.trim().is_empty() {
        return Err(Problem::new(span, "the component's file has no name").help(help));
    }
    match from.split_once("://") {
        Some((scheme, _)) => {
            Err(Problem::new(span, format!("a component cannot be read from {scheme}:// yet")).help(help))
        }
        None => Ok(from),
    }
}

fn digest(text: &str, span: Span) -> Checked<String> {
    if is_sha256(text) {
        return Ok(text.to_lowercase());
    }
    Err(Problem::new(span, "`sha256` has 64 hexadecimal digits").help("`sha256sum FILE.wasm` prints them"))
}
