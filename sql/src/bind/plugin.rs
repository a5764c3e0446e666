//! CREATE AGGREGATE and CREATE CONNECTOR: the reducer or the sink that a file holds, under the name that it has in the program.

use sqlparser::tokenizer::Span;

use super::alias;
use super::function::is_scalar;
use super::options::Options;
use super::value::GivenOptions;
use crate::catalog::{Catalog, OwnPlugin, PluginWarning, Reducer, UsedAs, WrongPlugin};
use crate::connector::OptionSpec;
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::parse::name::{Name, same};
use crate::parse::plugin::PluginDef;
use crate::plugin::{Plugin, PluginFile, REGISTRY, beside, is_sha256};

/// An aggregate function of the user's own.
#[derive(Clone, Debug)]
pub(super) struct OwnAggregate {
    /// As its component describes it, under its name in the program.
    pub(super) reducer: Reducer,
    pub(super) plugin: Plugin,
}

/// A connector of sinks of the user's own.
#[derive(Clone, Debug)]
pub(super) struct OwnConnector {
    /// In the program, in lower case.
    pub(super) name: String,
    /// What WITH takes.
    pub(super) options: Vec<OptionSpec>,
    pub(super) plugin: Plugin,
}

/// Those that the program has declared so far.
#[derive(Clone, Copy, Default)]
pub(super) struct OwnConnectors<'a> {
    pub(super) list: &'a [OwnConnector],
    pub(super) names: Names<'a>,
}

/// What names a program declares, as far as they are not there.
#[derive(Clone, Copy, Default)]
pub(super) struct Names<'a> {
    /// Every name that the program declares somewhere.
    pub(super) declared: &'a [String],
    /// Declared by statements that were reported.
    pub(super) broken: &'a [String],
}

impl Names<'_> {
    /// Whether something that is not there is declared by a statement that was reported, or by one further down.
    pub(super) fn check(&self, what: &str, name: &str, span: Span) -> Checked<()> {
        let is_in = |names: &[String]| names.iter().any(|declared| same(declared, name));
        if is_in(self.broken) {
            return Err(Problem::follows(span));
        }
        match is_in(self.declared) {
            true => Err(Problem::new(span, format!("there is no {what} `{name}` yet"))
                .help("it is declared further down: move its CREATE statement before this one")),
            false => Ok(()),
        }
    }
}

/// The aggregate functions that a query can call.
#[derive(Clone, Copy)]
pub(super) struct Functions<'a> {
    pub(super) catalog: &'a dyn Catalog,
    /// Those that the program has declared so far.
    pub(super) own: &'a [OwnAggregate],
    pub(super) names: Names<'a>,
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

/// CREATE AGGREGATE: loads the component. `query_file` is the file that names it. What is doubtful about the component comes along.
pub(super) fn aggregate(
    def: &PluginDef,
    given: &GivenOptions,
    query_file: &str,
    catalog: &dyn Catalog,
) -> Checked<(OwnAggregate, Option<Box<Problem>>)> {
    let lower = def.name.text.to_lowercase();
    let reducer = alias::resolve(&lower).reducer;
    let is_known = matches!(catalog.reducer(&reducer), Ok(Some(_)) | Err(_))
        || is_scalar(&lower)
        || [alias::KNOWN, &SYNTAX].iter().any(|names| names.contains(&lower.as_str()));
    check_new(&def.name, is_known)?;
    let wanted = file(def, given, query_file, "an aggregate")?;
    let loaded = catalog.reducer_of(&lower, &wanted).map_err(|refused| unusable(def, given, refused))?;
    let OwnPlugin { described: reducer, sha256, warning } = loaded;
    let plugin = Plugin { name: reducer.name, file: PluginFile { sha256: Some(sha256), ..wanted } };
    let own = OwnAggregate { reducer: Reducer { name: lower, ..reducer }, plugin };
    Ok((own, warning.map(|warning| doubtful(def, warning))))
}

