//! A program and its bindings to pipelines: which query reads what, and where its rows go.

mod places;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use streamgauge_sql::{
    Program, Query,
    manifest::{Input, Manifest, OptionValue, Source, SourceColumn, Start, Target},
};

use self::places::Places;
use super::{super::program, Binding};
use crate::{
    cli::Failure,
    clock,
    component::{plugins::Plugins, query::QueryComponent},
    decode::json::Decoder,
    deliver::output::Output,
    engine::{Accumulators, Settings, WindowQuery},
    pipeline::{
        Future, Pipeline, Progress,
        feed::{self, Feed},
    },
    query::{Context, Counts, RunningQuery, Windows},
    source::kafka::{Connection, Reading, StartAt},
    timings::{Timed, Timings},
};

/// How long a record may be.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// How far ahead of its record an event may be, where the source does not say; files have no bound.
const MAX_FUTURE_SKEW_US: i64 = 5 * 60 * 1_000_000;

/// Everything that decides how a program is run.
pub(in crate::cli) struct Wiring<'a> {
    pub(in crate::cli) program: &'a Program,
    pub(in crate::cli) plugins: &'a Plugins,
    pub(in crate::cli) inputs: &'a [Binding],
    pub(in crate::cli) outputs: &'a [Binding],
    pub(in crate::cli) bounded: bool,
    pub(in crate::cli) dead_letters: Option<&'a Path>,
    pub(in crate::cli) timings: &'a Arc<Timings>,
    /// What the console is; none = JSON Lines on standard output.
    pub(in crate::cli) console: Option<Arc<Output>>,
}

/// One pipeline for each source that some running query reads.
///
/// # Errors
/// A name that does not exist, a source without input, a file that cannot be opened, a missing secret.
pub(in crate::cli) fn wire(wiring: &Wiring<'_>) -> Result<Vec<Pipeline>, Failure> {
    let Wiring { program, inputs, outputs, .. } = wiring;
    let sources = program.sources.iter().map(|source| source.name.as_str());
    check_names("source", "--input", inputs, &sources.collect::<Vec<_>>())?;
    let sinks = program.sinks.iter().map(|sink| sink.name.as_str());
    check_names("sink", "--output", outputs, &sinks.collect::<Vec<_>>())?;
    check_once(wiring)?;
    let needed = needed(program);
    let components = wiring.components(&needed)?;
    let mut readings = Vec::new();
    for source in &program.sources {
        let reads = |query: &&&Query| query.plan.manifest.input == Input::Source(source.name.clone());
        let roots: Vec<&Query> = needed.iter().filter(reads).copied().collect();
        if !roots.is_empty() {
            readings.push(wiring.read(source, roots)?);
        }
    }
    let inputs = program.sources.iter().flat_map(|source| wiring.input_files(source));
    let mut parts = Parts { needed, components, places: Places::new(wiring.console.clone(), inputs) };
    let pipelines = readings.into_iter().map(|reading| wiring.pipeline(reading, &mut parts));
    let pipelines = pipelines.collect::<Result<Vec<_>, _>>()?;
    parts.places.empty()?;
    Ok(pipelines)
}

/// The queries that write somewhere, and the views that they read: nothing else runs.
fn needed(program: &Program) -> Vec<&Query> {
    let mut wanted: Vec<&str> = Vec::new();
    let mut needed: Vec<&Query> = Vec::new();
    for query in program.queries.iter().rev() {
        let Manifest { name, target, input, .. } = &query.plan.manifest;
        if *target != Target::View || wanted.contains(&name.as_str()) {
            needed.push(query);
            if let Input::View(view) = input {
                wanted.push(view);
            }
        }
    }
    needed.reverse();
    needed
}

fn check_names(kind: &str, flag: &str, bindings: &[Binding], names: &[&str]) -> Result<(), Failure> {
    for binding in bindings {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(&binding.name)) {
            let there = if names.is_empty() {
                "there is none".into()
            } else {
                format!("there is {}", names.join(", "))
            };
            let Binding { name, path } = binding;
            return Err(Failure::Usage(format!(
                "error: {flag} {name}={}: no {kind} is called '{name}'\nhelp: {there}",
                path.display()
            )));
        }
    }
    Ok(())
}

