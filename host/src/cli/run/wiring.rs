//! A program and its bindings to pipelines: which query reads what, and where its rows go.

mod files;
mod leftovers;
mod places;
mod tasks;
mod sinks;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use streamgauge_common::clock;
use streamgauge_component::{plugins::Plugins, query::QueryComponent};
use streamgauge_kafka::{Connection, Reading, StartAt};
use streamgauge_sql::{
    Program, Query,
    manifest::{Input, Manifest, OptionValue, Source, SourceColumn, Start, Target},
};
use streamgauge_state::{outbox::Outbox, store::Store};

use self::{
    places::{LetterSettings, OutputFiles},
    sinks::{Deliver, RejectedRows},
};
use super::{super::program, Binding};
use crate::{
    cli::Failure,
    decode::json::Decoder,
    deliver::{dead_letter::RecordText, output::Output},
    pipeline::{self, Future, OpenReader, Pipeline, Progress, reader},
    query::{Context, QueryTask},
    timings::Timings,
};

pub(in crate::cli) use self::{
    leftovers::{delivered, find},
    sinks::{Notice, Workers, wrong_option, wrong_rows},
};

/// How long a record may be.
const MAX_RECORD_BYTES: usize = 1 << 20;
/// How far ahead of its record an event may be, where the source does not say; files have no bound.
const MAX_FUTURE_SKEW_US: i64 = 5 * 60 * 1_000_000;

/// Everything that decides how a program is run.
pub(in crate::cli) struct Deployment<'a> {
    pub(in crate::cli) program: &'a Program,
    pub(in crate::cli) plugins: &'a Arc<Plugins>,
    pub(in crate::cli) inputs: &'a [Binding],
    pub(in crate::cli) outputs: &'a [Binding],
    /// The query files: nothing is written over them.
    pub(in crate::cli) files: &'a [PathBuf],
    /// Sinks whose files may be emptied.
    pub(in crate::cli) overwrite: &'a [String],
    /// Queries whose state is removed.
    pub(in crate::cli) forget: &'a [String],
    pub(in crate::cli) bounded: bool,
    pub(in crate::cli) dead_letters: Option<&'a Path>,
    /// How much of a record a dead letter holds.
    pub(in crate::cli) dead_letter_records: RecordText,
    /// How long a file of dead letters may be.
    pub(in crate::cli) dead_letters_bytes_max: u64,
    pub(in crate::cli) timings: &'a Arc<Timings>,
    /// What the console is; none = JSON Lines on standard output.
    pub(in crate::cli) console: Option<Arc<Output>>,
    /// Where state is kept; none = nothing is durable.
    pub(in crate::cli) state: Option<Store>,
    /// How often state is captured.
    pub(in crate::cli) checkpoint_interval: Duration,
    /// How many checkpoints are kept.
    pub(in crate::cli) checkpoints_kept: usize,
    /// How long deliveries may take at the end.
    pub(in crate::cli) drain_timeout: Duration,
    /// How long a bounded run may wait for Kafka at a time.
    pub(in crate::cli) connect_timeout: Duration,
}

