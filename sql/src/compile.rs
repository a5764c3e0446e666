//! The steps in a row: files in, a program out.

use sqlparser::tokenizer::{Location, Span};

use crate::bind::{Binder, Printed};
use crate::catalog::Catalog;
use crate::error::{Diagnostic, Problem, Severity, SourceText};
use crate::manifest::{Input, Sink, Source, Table, Target};
use crate::parse::name::Name;
use crate::parse::secret::masked;
use crate::parse::statement::{Body, Statement};
use crate::parse::{BYTE_ORDER_MARK, Parsed, SqlLimits, parse};
use crate::plan::{Plan, build};
use crate::report::Report;
use crate::sink_rows;
use crate::variables::Variables;

/// A program that can run, and what is doubtful in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// Its parts.
    pub program: Program,
    /// Not errors, but worth a look.
    pub warnings: Vec<Diagnostic>,
    /// Views that no query reads, where the program writes somewhere. Where more statements were added to those of files, as by
    /// `query`, they say little.
    pub unread: Vec<Diagnostic>,
    /// Queries that have a row only when their input ends, with what to say where it does not. They run over files, topics that are read to
    /// their end as it is, and in tests.
    pub endless: Vec<Endless>,
    /// What the statements EXPLAIN and DESCRIBE print, in order.
    pub printed: Vec<Printed>,
    /// Why there is nothing to run: the files hold only definitions, which may be a part of a program.
    pub writes_nowhere: Option<Diagnostic>,
}

/// A query that aggregates all of its input without windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Endless {
    /// The source that must end, by name.
    pub source: String,
    /// What is wrong where it does not.
    pub diagnostic: Diagnostic,
}

/// What the files of a program say together.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    /// CREATE SOURCE, in order, read or not.
    pub sources: Vec<Source>,
    /// CREATE TABLE, in order, joined or not.
    pub tables: Vec<Table>,
    /// CREATE SINK, in order, written to or not.
    pub sinks: Vec<Sink>,
    /// Views, INSERTs and SELECTs, in order: a query reads only what stands before it.
    pub queries: Vec<Query>,
}

/// One query of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// How it runs.
    pub plan: Plan,
    /// Which of the program's files it stands in, from 0.
    pub file: usize,
}

/// Compiles files, which are one program in this order, up to their plans; every statement is looked at, so that one run
/// shows the errors of all. No variable is set: `env('NAME')` is its default.
pub fn compile(files: &[SourceText], catalog: &dyn Catalog) -> Result<Compiled, Vec<Diagnostic>> {
    compile_within(&SqlLimits::default(), &Variables::default(), files, catalog)
}

/// As [`compile`], with other limits, and with the values of `env('NAME')`.
pub fn compile_within(
    limits: &SqlLimits,
    variables: &Variables,
    files: &[SourceText],
    catalog: &dyn Catalog,
) -> Result<Compiled, Vec<Diagnostic>> {
    let shown: Vec<SourceText> = files.iter().map(shown).collect();
    let parsed: Vec<(&SourceText, Vec<Parsed>)> =
        files.iter().zip(&shown).map(|(file, shown)| (shown, parse(&file.text, limits))).collect();
    let statements = parsed.iter().flat_map(|(_, statements)| statements);
    let declared: Vec<String> = statements.filter_map(|parsed| parsed.declares.clone()).collect();
    let mut binder = Binder::new(catalog, variables, &declared);
    let (mut queries, mut endless) = (Vec::new(), Vec::new());
    let mut report = Report::default();
    let (mut last, mut views) = (None, Vec::new());
    for (number, (file, statements)) in parsed.into_iter().enumerate() {
        binder.file = number;
        binder.file_name = &file.name;
        for Parsed { statement, declares } in statements {
            last = statement.as_ref().ok().map(|statement| (file, statement.span)).or(last);
            if let Ok(Statement { body: Body::CreateView(name, _), .. }) = &statement {
                views.push((file, name.clone()));
            }
            let bound = statement.and_then(|statement| {
                for query in binder.bind(&statement)? {
                    let query = Query { plan: build(query), file: number };
                    sink_rows::check(&query, &queries, &binder, catalog, statement.span)?;
                    endless.extend(has_no_end(&query, &queries, statement.span, file));
                    queries.push(query);
                }
                Ok(())
            });
            match bound {
                Ok(()) => {}
                Err(problem) => {
                    declares.into_iter().for_each(|name| binder.mark_broken(name));
                    for problem in problem.split().into_iter().filter(|problem| !problem.follows) {
                        let file = problem.file.and_then(|number| shown.get(number)).unwrap_or(file);
                        report.push(problem, file, Severity::Error);
                    }
                }
            }
            for warning in std::mem::take(&mut binder.warnings) {
                report.push(warning, file, Severity::Warning);
            }
        }
    }
    let mut diagnostics = report.finish();
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    let writes = queries.iter().any(|query| query.plan.manifest.target != Target::View);
    let mut nowhere = if writes { None } else { writes_nowhere(&shown, last) };
    if last.is_none() && !diagnostics.iter().any(is_error) {
        diagnostics.extend(nowhere.take());
    }
    if diagnostics.iter().any(is_error) {
        return Err(diagnostics);
    }
    debug_assert!(views_exist(&queries), "every view that is read is a query before");
    let unread = if writes { unread(&views, &queries, &binder.inlined) } else { Vec::new() };
    let Binder { sources, tables, sinks, printed, .. } = binder;
    Ok(Compiled {
        program: Program { sources, tables, sinks, queries },
        warnings: diagnostics,
        unread,
        endless,
        printed,
        writes_nowhere: nowhere,
    })
}