/// A sink has one output, and standard input one reader.
fn check_once(wiring: &Wiring<'_>) -> Result<(), Failure> {
    for (index, Binding { name, path }) in wiring.outputs.iter().enumerate() {
        let earlier = wiring.outputs.iter().take(index);
        if earlier.into_iter().any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "error: --output {name}={path}: the sink '{name}' has an output already\n\
                 help: a sink sends its rows to one place"
            )));
        }
    }
    let inputs = wiring.program.sources.iter().flat_map(|source| wiring.input_files(source));
    if inputs.filter(|path| path == Path::new("-")).count() > 1 {
        return Err(Failure::Usage(
            "error: standard input is read twice\nhelp: only one input can be -; give the others files"
                .into(),
        ));
    }
    Ok(())
}

/// What pipelines are put together from.
struct Parts<'a> {
    needed: Vec<&'a Query>,
    /// By the name of the query; none where no column enters it.
    components: BTreeMap<String, QueryComponent>,
    places: Places,
}

/// A source that is open, and who reads it.
struct OpenSource<'a> {
    source: &'a Source,
    roots: Vec<&'a Query>,
    /// The columns that are read.
    schema: Vec<SourceColumn>,
    begin: Begin,
    feed: Feed,
    from_file: bool,
}

impl Wiring<'_> {
    fn read<'a>(&self, source: &'a Source, roots: Vec<&'a Query>) -> Result<OpenSource<'a>, Failure> {
        let schema = union(source, &roots);
        let begin = self.start(source, &roots);
        let (feed, from_file) = self.feed(source, schema.clone(), &begin)?;
        Ok(OpenSource { source, roots, schema, begin, feed, from_file })
    }

    /// The components of the queries that need one, compiled at once.
    fn components(&self, needed: &[&Query]) -> Result<BTreeMap<String, QueryComponent>, Failure> {
        let staged = needed.iter().filter(|query| has_stages(&query.plan.manifest));
        let bytes = staged.map(|query| program::component(query)).collect::<Result<Vec<_>, _>>()?;
        let components = QueryComponent::new_all(self.plugins.runtime(), &bytes);
        let components = components.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
        Ok(components.into_iter().map(|one| (one.manifest().name.clone(), one)).collect())
    }

    fn pipeline(&self, open: OpenSource<'_>, parts: &mut Parts<'_>) -> Result<Pipeline, Failure> {
        let OpenSource { source, roots, schema, begin, feed, from_file } = open;
        let dead_letters = match (self.dead_letters, &source.dead_letters) {
            (Some(path), _) => Some(parts.places.file(path)?),
            (None, Some(path)) => Some(parts.places.file(Path::new(path))?),
            (None, None) => None,
        };
        let mut queries = Vec::new();
        for root in roots {
            let columns = positions(&root.plan.manifest, schema.iter().map(|column| column.name.as_str()));
            queries.push(self.query(root, columns, begin.emit_from_us, parts)?);
        }
        let skew = source.max_future_skew_us.or((!from_file).then_some(MAX_FUTURE_SKEW_US));
        let time = source.watermark.and_then(|watermark| source.columns.get(watermark.column));
        let time = time.and_then(|time| schema.iter().position(|column| column.name == time.name));
        Ok(Pipeline {
            feed,
            queries,
            context: Context {
                source: source.name.clone(),
                dead_letters,
                counts: Counts::default(),
                timings: self.timings.clone(),
                wrote: false,
                broken: None,
                unread: false,
            },
            idle_timeout: Duration::from_micros(source.idle_timeout_us.max(0).cast_unsigned()),
            future: time.zip(skew).map(|(column, max_skew_us)| Future { column, max_skew_us }),
            progress: Arc::new(Progress::default()),
        })
    }

    /// A query at work, with everything that reads it.
    fn query(
        &self,
        query: &Query,
        columns: Vec<usize>,
        emit_from_us: Option<i64>,
        parts: &mut Parts<'_>,
    ) -> Result<RunningQuery, Failure> {
        let manifest = &query.plan.manifest;
        let component = parts.components.remove(&manifest.name);
        assert_eq!(component.is_some(), has_stages(manifest), "each query is wired once");
        let windows = self.windows(manifest, emit_from_us)?;
        let mut running = RunningQuery::new(manifest.clone(), component, windows, columns);
        match &manifest.target {
            Target::View => {}
            Target::Console => running.send_to(parts.places.console()),
            Target::Sink(sink) => running.send_to(self.sink(sink, &mut parts.places)?),
        }
        for reader in parts.needed.clone() {
            if reader.plan.manifest.input == Input::View(manifest.name.clone()) {
                let names = manifest.output.iter().map(|output| output.name.as_str());
                let columns = positions(&reader.plan.manifest, names);
                running.add_reader(self.query(reader, columns, None, parts)?);
            }
        }
        Ok(running)
    }

    fn windows(&self, manifest: &Manifest, emit_from_us: Option<i64>) -> Result<Option<Windows>, Failure> {
        let Some(window) = &manifest.window else { return Ok(None) };
        let source = match &manifest.input {
            Input::Source(name) => self.program.sources.iter().find(|source| source.name == *name),
            Input::View(_) => None,
        };
        let delay_us = source.and_then(|source| source.watermark).map_or(0, |watermark| watermark.delay_us);
        let mut accumulators: Vec<Box<dyn Accumulators>> = Vec::new();
        for aggregate in &window.aggregates {
            let opened = self.plugins.open(aggregate);
            let opened = opened.map_err(|fault| Failure::Runtime(format!("error: {fault}")))?;
            accumulators.push(Box::new(Timed::new(opened, self.timings.clone())));
        }
        let settings = Settings { delay_us, emit_from_us, ..Settings::default() };
        let engine = WindowQuery::new(window, settings, []);
        let engine =
            engine.map_err(|error| Failure::Runtime(format!("error: query '{}': {error}", manifest.name)))?;
        Ok(Some(Windows { engine, accumulators }))
    }
}

