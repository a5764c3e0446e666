//! Queries that are asked once: `streamgauge query` and `streamgauge tap`. Only what the command line asks is run; of the query files
//! the sources and views are there, and their INSERTs and SELECTs are left out.

pub(super) mod query;
mod row_limit;
pub(super) mod tap;

use std::{sync::Arc, time::Duration};

use streamgauge_component::plugins::Plugins;
use streamgauge_sql::{
    Compiled, Query, SourceText,
    manifest::{Input, Manifest, Start, Target},
};

use self::row_limit::{LimitedRows, Look, RowLimit, Stops};
use super::{
    Failure,
    files::QueryFiles,
    limit_options::LimitOptions,
    log_options::LogOptions,
    print, process, program,
    run::{self, Reports, Signals},
    say,
    set_options::SetOptions,
};
use crate::{
    deliver::output::Output,
    deploy::{Binding, Connectors, Deployment, HostResources, wire},
    limits::Limits,
    query::UnreadColumns,
    timings::Timings,
};

/// What is asked, and of what.
struct Question<'a> {
    files: Option<&'a QueryFiles>,
    /// SELECTs over the sources and views of the files.
    statements: Vec<SourceText>,
    inputs: &'a [Binding],
    /// Whether Kafka is read to its end as it is now; otherwise on and on.
    bounded: bool,
    /// How long Kafka may be away at a time; none = a minute where it is read to its end, otherwise as long as it takes.
    connect_timeout: Option<Duration>,
    /// Where reading begins, instead of where the source says.
    start: Option<Start>,
    look: Look,
    rows_max: usize,
    set: &'a SetOptions,
    limits: &'a LimitOptions,
    log: &'a LogOptions,
    /// What messages call the statement; several are numbered.
    name: &'static str,
    /// What becomes of a record with a column that cannot be read, where the statement reads a source itself.
    unread_columns: UnreadColumns,
}

impl Question<'_> {
    /// Runs it until its input ends, `rows_max` rows are shown, or somebody stops it.
    fn answer(self) -> Result<(), Failure> {
        let signals = Signals::listen()?;
        process::begins(None);
        let limits = self.limits.limits();
        let plugins = Arc::new(program::plugins(&limits)?);
        let compiled = self.compiled(&plugins, &limits)?;
        run::print_statements(compiled.printed.iter())?;
        if compiled.program.queries.iter().all(|query| query.plan.manifest.target == Target::View) {
            return Ok(());
        }
        let asked =
            compiled.program.queries.iter().filter(|query| query.plan.manifest.target == Target::Console);
        let limit = RowLimit { queries: asked.count(), rows: self.rows_max, stops: self.stops() };
        let reports = Reports::new(self.log);
        let shown = Arc::new(LimitedRows::new(self.look, limit, signals.stop().clone()));
        let console = Arc::new(Output::stdout().with_format(shown.clone()));
        let (connectors, timings) = (Connectors::default(), Arc::new(Timings::default()));
        let usual = Deployment::new(run::DEPLOYMENT, &compiled.program, &plugins, &connectors, &timings);
        let deployment = Deployment {
            inputs: self.inputs,
            bounded: self.bounded,
            console: Some(console),
            limits: &limits,
            unread_columns: self.unread_columns(&compiled),
            connect_timeout: self.connect_timeout.unwrap_or(usual.connect_timeout),
            gives_up: self.connect_timeout.is_some(),
            ..usual
        };
        let resources = HostResources::new(&limits);
        let wired = reports.within(|| wire(&deployment, &resources))?;
        let done = run::host(wired, resources, &signals, deployment.drain_timeout, None, reports, None);
        print(&shown.tables())?;
        if shown.is_cut() {
            say(&format!("shown are the first {} rows; --rows N shows more", self.rows_max));
        }
        done
    }

    /// Over windows NULL would count as if it stood in the record.
    fn unread_columns(&self, compiled: &Compiled) -> UnreadColumns {
        let mut asked = compiled.program.queries.iter().map(|query| &query.plan.manifest);
        let reads_source =
            |manifest: &Manifest| manifest.window.is_none() && matches!(manifest.input, Input::Source(_));
        match asked.all(|manifest| manifest.target == Target::View || reads_source(manifest)) {
            true => self.unread_columns,
            false => UnreadColumns::DeadLetter,
        }
    }

    /// Calls the statements as the command line does, unless a view has that name.
    fn name(&self, queries: &mut [Query], is_asked: impl Fn(&Query) -> bool) {
        let (asked, others): (Vec<&mut Query>, Vec<&mut Query>) =
            queries.iter_mut().partition(|query| is_asked(query));
        let is_one = asked.len() == 1;
        for (number, query) in (1..).zip(asked) {
            let name = if is_one { self.name.to_owned() } else { format!("{} {number}", self.name) };
            if others.iter().all(|other| other.plan.manifest.name != name) {
                query.plan.manifest.name = name;
            }
        }
    }

    /// A topic that is read on and on may have no further row for long.
    fn stops(&self) -> Stops {
        if self.bounded { Stops::BehindTheLast } else { Stops::AtTheLast }
    }

    /// The program of the files with the statements, of which only these have rows to print.
    fn compiled(&self, plugins: &Arc<Plugins>, limits: &Limits) -> Result<Compiled, Failure> {
        let paths = self.files.map(|files| files.paths(self.inputs)).transpose()?.unwrap_or_default();
        let mut texts = program::texts(&paths)?;
        texts.extend(self.statements.iter().cloned());
        let variables = self.set.variables(&texts)?;
        let mut compiled = program::compile_texts(&texts, &variables, plugins, limits, self.log.format())?;
        let is_asked = |query: &Query| query.file >= paths.len();
        let asked: Vec<&Query> = compiled.program.queries.iter().filter(|query| is_asked(query)).collect();
        // Of the files only what the statements read is there.
        compiled.printed.retain(|printed| printed.file >= paths.len());
        if asked.is_empty() && compiled.printed.is_empty() {
            return Err(Failure::Input(
                "error: there is no question\nhelp: write a SELECT behind -e".to_owned(),
            ));
        }
        if let Some(other) = asked.iter().find(|query| matches!(query.plan.manifest.target, Target::Sink(_)))
        {
            let sql = &other.plan.manifest.sql;
            return Err(Failure::Input(format!(
                "error: this sends rows to a sink: {sql}\nhelp: write a SELECT, whose rows are printed, or use `streamgauge run`"
            )));
        }
        let stays = |query: &Query| is_asked(query) || query.plan.manifest.target == Target::View;
        compiled.program.queries.retain(stays);
        self.name(&mut compiled.program.queries, is_asked);
        if let Some(start) = self.start {
            compiled.program.sources.iter_mut().for_each(|source| source.start = start);
        }
        Ok(compiled)
    }
}