/// What is wrong with a query where its source has no end; none where it has windows that close.
fn has_no_end(query: &Query, before: &[Query], span: Span, file: &SourceText) -> Option<Endless> {
    let manifest = &query.plan.manifest;
    manifest.window.as_ref().filter(|window| !window.kind.has_bounds())?;
    let mut input = &manifest.input;
    let source = loop {
        let read = match input {
            Input::Source(name) => break name,
            Input::View(read) | Input::Late(read) => read,
        };
        input = before
            .iter()
            .map(|query| &query.plan.manifest)
            .find(|query| query.name == *read)
            .map(|query| &query.input)?;
    };
    let message = format!(
        "an aggregate without a window has its row when the input ends, and the source `{source}` has no end"
    );
    let problem = Problem::new(span, message).help(format!(
        "write windows, such as FROM TUMBLE({source}, ts, INTERVAL '1' MINUTE), or give it an end: --input {source}=FILE, --bounded"
    ));
    Some(Endless { source: source.clone(), diagnostic: problem.locate(file, Severity::Error) })
}

/// A file as diagnostics quote it.
fn shown(file: &SourceText) -> SourceText {
    let text = file.text.trim_start_matches(BYTE_ORDER_MARK);
    SourceText { name: file.name.clone(), text: masked(text) }
}

/// Whether each view that a query reads is the name of a view before it, spelled exactly so.
fn views_exist(queries: &[Query]) -> bool {
    queries.iter().enumerate().all(|(at, query)| match &query.plan.manifest.input {
        Input::View(name) => queries
            .iter()
            .take(at)
            .map(|before| &before.plan.manifest)
            .any(|before| before.name == *name && before.target == Target::View),
        Input::Late(name) => {
            let mut before = queries.iter().take(at).map(|before| &before.plan.manifest);
            before.any(|before| before.name == *name && before.window.is_some())
        }
        Input::Source(_) => true,
    })
}

fn unread(views: &[(&SourceText, Name)], queries: &[Query], inlined: &[String]) -> Vec<Diagnostic> {
    let is_read = |view: &str| {
        let inputs = queries.iter().map(|query| &query.plan.manifest.input);
        inputs
            .filter_map(|input| match input {
                Input::View(read) => Some(read),
                Input::Source(_) | Input::Late(_) => None,
            })
            .chain(inlined)
            .any(|read| *read == view.to_lowercase())
    };
    let warning = |(file, name): &(&SourceText, Name)| {
        let problem = Problem::new(name.span, format!("no query reads the view `{}`", name.text));
        let help = format!("write INSERT INTO a sink SELECT ... FROM {}, or leave the view out", name.text);
        problem.help(help).locate(file, Severity::Warning)
    };
    views.iter().filter(|(_, name)| !is_read(&name.text)).map(warning).collect()
}

fn writes_nowhere(files: &[SourceText], last: Option<(&SourceText, Span)>) -> Option<Diagnostic> {
    let start = Span::new(Location::new(1, 1), Location::new(1, 2));
    let (file, span) = last.or(files.last().map(|file| (file, start)))?;
    let problem = Problem::new(span, "the program writes nowhere")
        .help("add a SELECT, which prints its rows, or INSERT INTO a sink SELECT ...");
    Some(problem.locate(file, Severity::Error))
}