/// Where to begin reading a source.
struct Begin {
    start: StartAt,
    /// Windows that start earlier are not wholly covered and not emitted; none = all are emitted.
    emit_from_us: Option<i64>,
}

impl Wiring<'_> {
    /// From where a source is read, with relative times made absolute.
    fn start(&self, source: &Source, roots: &[&Query]) -> Begin {
        let longest_us =
            roots.iter().filter_map(|query| Some(query.plan.manifest.window.as_ref()?.size_us)).max();
        let from_start = self.bounded || !self.inputs.is_empty() || source.connector == "file";
        let now_us = clock::now_us();
        let at = |time_us| (StartAt::Time(time_us), Some(time_us));
        let (start, emit_from_us) = match source.start {
            _ if from_start => (StartAt::Earliest, None),
            Start::Earliest => (StartAt::Earliest, None),
            Start::Latest => (StartAt::Latest, Some(now_us)),
            Start::At(time_us) => (StartAt::Time(time_us), Some(time_us)),
            Start::Ago(ago_us) => at(now_us.saturating_sub(ago_us)),
            Start::Default => at(now_us.saturating_sub(longest_us.unwrap_or(0))),
        };
        Begin { start, emit_from_us }
    }

    /// The files that a source is read from; none where it is not read from files.
    fn input_files(&self, source: &Source) -> Vec<PathBuf> {
        let given = self.inputs.iter().filter(|input| input.name.eq_ignore_ascii_case(&source.name));
        let mut paths: Vec<PathBuf> = given.map(|input| input.path.clone()).collect();
        if self.inputs.is_empty() && source.connector == "file" {
            paths.extend(text(source.options.get("path")).map(PathBuf::from));
        }
        paths
    }

    /// The input of a source, and whether it comes from files.
    fn feed(
        &self,
        source: &Source,
        schema: Vec<SourceColumn>,
        begin: &Begin,
    ) -> Result<(Feed, bool), Failure> {
        let decoder = Decoder::new(&schema, source.time_format, source.lenient_numbers, MAX_RECORD_BYTES);
        let paths = self.input_files(source);
        if paths.is_empty() && !self.inputs.is_empty() {
            let name = &source.name;
            return Err(Failure::Usage(format!(
                "error: source '{name}' is read, but has no --input\nhelp: add --input {name}=PATH"
            )));
        }
        let unusable = |error: &dyn std::fmt::Display| Failure::Input(format!("error: {error}"));
        if !paths.is_empty() {
            let feed = feed::files(&paths, decoder, MAX_RECORD_BYTES, self.timings.clone());
            return feed.map(|feed| (feed, true)).map_err(|error| unusable(&error));
        }
        let (connection, topic) =
            Connection::from_options(&source.options, secret).map_err(|error| unusable(&error))?;
        let reading = Reading {
            topic,
            offsets: BTreeMap::new(),
            start: begin.start,
            bounded: self.bounded,
            ends: BTreeMap::new(),
            record_bytes_max: MAX_RECORD_BYTES,
        };
        let feed = feed::kafka(&source.name, &connection, reading, decoder, self.timings.clone());
        feed.map(|feed| (feed, false)).map_err(|error| unusable(&error))
    }

    /// The place of a sink's rows.
    fn sink(&self, name: &str, places: &mut Places) -> Result<Arc<Output>, Failure> {
        if let Some(binding) = self.outputs.iter().find(|output| output.name.eq_ignore_ascii_case(name)) {
            return places.file(&binding.path);
        }
        let sink = self.program.sinks.iter().find(|sink| sink.name == name);
        let sink = sink.ok_or_else(|| Failure::Input(format!("error: there is no sink '{name}'")))?;
        match (sink.connector.as_str(), text(sink.options.get("path"))) {
            ("console", _) => Ok(places.console()),
            ("file", Some(path)) => places.file(Path::new(path)),
            (connector, _) => Err(Failure::Input(format!(
                "error: sink '{name}': the connector '{connector}' cannot send yet\n\
                 help: give the rows a file: --output {name}=PATH (- is standard output)"
            ))),
        }
    }
}

