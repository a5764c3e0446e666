//! How a source is read: from Kafka or from files, from where, and which of its columns.

use std::{
    fs,
    os::unix::fs::FileTypeExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use streamgauge_common::clock;
use streamgauge_kafka::{Connection, Reading, StartAt};
use streamgauge_sql::{
    Query,
    manifest::{Input, Manifest, Source, Start, Target},
};

use super::{DeployError, Deployment};
use crate::{
    decode::{format, layout::ColumnSpec, schema::SharedSchema},
    deliver::permissions::{Forbidden, check_resolved, look_up},
    pipeline::{self, OpenReader, SkewGuard, reader},
    query::TaskColumns,
    source::{connector::SourceInput, input_file::InputFiles},
};

/// How far ahead of its record an event may be, where the source does not say; files have no bound.
const MAX_FUTURE_SKEW_US: i64 = 5 * 60 * 1_000_000;

/// Where to begin reading a source.
pub(super) struct ReadStart {
    pub(super) start: StartAt,
    /// Windows that start earlier are not wholly covered and not emitted; none = all are emitted.
    pub(super) emit_from_us: Option<i64>,
    /// The files that are read; none where it is not read from files.
    pub(super) files: Arc<InputFiles>,
}

impl Deployment<'_> {
    /// From where a source is read, with relative times made absolute.
    pub(super) fn start(&self, source: &Source, tasks: &[&Query]) -> ReadStart {
        let longest_us = tasks.iter().map(|query| self.longest_chain_us(&query.plan.manifest)).max();
        let files = Arc::new(InputFiles::new(self.input_files(source)));
        let from_start = self.bounded || !self.inputs.is_empty() || !files.is_empty();
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
        ReadStart { start, emit_from_us, files }
    }

    /// How long it takes until a row of the last query that reads this one's rows is whole: the sizes of the windows along the chain.
    fn longest_chain_us(&self, manifest: &Manifest) -> i64 {
        let own = manifest.window.as_ref().map_or(0, |window| window.kind.size_us());
        let mut readers: Vec<&Manifest> = Vec::new();
        if manifest.target == Target::View {
            let queries = self.program.queries.iter().map(|query| &query.plan.manifest);
            readers.extend(queries.filter(|reader| reader.input == Input::View(manifest.name.clone())));
        }
        let longest = readers.into_iter().map(|reader| self.longest_chain_us(reader)).max().unwrap_or(0);
        own.saturating_add(longest)
    }

    /// The files that a source is read from; none where it is not read from files.
    pub(super) fn input_files(&self, source: &Source) -> Vec<PathBuf> {
        let given = self.inputs.iter().filter(|input| input.name.eq_ignore_ascii_case(&source.name));
        let mut paths: Vec<PathBuf> = given.map(|input| input.path.clone()).collect();
        if self.inputs.is_empty() {
            paths.extend(self.named_files(source));
        }
        paths
    }

    /// Whether a source has an end.
    pub(super) fn source_ends(&self, source: &Source) -> bool {
        self.bounded || !self.inputs.is_empty() || !self.named_files(source).is_empty()
    }

    /// Whether all that is read has an end: files, or topics as they are now.
    pub(super) fn input_ends(&self) -> bool {
        self.program.sources.iter().all(|source| self.source_ends(source))
    }

    /// The files that a source itself names.
    fn named_files(&self, source: &Source) -> Vec<PathBuf> {
        self.connectors.source(&source.connector).map(|known| known.files(source)).unwrap_or_default()
    }

    /// What is read: `paths`, or where there are none, what the source says.
    fn input(&self, source: &Source, paths: Vec<PathBuf>) -> Result<SourceInput, DeployError> {
        if !paths.is_empty() {
            return Ok(SourceInput::Files(paths));
        }
        let unusable = |why: &dyn std::fmt::Display| DeployError::Input(format!("error: {why}"));
        let connector = self.connectors.source(&source.connector);
        let connector =
            connector.ok_or_else(|| unusable(&format!("there is no connector '{}'", source.connector)))?;
        let input = connector.open(source, &*self.secrets).map_err(|error| unusable(&error))?;
        if let SourceInput::Topic(connection, _) = &input {
            self.check_brokers(source, &connection.brokers).map_err(|forbidden| unusable(&forbidden))?;
        }
        Ok(input)
    }

    /// Refuses brokers whose names lead where no program of a host may go.
    pub(super) fn check_brokers(&self, source: &Source, brokers: &str) -> Result<(), Forbidden> {
        let who = format!("source '{}'", source.name);
        self.permissions.map_or(Ok(()), |_| check_resolved(&who, brokers, look_up))
    }

    /// How a source is read.
    pub(super) fn source(
        &self,
        source: &Source,
        schema: &Arc<SharedSchema>,
        files: &Arc<InputFiles>,
    ) -> Result<pipeline::Source, DeployError> {
        let paths = self.input_files(source);
        if paths.is_empty() && !self.inputs.is_empty() {
            let name = &source.name;
            return Err(DeployError::Usage(format!(
                "error: source '{name}' is read, but has no --input\nhelp: add --input {name}=PATH"
            )));
        }
        let skew = source.max_future_skew_us.or(paths.is_empty().then_some(MAX_FUTURE_SKEW_US));
        let time = source.watermark.and_then(|watermark| source.columns.get(watermark.column));
        let time = time.map(|time| ColumnSpec::of(source, time));
        let skew_guard = time.zip(skew).map(|(time, max_skew_us)| SkewGuard { time, max_skew_us });
        let live = paths.is_empty();
        // What is read from a pipe is gone, and to open it again may wait for ever.
        let once = paths.iter().any(|path| path == Path::new("-") || is_pipe(path));
        let schema = schema.clone();
        let timings = self.timings.clone();
        let limits = self.limits.reader();
        let open: OpenReader = match self.input(source, paths)? {
            SourceInput::Topic(connection, topic) => self.topic(source, connection, topic, schema),
            SourceInput::Files(_) => {
                let files = files.clone();
                Box::new(move |from| {
                    reader::files(&files, &from.offsets, schema.clone(), limits, timings.clone())
                        .map_err(|error| error.to_string())
                })
            }
        };
        Ok(pipeline::Source {
            name: source.name.clone(),
            open,
            once,
            rejoin: (live && !self.bounded).then(pipeline::RejoinPoint::default),
            skew_guard,
            checkpoint_interval: self.checkpoint_interval,
            drain_timeout: self.drain_timeout,
            faults: self.limits.faults(),
        })
    }

    /// Opens readers of a topic.
    fn topic(
        &self,
        source: &Source,
        connection: Connection,
        topic: String,
        schema: Arc<SharedSchema>,
    ) -> OpenReader {
        let (timings, limits) = (self.timings.clone(), self.limits.reader());
        let (name, bounded) = (source.name.clone(), self.bounded);
        let is_guarded = self.permissions.is_some();
        let accepting = self.advice.accepting(&name);
        let gives_up = self.bounded || self.gives_up;
        let connect_timeout = gives_up.then_some(self.connect_timeout);
        let leader_timeout = self.limits.leader_timeout;
        let idle_timeout = Duration::from_micros(source.idle_timeout_us.max(0).cast_unsigned());
        Box::new(move |from| {
            // The name may lead elsewhere since.
            if is_guarded {
                let who = format!("source '{name}'");
                check_resolved(&who, &connection.brokers, look_up)
                    .map_err(|forbidden| forbidden.to_string())?;
            }
            let offsets = from.offsets.clone();
            // A partition that was not there is new: all that it has is.
            let start = if offsets.is_empty() { from.start } else { StartAt::Earliest };
            let reading = Reading {
                source: name.clone(),
                accepting: accepting.clone(),
                topic: topic.clone(),
                offsets,
                start,
                bounded,
                ends: from.ends.clone(),
                chunks: limits.chunks,
                leader_timeout,
                topic_id: from.topic_id,
                idle_timeout,
                connect_timeout,
            };
            let (schema, timings) = (schema.clone(), timings.clone());
            reader::kafka(&name, &connection, reading, limits.queue_batches, schema, timings)
                .map_err(|error| error.to_string())
        })
    }
}