/// One pipeline for each source that some running query reads.
///
/// # Errors
/// A name that does not exist, a source without input, a file that cannot be opened, a missing secret.
pub(in crate::cli) fn wire(wiring: &Deployment<'_>, notice: Notice) -> Result<Wired, Failure> {
    let Deployment { program, inputs, outputs, .. } = wiring;
    let sources = program.sources.iter().map(|source| source.name.as_str());
    check_names("source", "--input", inputs, &sources.collect::<Vec<_>>())?;
    let sinks = program.sinks.iter().map(|sink| sink.name.as_str());
    check_names("sink", "--output", outputs, &sinks.collect::<Vec<_>>())?;
    check_once(wiring)?;
    files::check_overwrite(wiring)?;
    let needed = needed(program);
    let components = wiring.components(&needed)?;
    let tasks = needed.iter().filter(|query| matches!(query.plan.manifest.input, Input::Source(_)));
    let (left, told) = wiring.leftovers(&tasks.copied().collect::<Vec<_>>())?;
    let mut places =
        OutputFiles::new(wiring.console.clone(), wiring.read().into_iter(), wiring.state.as_ref());
    places.left = left;
    let mut parts = Builder {
        needed,
        components,
        places,
        workers: Workers::new(notice.clone())?,
        started: Vec::new(),
        notice: notice.clone(),
        notices: told,
        begun: Vec::new(),
    };
    let mut pipelines = Vec::new();
    for source in &program.sources {
        let reads = |query: &&&Query| query.plan.manifest.input == Input::Source(source.name.clone());
        let tasks: Vec<&Query> = parts.needed.iter().filter(reads).copied().collect();
        if !tasks.is_empty() {
            pipelines.extend(wiring.pipelines(source, tasks, &mut parts)?);
        }
    }
    let Builder { places, mut workers, started, mut notices, begun, .. } = parts;
    places.prepare()?;
    notices.extend(places.notices);
    if places.resumed {
        notices.extend(begun.iter().map(|name| format!("query '{name}' begins: there is no state of it")));
    }
    notices.iter().for_each(|text| notice(text));
    for (deliver, outbox, rejections) in started {
        workers.start(deliver, outbox, rejections)?;
    }
    Ok(Wired { pipelines, workers })
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
fn check_once(wiring: &Deployment<'_>) -> Result<(), Failure> {
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
struct Builder<'a> {
    needed: Vec<&'a Query>,
    /// By the name of the query; none where no column enters it.
    components: BTreeMap<String, QueryComponent>,
    places: OutputFiles,
    workers: Workers,
    /// Outboxes that are yet to be worked on: nothing is sent before everything is known to be right.
    started: Vec<(Deliver, Outbox, RejectedRows)>,
    notice: Notice,
    notices: Vec<String>,
    /// Queries of which there is no state.
    begun: Vec<String>,
}

/// A program that is put together.
pub(in crate::cli) struct Wired {
    /// What runs.
    pub(in crate::cli) pipelines: Vec<Pipeline>,
    /// Who delivers.
    pub(in crate::cli) workers: Workers,
}

impl Deployment<'_> {
    /// The components of the queries that need one, compiled at once.
    fn components(&self, needed: &[&Query]) -> Result<BTreeMap<String, QueryComponent>, Failure> {
        let staged = needed.iter().filter(|query| has_stages(&query.plan.manifest));
        let bytes = staged.map(|query| program::component(query)).collect::<Result<Vec<_>, _>>()?;
        let components = QueryComponent::new_all(self.plugins.runtime(), &bytes);
        let components = components.map_err(|error| Failure::Runtime(format!("error: {error}")))?;
        Ok(components.into_iter().map(|one| (one.manifest().name.clone(), one)).collect())
    }

    /// The pipelines of a source: one for the queries that begin, and one for those that go on from the same place.
    fn pipelines(
        &self,
        source: &Source,
        tasks: Vec<&Query>,
        parts: &mut Builder<'_>,
    ) -> Result<Vec<Pipeline>, Failure> {
        let schema = union(source, &tasks);
        let begin = self.start(source, &tasks);
        let reading = Arc::new(self.source(source, &schema, &begin)?);
        let settings = LetterSettings {
            record_text: self.dead_letter_records,
            bytes_max: self.dead_letters_bytes_max,
            notice: parts.notice.clone(),
        };
        let path = self.dead_letters.or_else(|| source.dead_letters.as_deref().map(Path::new));
        let letters = path.map(|path| parts.places.letters(path, &settings)).transpose()?;
        let mut levels: Vec<Vec<QueryTask>> = Vec::new();
        for task in tasks {
            let columns = positions(&task.plan.manifest, schema.iter().map(|column| column.name.as_str()));
            let Some(task) = self.task(task, source, columns, &begin, letters.as_ref(), parts)? else {
                continue;
            };
            match levels.iter_mut().find(|level| level.iter().any(|other| task.reads_as(other))) {
                Some(level) => level.push(task),
                None => levels.push(vec![task]),
            }
        }
        let pipelines = levels.into_iter().map(|tasks| {
            let Some(first) = tasks.first() else { unreachable!("a level has a root") };
            let unusable = |why: String| Failure::Input(format!("error: {why}"));
            let reader = (reading.open)(first.offsets(), first.start_bounds()).map_err(unusable)?;
            let mut context = Context::new(&source.name, letters.clone(), self.timings.clone());
            context.tells_late = source.late_dead_letters;
            Ok(Pipeline {
                source: reading.clone(),
                reader,
                tasks,
                context,
                progress: Arc::new(Progress::default()),
            })
        });
        pipelines.collect()
    }
}

/// Where to begin reading a source.
struct Begin {
    start: StartAt,
    /// Windows that start earlier are not wholly covered and not emitted; none = all are emitted.
    emit_from_us: Option<i64>,
}