/// Whether columns enter a query's component.
fn has_stages(manifest: &Manifest) -> bool {
    manifest.ingest.is_some() || manifest.emit.is_some()
}

/// The columns that the queries read, in the order in which the source declares them.
fn union(source: &Source, roots: &[&Query]) -> Vec<SourceColumn> {
    let read = |column: &&SourceColumn| {
        roots.iter().any(|query| query.plan.manifest.columns.iter().any(|field| field.name == column.name))
    };
    source.columns.iter().filter(read).cloned().collect()
}

/// Where each column that a query reads is among `names`.
fn positions<'a>(manifest: &Manifest, names: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    let place = |name: &str| names.clone().position(|other| other == name);
    let places: Vec<usize> = manifest.columns.iter().filter_map(|field| place(&field.name)).collect();
    debug_assert_eq!(places.len(), manifest.columns.len(), "the plan reads only what is there");
    places
}

fn text(option: Option<&OptionValue>) -> Option<&str> {
    match option {
        Some(OptionValue::Text(text)) => Some(text),
        _ => None,
    }
}

/// The value of a secret: the environment's, else the file of that name in `$STREAMGAUGE_SECRETS_DIR`.
fn secret(name: &str) -> Result<String, String> {
    if let Ok(value) = env::var(name) {
        return Ok(value);
    }
    let folder = env::var("STREAMGAUGE_SECRETS_DIR").ok().map(PathBuf::from);
    let file = folder.and_then(|folder| fs::read_to_string(folder.join(name)).ok());
    file.map(|value| value.trim_end_matches(['\r', '\n']).to_owned()).ok_or_else(|| {
        format!(
            "it is missing: set the environment variable {name}, or put it into a file of that name in \
             $STREAMGAUGE_SECRETS_DIR"
        )
    })
}
