//! A program and its bindings to pipelines: which query reads what, and where its rows go.

mod error;
mod connectors;
mod advice;
mod catalog;
mod own_plugin;
mod pulled_plugin;
mod files;
mod needed;
mod ends;
mod identity;
mod leftovers;
mod option_page;
mod operators;
mod over_views;
mod output_files;
mod tasks;
mod tables;
mod crash_bundles;
mod plan;
mod runtime;
mod secret;
mod resources;
mod recovered;
mod resumed;
mod inputs;
mod sinks;
mod source;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, atomic::AtomicBool},
    time::Duration,
};

use streamgauge_component::{plugins::Plugins, query::QueryComponent};
use streamgauge_sql::{
    Program, Query,
    manifest::{Input, Manifest, Source},
};
use streamgauge_state::{pool::StatePool, statements, store::Store};
use tracing::{info, warn};

use self::{
    identity::Named,
    needed::{check_chains, needed},
    output_files::{LetterSettings, OutputFiles},
    sinks::Sinks,
    source::{ReadStart, columns, register},
};
use crate::{
    crashes::CrashFolder,
    decode::{keys::KeyWatch, times::TimeWatch},
    deliver::{dead_letter::RecordText, http::secrets::Lookup, output::Output, permissions::Permissions},
    limits::Limits,
    metrics::SourceMetrics,
    pipeline::{self, Pipeline},
    query::{Control, LateWatch, Progress, QueryTask, ReadFrom, Subscription, UnreadColumns},
    recent::Recent,
    table::TableFeed,
    timings::Timings,
};

pub use self::{
    advice::Advice,
    catalog::{HostCatalog, PlacedCatalog, PluginPlace},
    connectors::Connectors,
    ends::without_end,
    error::DeployError,
    leftovers::{delivered, find},
    option_page::OptionPage,
    plan::{Action, Counts, PlannedQuery, ReadsFrom},
    pulled_plugin::{kept as kept_components, pull as pull_component},
    resources::HostResources,
    runtime::{DeploymentEnd, Runtime, RuntimeError, RuntimeEvent, RuntimeStatus, State, Status, Tell},
};
pub use crate::deliver::workers::Workers;

/// How many dead letters are kept for people, of a deployment's use of a source.
const RECENT_LETTERS: usize = 100;

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
#[derive(Clone)]
pub struct Deployment<'a> {
    /// Its name, among those of one runtime.
    pub name: &'a str,
    /// The compiled query files.
    pub program: &'a Program,
    /// The reducers that it may name, and the components of sinks.
    pub plugins: &'a Arc<Plugins>,
    /// The connectors that it may name.
    pub connectors: &'a Connectors,
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
    /// Where crash bundles are kept; none = with the state, where that is a local folder, else nowhere.
    pub crash_bundles: Option<&'a Path>,
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
    /// What becomes of a row with a column that cannot be read.
    pub unread_columns: UnreadColumns,
    /// Gives secrets by name.
    pub secrets: Arc<Lookup>,
    /// What the operator lets it reach; none = what its user may.
    pub permissions: Option<&'a Permissions>,
    /// What people are told to do.
    pub advice: Advice,
    /// Whether the last rows of each query are kept for people.
    pub keeps_recent_rows: bool,
    /// How long a bounded run may wait for Kafka at a time.
    pub connect_timeout: Duration,
    /// Whether that holds of one that is not bounded, too.
    pub gives_up: bool,
    /// What everything is bounded by.
    pub limits: &'a Limits,
}

impl<'a> Deployment<'a> {
    /// A program as it stands: sources and sinks are where it says, nothing is durable.
    pub fn new(
        name: &'a str,
        program: &'a Program,
        plugins: &'a Arc<Plugins>,
        connectors: &'a Connectors,
        timings: &'a Arc<Timings>,
    ) -> Self {
        Self {
            name,
            program,
            plugins,
            connectors,
            inputs: &[],
            outputs: &[],
            files: &[],
            overwrite: &[],
            forget: &[],
            bounded: false,
            dead_letters: None,
            dead_letter_records: RecordText::Excerpt,
            dead_letters_bytes_max: u64::MAX,
            crash_bundles: None,
            timings,
            console: None,
            state: None,
            checkpoint_interval: Duration::from_secs(5),
            checkpoints_kept: 2,
            drain_timeout: Duration::from_secs(30),
            unread_columns: UnreadColumns::default(),
            secrets: Arc::new(secret::secret),
            permissions: None,
            advice: Advice::default(),
            keeps_recent_rows: false,
            connect_timeout: Duration::from_secs(60),
            gives_up: false,
            limits: &Limits::DEFAULT,
        }
    }
}