/// Whether a path is a pipe: named, or a process substitution of a shell.
fn is_pipe(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo())
}

/// What the queries of a source share of its columns; nothing is registered yet.
pub(super) fn schema(source: &Source, record_bytes_max: usize) -> Result<Arc<SharedSchema>, DeployError> {
    let format = format::find(&source.format).ok_or_else(|| {
        let Source { name, format, .. } = source;
        DeployError::Input(format!("error: source '{name}': there is no format '{format}' here"))
    })?;
    Ok(SharedSchema::new(format, record_bytes_max))
}

/// Lets the columns be decoded that a query and the one that takes its late events read.
pub(super) fn register(
    schema: &Arc<SharedSchema>,
    source: &Source,
    manifest: &Manifest,
    needed: &[&Query],
) -> TaskColumns {
    let late = Input::Late(manifest.name.clone());
    let late = needed.iter().find(|query| query.plan.manifest.input == late);
    TaskColumns {
        own: schema.register(&columns(source, manifest)),
        late: late.map(|late| schema.register(&columns(source, &late.plan.manifest))),
    }
}

/// The columns that a query reads, in its order.
pub(super) fn columns(source: &Source, manifest: &Manifest) -> Vec<ColumnSpec> {
    let declared = |name: &str| source.columns.iter().find(|column| column.name == name);
    let columns = manifest.columns.iter().filter_map(|field| declared(&field.name));
    let columns: Vec<ColumnSpec> = columns.map(|column| ColumnSpec::of(source, column)).collect();
    debug_assert_eq!(columns.len(), manifest.columns.len(), "the plan reads only what is there");
    columns
}