impl Deployment<'_> {
    /// From where a source is read, with relative times made absolute.
    fn start(&self, source: &Source, tasks: &[&Query]) -> Begin {
        let longest_us =
            tasks.iter().filter_map(|query| Some(query.plan.manifest.window.as_ref()?.size_us)).max();
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

    /// How a source is read.
    fn source(
        &self,
        source: &Source,
        schema: &[SourceColumn],
        begin: &Begin,
    ) -> Result<pipeline::Source, Failure> {
        let paths = self.input_files(source);
        if paths.is_empty() && !self.inputs.is_empty() {
            let name = &source.name;
            return Err(Failure::Usage(format!(
                "error: source '{name}' is read, but has no --input\nhelp: add --input {name}=PATH"
            )));
        }
        let skew = source.max_future_skew_us.or(paths.is_empty().then_some(MAX_FUTURE_SKEW_US));
        let time = source.watermark.and_then(|watermark| source.columns.get(watermark.column));
        let time = time.and_then(|time| schema.iter().position(|column| column.name == time.name));
        let future = time.zip(skew).map(|(column, max_skew_us)| Future { column, max_skew_us });
        let live = paths.is_empty();
        // What is read from a pipe is gone, and to open it again may wait for ever.
        let once = paths.iter().any(|path| path == Path::new("-") || is_pipe(path));
        let decoder = {
            let (schema, format, lenient) = (schema.to_vec(), source.time_format, source.lenient_numbers);
            move || Decoder::new(&schema, format, lenient, MAX_RECORD_BYTES)
        };
        let timings = self.timings.clone();
        let open: OpenReader = if paths.is_empty() {
            let (connection, topic) = Connection::from_options(&source.options, secret)
                .map_err(|error| Failure::Input(format!("error: {error}")))?;
            let (name, start, bounded) = (source.name.clone(), begin.start, self.bounded);
            let connect_timeout = self.connect_timeout;
            let idle_timeout = Duration::from_micros(source.idle_timeout_us.max(0).cast_unsigned());
            Box::new(move |positions, start_bounds| {
                let offsets: BTreeMap<u32, i64> =
                    positions.iter().map(|(&partition, progress)| (partition, progress.next)).collect();
                // A partition that was not there is new: all that it has is.
                let start = if offsets.is_empty() { start } else { StartAt::Earliest };
                let reading = Reading {
                    source: name.clone(),
                    topic: topic.clone(),
                    offsets,
                    start,
                    bounded,
                    ends: start_bounds.ends.clone(),
                    record_bytes_max: MAX_RECORD_BYTES,
                    topic_id: start_bounds.topic_id,
                    idle_timeout,
                    connect_timeout,
                };
                reader::kafka(&name, &connection, reading, decoder(), timings.clone())
                    .map_err(|error| error.to_string())
            })
        } else {
            Box::new(move |positions, _| {
                let starts =
                    positions.iter().map(|(&partition, progress)| (partition, progress.next)).collect();
                reader::files(&paths, &starts, decoder(), MAX_RECORD_BYTES, timings.clone())
                    .map_err(|error| error.to_string())
            })
        };
        Ok(pipeline::Source {
            name: source.name.clone(),
            open,
            once,
            rejoin: (live && !self.bounded).then(pipeline::RejoinPoint::default),
            future,
            checkpoint_interval: self.checkpoint_interval,
            drain_timeout: self.drain_timeout,
        })
    }
}

/// Whether a path is a pipe: named, or a process substitution of a shell.
fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo())
}

/// Whether columns enter a query's component.
fn has_stages(manifest: &Manifest) -> bool {
    manifest.ingest.is_some() || manifest.emit.is_some()
}

/// The columns that the queries read, in the order in which the source declares them.
fn union(source: &Source, tasks: &[&Query]) -> Vec<SourceColumn> {
    let read = |column: &&SourceColumn| {
        tasks.iter().any(|query| query.plan.manifest.columns.iter().any(|field| field.name == column.name))
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
    let file = secrets_folder().and_then(|folder| fs::read_to_string(folder.join(name)).ok());
    file.map(|value| value.trim_end_matches(['\r', '\n']).to_owned()).ok_or_else(|| {
        format!(
            "it is missing: set the environment variable {name}, or put it into a file of that name in \
             $STREAMGAUGE_SECRETS_DIR"
        )
    })
}

fn secrets_folder() -> Option<PathBuf> {
    env::var("STREAMGAUGE_SECRETS_DIR").ok().map(PathBuf::from)
}