/// CREATE CONNECTOR: the same for a sink.
pub(super) fn connector(
    def: &PluginDef,
    given: &GivenOptions,
    query_file: &str,
    catalog: &dyn Catalog,
) -> Checked<(OwnConnector, Option<Box<Problem>>)> {
    let name = def.name.text.to_lowercase();
    let mut known = catalog.connectors(UsedAs::Source);
    known.extend(catalog.connectors(UsedAs::Sink));
    check_new(&def.name, known.contains(&name))?;
    let wanted = file(def, given, query_file, "a connector")?;
    let loaded = catalog.connector_of(&name, &wanted).map_err(|refused| unusable(def, given, refused))?;
    let OwnPlugin { described, sha256, warning } = loaded;
    let plugin = Plugin { name: described.name, file: PluginFile { sha256: Some(sha256), ..wanted } };
    let own = OwnConnector { name, options: described.options, plugin };
    Ok((own, warning.map(|warning| doubtful(def, warning))))
}

/// A warning at the file's name.
fn doubtful(def: &PluginDef, warning: PluginWarning) -> Box<Problem> {
    Problem::new(def.from_span, warning.message).help(warning.help)
}

/// Built-in names cannot be given to something else.
fn check_new(name: &Name, is_known: bool) -> Checked<()> {
    if !is_known {
        return Ok(());
    }
    let lower = name.text.to_lowercase();
    Err(Problem::new(name.span, format!("`{lower}` is built in"))
        .help(format!("choose another name, such as my_{lower}")))
}

/// The file that is named, with the options; `what` is what the options belong to.
fn file(def: &PluginDef, given: &GivenOptions, query_file: &str, what: &str) -> Checked<PluginFile> {
    let path = path(&def.from, def.from_span)?;
    let mut options = Options::new(&given.list, def.name.span);
    let mut errors = Errors::default();
    let sha256 = options.text("sha256");
    let sha256 = sha256.and_then(|found| found.map(|(text, span)| digest(text, span)).transpose());
    let sha256 = errors.keep(sha256).flatten();
    let memory_bytes = errors.keep(options.size("memory")).flatten();
    let call_timeout_us = errors.keep(options.duration("call_timeout")).flatten();
    if let Some((0, span)) = call_timeout_us {
        errors.push(Problem::new(span, "a call cannot take no time").help("write call_timeout = '500 ms'"));
    }
    options.finish(what, &mut errors);
    errors.end()?;
    let call_timeout_us = call_timeout_us.and_then(|(us, _)| u64::try_from(us).ok());
    Ok(PluginFile { path: beside(query_file, path), sha256, memory_bytes, call_timeout_us })
}

/// What the host says of the file, at the option that is to blame or at the file's name.
fn unusable(def: &PluginDef, given: &GivenOptions, refused: WrongPlugin) -> Box<Problem> {
    let place = refused.option.and_then(|key| given.list.iter().find(|option| option.key == key));
    let problem = Problem::new(place.map_or(def.from_span, |option| option.span), refused.message);
    match refused.help {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// The text of FROM, if it can name a component.
fn path(from: &str, span: Span) -> Checked<&str> {
    let help = "write the component's file, as in FROM 'plugins/geomean.wasm', which is relative to this query file, or \
                FROM 'oci://REGISTRY/NAME:TAG@sha256:DIGEST'";
    if from.trim().is_empty() {
        return Err(Problem::new(span, "the component's file has no name").help(help));
    }
    match from.split_once("://") {
        Some((scheme, _)) if format!("{scheme}://") != REGISTRY => {
            Err(Problem::new(span, format!("a component cannot be read from {scheme}://")).help(help))
        }
        _ => Ok(from),
    }
}

fn digest(text: &str, span: Span) -> Checked<String> {
    if is_sha256(text) {
        return Ok(text.to_lowercase());
    }
    Err(Problem::new(span, "`sha256` has 64 hexadecimal digits").help("`sha256sum FILE.wasm` prints them"))
}
