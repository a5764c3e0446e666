//! A program and its bindings to pipelines: which query reads what, and where its rows go.

mod error;
mod files;
mod leftovers;
mod output_files;
mod tasks;
mod secret;
mod sinks;
mod source;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use streamgauge_component::{plugins::Plugins, query::QueryComponent};
use streamgauge_sql::{
    Program, Query,
    manifest::{Input, Manifest, OptionValue, Source, Target},
};
use streamgauge_state::{
    outbox::Outbox,
    pool::{PoolSettings, StatePool},
    store::Store,
};

use self::{
    output_files::{LetterSettings, OutputFiles},
    sinks::{Deliver, RejectedRows},
    source::{Begin, union},
};
use crate::{
    deliver::{dead_letter::RecordText, output::Output},
    pipeline::{Pipeline, Progress},
    query::{Context, QueryTask},
    timings::Timings,
};

pub use self::{
    error::DeployError,
    leftovers::{delivered, find},
    sinks::{Notice, Workers, wrong_option, wrong_rows},
};

/// `NAME=PATH`.
#[derive(Clone, Debug)]
pub struct Binding {
    /// A source or a sink.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
}

/// The component of a query.
///
/// # Errors
/// A query that is too large for one.
pub fn component(query: &Query) -> Result<Vec<u8>, DeployError> {
    query.plan.component().map_err(|error| {
        DeployError::Input(format!("error: query '{}' cannot be compiled: {error}", query.plan.manifest.name))
    })
}

/// Everything that decides how a program is run.
pub struct Deployment<'a> {
    /// The compiled query files.
    pub program: &'a Program,
    /// The reducers and sinks that it may name.
    pub plugins: &'a Arc<Plugins>,
    /// Sources that are read from files instead of from where they say.
    pub inputs: &'a [Binding],
    /// Sinks whose rows go to files instead of to where they say.
    pub outputs: &'a [Binding],
    /// The query files: nothing is written over them.
    pub files: &'a [PathBuf],
    /// Sinks whose files may be emptied.
    pub overwrite: &'a [String],
    /// Queries whose state is removed.
    pub forget: &'a [String],
    /// Whether Kafka is read to its end as it is now.
    pub bounded: bool,
    /// The file of dead letters; none = what each source says.
    pub dead_letters: Option<&'a Path>,
    /// How much of a record a dead letter holds.
    pub dead_letter_records: RecordText,
    /// How long a file of dead letters may be.
    pub dead_letters_bytes_max: u64,
    /// Where the time of each step is added up.
    pub timings: &'a Arc<Timings>,
    /// What the console is; none = JSON Lines on standard output.
    pub console: Option<Arc<Output>>,
    /// Where state is kept; none = nothing is durable.
    pub state: Option<Store>,
    /// How often state is captured.
    pub checkpoint_interval: Duration,
    /// How many checkpoints are kept.
    pub checkpoints_kept: usize,
    /// How long deliveries may take at the end.
    pub drain_timeout: Duration,
    /// How long a bounded run may wait for Kafka at a time.
    pub connect_timeout: Duration,
}

