//! `streamgauge explain`: what would run?

use clap::Args;
use serde::Serialize;
use streamgauge_sql::{Query, manifest::Manifest};

use super::{
    Failure, files::QueryFiles, limit_options::LimitOptions, print, print_json, program,
    set_options::SetOptions,
};

/// Options of `explain`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(flatten)]
    files: QueryFiles,
    /// Print the plans as JSON, for programs: {"queries": [{name, plan, manifest}]}, where plan is the text that is printed
    /// otherwise and manifest what the query's component holds; what is wrong as `check --json` prints it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    set: SetOptions,
    #[command(flatten)]
    limits: LimitOptions,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Plans<'a> {
    queries: Vec<Explained<'a>>,
}

#[derive(Serialize)]
struct Explained<'a> {
    name: &'a str,
    plan: String,
    manifest: &'a Manifest,
}

impl<'a> From<&'a Query> for Explained<'a> {
    fn from(query: &'a Query) -> Self {
        let manifest = &query.plan.manifest;
        Self { name: &manifest.name, plan: query.plan.to_string(), manifest }
    }
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let compiled = options
        .files
        .paths(&[])
        .and_then(|files| program::compile(&files, &options.set, &options.limits.limits()))
        .map_err(|failure| if options.json { failure.or_json() } else { failure })?;
    let queries = &compiled.program.queries;
    if options.json {
        return print_json(&Plans { queries: queries.iter().map(Explained::from).collect() });
    }
    let plans = queries.iter().map(|query| format!("{}\n", query.plan));
    let printed = compiled.printed.iter().map(|printed| format!("{}\n", printed.text));
    print(&plans.chain(printed).collect::<Vec<_>>().join("\n"))
}