/// One pipeline for each source that some running query reads.
///
/// # Errors
/// A name that does not exist, a source without input, a file that cannot be opened, a missing secret.
pub fn wire(deployment: &Deployment<'_>, resources: &HostResources) -> Result<Wired, DeployError> {
    let Some(store) = &deployment.state else { return wire_named(deployment, resources) };
    let Named { program, keep } = identity::name(deployment.program, store)?;
    let wired = wire_named(&Deployment { program: &program, ..deployment.clone() }, resources)?;
    // Before anything is decided under these names.
    let kept = keep.map_or(Ok(()), |keep| statements::write(store, &keep));
    kept.map_err(|error| DeployError::Runtime(format!("error: {error}")))?;
    Ok(wired)
}

fn wire_named(deployment: &Deployment<'_>, resources: &HostResources) -> Result<Wired, DeployError> {
    let Deployment { program, inputs, outputs, .. } = deployment;
    let names = program.sources.iter().map(|source| source.name.as_str());
    check_names("source", "--input", inputs, &names.collect::<Vec<_>>())?;
    let sinks = program.sinks.iter().map(|sink| sink.name.as_str());
    check_names("sink", "--output", outputs, &sinks.collect::<Vec<_>>())?;
    files::check_once(deployment)?;
    files::check_overwrite(deployment)?;
    let needed = needed(program);
    check_chains(&needed)?;
    deployment.check_ends(&needed)?;
    let components = deployment.components(&needed)?;
    let pool = deployment.state.is_some().then(|| resources.state_pool(deployment)).transpose()?;
    let tasks = needed.iter().filter(|query| matches!(query.plan.manifest.input, Input::Source(_)));
    let (left, told) = deployment.forget_and_list_leftovers(&tasks.copied().collect::<Vec<_>>())?;
    let mut files = OutputFiles::new(
        deployment.console.clone(),
        deployment.read().into_iter(),
        deployment.state.as_ref(),
        deployment.advice,
    );
    files.left = left;
    let mut builder = DeploymentBuilder {
        pool,
        needed,
        components,
        files,
        sinks: Sinks::new(deployment),
        notices: told,
        warnings: Vec::new(),
        begun: Vec::new(),
        created: Vec::new(),
        tables: BTreeMap::new(),
        control: Arc::default(),
        crashes: deployment.crash_folder(),
        resources,
    };
    let pipelines = match builder.put_together(deployment) {
        Ok(pipelines) => pipelines,
        Err(refused) => return Err(builder.take_back(deployment, refused)),
    };
    let DeploymentBuilder { files, sinks, mut notices, warnings, begun, control, .. } = builder;
    notices.extend(files.notices);
    if files.resumed {
        notices.extend(begun.iter().map(|name| format!("query '{name}' begins: there is no state of it")));
    }
    notices.iter().for_each(|text| info!(deployment = deployment.name, "{text}"));
    warnings.iter().for_each(|text| warn!(deployment = deployment.name, "{text}"));
    Ok(Wired { pipelines, workers: Some(sinks.start()?), control })
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

/// What pipelines are put together from.
struct DeploymentBuilder<'a> {
    /// The threads that keep state; none = nothing is durable.
    pool: Option<StatePool>,
    needed: Vec<&'a Query>,
    /// By the name of the query; none where no column enters it.
    components: BTreeMap<String, QueryComponent>,
    files: OutputFiles,
    sinks: Sinks<'a>,
    notices: Vec<String>,
    /// The same, where something wants attention.
    warnings: Vec<String>,
    /// Queries of which there is no state.
    begun: Vec<String>,
    /// Those of them whose folder this start has made.
    created: Vec<String>,
    /// The tables that queries look up rows in, by name, and whether each could be read.
    tables: BTreeMap<String, (Arc<TableFeed>, Result<(), String>)>,
    /// What is wanted of the deployment.
    control: Arc<Control>,
    /// Where crash bundles are kept; none = nowhere.
    crashes: Option<Arc<CrashFolder>>,
    /// What other deployments use as well.
    resources: &'a HostResources,
}