/// One pipeline for each source that some running query reads.
///
/// # Errors
/// A name that does not exist, a source without input, a file that cannot be opened, a missing secret.
pub fn wire(deployment: &Deployment<'_>, notice: Notice) -> Result<Wired, DeployError> {
    let Deployment { program, inputs, outputs, .. } = deployment;
    let sources = program.sources.iter().map(|source| source.name.as_str());
    check_names("source", "--input", inputs, &sources.collect::<Vec<_>>())?;
    let sinks = program.sinks.iter().map(|sink| sink.name.as_str());
    check_names("sink", "--output", outputs, &sinks.collect::<Vec<_>>())?;
    check_once(deployment)?;
    files::check_overwrite(deployment)?;
    let needed = needed(program);
    let components = deployment.components(&needed)?;
    let tasks = needed.iter().filter(|query| matches!(query.plan.manifest.input, Input::Source(_)));
    let (left, told) = deployment.leftovers(&tasks.copied().collect::<Vec<_>>())?;
    let mut files = OutputFiles::new(
        deployment.console.clone(),
        deployment.read().into_iter(),
        deployment.state.as_ref(),
    );
    files.left = left;
    let pool = deployment.state.is_some().then(|| StatePool::start(PoolSettings::default())).transpose();
    let no_thread = |error| DeployError::Runtime(format!("error: cannot start a thread: {error}"));
    let mut parts = Builder {
        pool: pool.map_err(no_thread)?,
        needed,
        components,
        files,
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
            pipelines.extend(deployment.pipelines(source, tasks, &mut parts)?);
        }
    }
    let Builder { files, mut workers, started, mut notices, begun, .. } = parts;
    files.prepare()?;
    notices.extend(files.notices);
    if files.resumed {
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

fn check_names(kind: &str, flag: &str, bindings: &[Binding], names: &[&str]) -> Result<(), DeployError> {
    for binding in bindings {
        if !names.iter().any(|name| name.eq_ignore_ascii_case(&binding.name)) {
            let there = if names.is_empty() {
                "there is none".into()
            } else {
                format!("there is {}", names.join(", "))
            };
            let Binding { name, path } = binding;
            return Err(DeployError::Usage(format!(
                "error: {flag} {name}={}: no {kind} is called '{name}'\nhelp: {there}",
                path.display()
            )));
        }
    }
    Ok(())
}

/// A sink has one output, and standard input one reader.
fn check_once(deployment: &Deployment<'_>) -> Result<(), DeployError> {
    for (index, Binding { name, path }) in deployment.outputs.iter().enumerate() {
        let earlier = deployment.outputs.iter().take(index);
        if earlier.into_iter().any(|earlier| earlier.name.eq_ignore_ascii_case(name)) {
            let path = path.display();
            return Err(DeployError::Usage(format!(
                "error: --output {name}={path}: the sink '{name}' has an output already\n\
                 help: a sink sends its rows to one place"
            )));
        }
    }
    let inputs = deployment.program.sources.iter().flat_map(|source| deployment.input_files(source));
    if inputs.filter(|path| path == Path::new("-")).count() > 1 {
        return Err(DeployError::Usage(
            "error: standard input is read twice\nhelp: only one input can be -; give the others files"
                .into(),
        ));
    }
    Ok(())
}

/// What pipelines are put together from.
struct Builder<'a> {
    /// The threads that keep state; none = nothing is durable.
    pool: Option<StatePool>,
    needed: Vec<&'a Query>,
    /// By the name of the query; none where no column enters it.
    components: BTreeMap<String, QueryComponent>,
    files: OutputFiles,
    workers: Workers,
    /// Outboxes that are yet to be worked on: nothing is sent before everything is known to be right.
    started: Vec<(Deliver, Outbox, RejectedRows)>,
    notice: Notice,
    notices: Vec<String>,
    /// Queries of which there is no state.
    begun: Vec<String>,
}

/// A program that is put together.
pub struct Wired {
    /// What runs.
    pub pipelines: Vec<Pipeline>,
    /// Who delivers.
    pub workers: Workers,
}

impl Deployment<'_> {
    /// The components of the queries that need one, compiled at once.
    fn components(&self, needed: &[&Query]) -> Result<BTreeMap<String, QueryComponent>, DeployError> {
        let staged = needed.iter().filter(|query| has_stages(&query.plan.manifest));
        let bytes = staged.map(|query| component(query)).collect::<Result<Vec<_>, _>>()?;
        let components = QueryComponent::new_all(self.plugins.runtime(), &bytes);
        let components = components.map_err(|error| DeployError::Runtime(format!("error: {error}")))?;
        Ok(components.into_iter().map(|one| (one.manifest().name.clone(), one)).collect())
    }

    /// The pipelines of a source: one for the queries that begin, and one for those that go on from the same place.
    fn pipelines(
        &self,
        source: &Source,
        tasks: Vec<&Query>,
        parts: &mut Builder<'_>,
    ) -> Result<Vec<Pipeline>, DeployError> {
        let schema = union(source, &tasks);
        let begin = self.start(source, &tasks);
        let reading = Arc::new(self.source(source, &schema, &begin)?);
        let settings = LetterSettings {
            record_text: self.dead_letter_records,
            bytes_max: self.dead_letters_bytes_max,
            notice: parts.notice.clone(),
        };
        let path = self.dead_letters.or_else(|| source.dead_letters.as_deref().map(Path::new));
        let letters = path.map(|path| parts.files.letters(path, &settings)).transpose()?;
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
            let Some(first) = tasks.first() else { unreachable!("a level has a query task") };
            let unusable = |why: String| DeployError::Input(format!("error: {why}"));
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

/// Whether columns enter a query's component.
fn has_stages(manifest: &Manifest) -> bool {
    manifest.ingest.is_some() || manifest.emit.is_some()
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