impl DeploymentBuilder<'_> {
    /// Everything that can refuse the program is done here; nothing that was there is changed before the last of it.
    fn put_together(&mut self, deployment: &Deployment<'_>) -> Result<Vec<Pipeline>, DeployError> {
        let mut pipelines = Vec::new();
        for source in &deployment.program.sources {
            let reads = |query: &&&Query| query.plan.manifest.input == Input::Source(source.name.clone());
            let tasks: Vec<&Query> = self.needed.iter().filter(reads).copied().collect();
            if !tasks.is_empty() {
                pipelines.extend(deployment.pipelines(source, tasks, self)?);
            }
        }
        self.files.prepare()?;
        Ok(pipelines)
    }

    /// A program that is refused leaves no state behind: what it began would refuse the next one. In a bucket another process may go on
    /// with it by now, so there it stays.
    fn take_back(self, deployment: &Deployment<'_>, refused: DeployError) -> DeployError {
        let Some(store) = deployment.state.as_ref().filter(|store| store.local_folder().is_some()) else {
            return refused;
        };
        for name in &self.created {
            let removed = store.folder(name).and_then(Store::remove);
            if let Err(error) = removed {
                warn!(deployment = deployment.name, "query '{name}': the state that it began stays: {error}");
            }
        }
        refused
    }
}

/// A program that is put together.
pub struct Wired {
    /// What runs.
    pub pipelines: Vec<Pipeline>,
    /// Who delivers; none where rows are written as they are decided.
    pub workers: Option<Workers>,
    /// What is wanted of it.
    pub control: Arc<Control>,
}

impl Wired {
    /// Its uses of sources.
    pub fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        let mut subscriptions: Vec<Arc<Subscription>> = Vec::new();
        for task in self.pipelines.iter().flat_map(|pipeline| &pipeline.tasks) {
            let subscription = &task.context().subscription;
            if !subscriptions.iter().any(|known| Arc::ptr_eq(known, subscription)) {
                subscriptions.push(subscription.clone());
            }
        }
        subscriptions
    }
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

    /// The pipelines of a source: one for the queries that begin, and one for those that go on from the same place. What can be read only once
    /// has one pipeline, in which each query leaves out what it has read before.
    fn pipelines(
        &self,
        source: &Source,
        tasks: Vec<&Query>,
        builder: &mut DeploymentBuilder<'_>,
    ) -> Result<Vec<Pipeline>, DeployError> {
        let begin = self.start(source, &tasks);
        let (reading, schema) = builder.resources.share(source, self, &begin.files)?;
        let settings =
            LetterSettings { record_text: self.dead_letter_records, bytes_max: self.dead_letters_bytes_max };
        let path = self.dead_letters.or_else(|| source.dead_letters.as_deref().map(Path::new));
        let letters = path.map(|path| builder.files.letters(path, &settings)).transpose()?;
        let read: Vec<_> = tasks.iter().flat_map(|task| columns(source, &task.plan.manifest)).collect();
        let event_time = source.watermark.and_then(|watermark| source.columns.get(watermark.column));
        let subscription = Arc::new(Subscription {
            deployment: self.name.to_owned(),
            source: source.name.clone(),
            dead_letters: letters,
            recent_letters: self.keeps_recent_rows.then(|| Recent::new(RECENT_LETTERS)),
            tells_late: source.late_dead_letters,
            timings: self.timings.clone(),
            control: builder.control.clone(),
            progress: Progress::shown_in(SourceMetrics::new(self.name, &source.name)),
            files: self.input_files(source),
            keys: KeyWatch::new(read.iter().map(|spec| spec.column.clone())),
            times: TimeWatch::new(read, event_time.map(|column| column.name.as_str())),
            late: LateWatch::new(source),
            first_record: OnceLock::new(),
            unread_columns: self.unread_columns,
            told: Mutex::default(),
            failure: OnceLock::new(),
            queries: Mutex::default(),
            unread: AtomicBool::new(false),
        });
        let mut levels: Vec<Vec<QueryTask>> = Vec::new();
        for task in tasks {
            let columns = register(&schema, source, &task.plan.manifest, &builder.needed);
            let Some(task) = self.task(task, source, columns, &begin, &subscription, builder)? else {
                continue;
            };
            let is_level =
                |level: &&mut Vec<QueryTask>| reading.once || level.iter().any(|other| task.reads_as(other));
            match levels.iter_mut().find(is_level) {
                Some(level) => level.push(task),
                None => levels.push(vec![task]),
            }
        }
        let pipelines = levels.into_iter().map(|tasks| {
            let starts = tasks.iter().map(|task| task.read_from(pipeline::INPUT));
            let Some(start) = starts.reduce(ReadFrom::earlier) else {
                unreachable!("a level has a query task")
            };
            let unusable = |why: String| DeployError::Input(format!("error: {why}"));
            let reader = (reading.open)(&start).map_err(unusable)?;
            Ok(Pipeline { source: reading.clone(), reader, tasks })
        });
        pipelines.collect()
    }
}

/// Whether columns enter a query's component.
fn has_stages(manifest: &Manifest) -> bool {
    manifest.ingest.is_some() || manifest.emit.is_some()
}
