//! The tables of a query task: which version of each counts for which records, and for the rows of which windows.
//!
//! A new version takes effect between two batches, where nothing waits to be decided and a replay has done again all that was decided. From
//! where on it counts is logged first, with the positions of all partitions and the end up to which windows are closed; a batch that lies on
//! both sides of such a position is divided there. So whatever becomes of the process, and however the partitions are interleaved, a record
//! meets the version that it met before.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use streamgauge_common::{column::Column, crash, offset::Offset, partition::Partition, row::Identity};
use streamgauge_engine::Fault;
use streamgauge_state::{
    manifest::Offsets,
    store::Store,
    table::{self, TableVersion},
};
use tracing::{info, warn};

use super::{DecisionLog, InputBatch, Origin, QueryContext, RunningQuery};
use crate::table::{LoadedTable, TableFeed, TableRows};

/// How many versions of a table are kept at most, until a checkpoint needs fewer.
const VERSIONS_MAX: usize = 8;

/// What rows belong to, as far as versions of tables go.
#[derive(Clone, Copy)]
enum Place {
    Record(Partition, Offset),
    /// The end of their window.
    Window(i64),
}

/// Where a query task stands.
pub struct Standing<'a> {
    /// Of its partitions.
    pub offsets: &'a Offsets,
    /// Windows up to this end are closed.
    pub closed_upto: i64,
}

/// The tables of a query task.
#[derive(Default)]
pub struct TaskTables {
    tables: Vec<TaskTable>,
    /// Where contents are kept; none = nothing is durable.
    store: Option<Store>,
    /// The number of the next version.
    next: u64,
    /// Of the versions that the last checkpoint names.
    captured: Vec<u64>,
    /// Objects that nothing refers to but older checkpoints, each with how many checkpoints there were then.
    retired: Vec<(String, u64)>,
    checkpoints: u64,
    /// How many checkpoints are kept.
    generations: u64,
}

struct TaskTable {
    feed: Arc<TableFeed>,
    /// What the feed had counted when its version was last looked at.
    seen: u64,
    /// In the order in which they were met.
    versions: Vec<Met>,
    /// Whether it was said that a version waits.
    is_waiting: bool,
}

/// A version that counts from somewhere on.
struct Met {
    version: TableVersion,
    loaded: Arc<LoadedTable>,
}

impl Met {
    fn counts_for(&self, place: Place) -> bool {
        match place {
            Place::Record(partition, offset) => {
                self.version.offsets.get(&partition).is_none_or(|&first| first <= offset)
            }
            Place::Window(end) => end > self.version.after_window_end,
        }
    }

    /// Whether everything before it was done.
    fn is_reached(&self, standing: &Standing<'_>) -> bool {
        let is_there = |(partition, &first): (&Partition, &Offset)| {
            standing.offsets.get(partition).is_some_and(|progress| progress.next >= first)
        };
        self.version.after_window_end <= standing.closed_upto && self.version.offsets.iter().all(is_there)
    }
}

impl TaskTable {
    /// Whether one more version can be kept. Where nothing is durable the oldest is forgotten for it.
    fn has_room(&mut self, is_durable: bool) -> bool {
        if self.versions.len() < VERSIONS_MAX {
            return true;
        }
        if !is_durable {
            self.versions.remove(0);
            return true;
        }
        if !std::mem::replace(&mut self.is_waiting, true) {
            let name = &self.feed.table().name;
            info!(table = %name, "table '{name}': a new version waits for a checkpoint");
        }
        false
    }

    /// A version counts from these offsets on, and for rows of windows that end later. Its content is kept before the log refers to it.
    fn meet(
        &mut self,
        loaded: Arc<LoadedTable>,
        (offsets, after_window_end): (BTreeMap<Partition, Offset>, i64),
        next: &mut u64,
        (store, log): (Option<&Store>, &mut DecisionLog),
    ) -> Result<(), String> {
        let (table, digest) = (self.feed.table().name.clone(), loaded.digest);
        let version = TableVersion { table, number: *next, digest, offsets, after_window_end };
        if let Some(store) = store {
            version.put(store, &loaded.format, &loaded.bytes).map_err(|error| error.to_string())?;
            crash::point("table.content_kept");
        }
        *next += 1;
        log.decide_table(version.clone());
        self.versions.push(Met { version, loaded });
        Ok(())
    }
}

impl TaskTables {
    /// The tables of a task, as a run before has left them; each table has a version then.
    ///
    /// # Errors
    /// A content that was kept cannot be read, or a table has no version.
    pub fn new(
        feeds: Vec<(Arc<TableFeed>, Result<(), String>)>,
        store: Option<Store>,
        kept: Vec<TableVersion>,
        generations: usize,
    ) -> Result<Self, String> {
        let mut tables = Self { store, generations: generations as u64, ..Self::default() };
        if let Some(store) = &tables.store {
            let unused = table::unused(store, &kept).map_err(|error| error.to_string())?;
            tables.retired = unused.into_iter().map(|object| (object, 0)).collect();
        }
        tables.next = kept.iter().map(|version| version.number + 1).max().unwrap_or_default();
        for (feed, opened) in feeds {
            let mut versions = Vec::new();
            for version in kept.iter().filter(|version| version.table == feed.table().name) {
                versions.push(tables.load(&feed, version)?);
            }
            let name = &feed.table().name;
            match (opened, versions.is_empty()) {
                (Ok(()), _) => {}
                (Err(why), true) => return Err(format!("table '{name}': {why}")),
                (Err(why), false) => {
                    warn!(table = %name, "table '{name}': the version that was used before stays: {why}");
                }
            }
            tables.tables.push(TaskTable { feed, seen: 0, versions, is_waiting: false });
        }
        Ok(tables)
    }

    fn load(&self, feed: &TableFeed, version: &TableVersion) -> Result<Met, String> {
        let name = &version.table;
        let Some(store) = &self.store else { unreachable!("only a state keeps versions") };
        let content = version.get(store).map_err(|error| error.to_string())?;
        let loaded = feed.version(&content.format, content.bytes).map_err(|wrong| {
            format!("table '{name}': the version that the state keeps does not fit its definition: {wrong}")
        })?;
        Ok(Met { version: version.clone(), loaded: Arc::new(loaded) })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// Whether some table has a version that was not looked at.
    pub fn has_news(&self) -> bool {
        self.tables.iter().any(|table| table.seen != table.feed.changes())
    }

    /// The rows of a table for what comes in.
    pub fn rows(&self, table: &str, input: &InputBatch<'_>) -> Option<&TableRows> {
        let table = self.tables.iter().find(|known| known.feed.table().name == table)?;
        let place = place(input);
        // Without rows any version will do.
        let counts = |met: &&Met| place.is_none_or(|place| met.counts_for(place));
        let met = table.versions.iter().rev().find(counts).or(table.versions.first())?;
        Some(&met.loaded.rows)
    }

    /// The next offset of a partition behind `first` from which on another version counts.
    pub fn boundary(&self, partition: Partition, first: Offset) -> Option<Offset> {
        let versions = self.tables.iter().flat_map(|table| &table.versions);
        let offsets = versions.filter_map(|met| met.version.offsets.get(&partition).copied());
        offsets.filter(|&offset| offset > first).min()
    }

    /// Takes the first version of each table that has none: it counts from the beginning on.
    ///
    /// # Errors
    /// A content cannot be kept.
    pub fn begin(&mut self, log: &mut DecisionLog) -> Result<(), String> {
        let Self { tables, store, next, .. } = self;
        for table in tables.iter_mut().filter(|table| table.versions.is_empty()) {
            let changes = table.feed.changes();
            let Some(loaded) = table.feed.latest() else { continue };
            let from = (BTreeMap::new(), i64::MIN);
            table.meet(loaded, from, next, (store.as_ref(), &mut *log))?;
            table.seen = changes;
        }
        Ok(())
    }

    /// Takes the latest version of each table, from here on. Only where nothing waits to be decided.
    ///
    /// # Errors
    /// A content cannot be kept.
    pub fn adopt(&mut self, standing: &Standing<'_>, log: &mut DecisionLog) -> Result<(), String> {
        let Self { tables, store, next, .. } = self;
        for table in tables {
            let changes = table.feed.changes();
            let latest = table.feed.latest().filter(|_| table.seen != changes);
            let (Some(loaded), Some(last)) = (latest, table.versions.last()) else { continue };
            if last.loaded.digest == loaded.digest {
                table.seen = changes;
                continue;
            }
            // Where a replay is still behind it, the versions would not follow each other.
            if !last.is_reached(standing) || !table.has_room(store.is_some()) {
                continue;
            }
            let offsets = standing.offsets.iter().map(|(&partition, progress)| (partition, progress.next));
            let from = (offsets.collect(), standing.closed_upto);
            table.meet(loaded, from, next, (store.as_ref(), &mut *log))?;
            (table.seen, table.is_waiting) = (changes, false);
        }
        Ok(())
    }

    /// What a checkpoint says of them. The one before it is durable, so what only that one did not need is forgotten.
    pub fn capture(&mut self, standing: &Standing<'_>) -> Vec<TableVersion> {
        let last = self.captured.iter().max().copied();
        let (captured, retired) = (&self.captured, &mut self.retired);
        for table in &mut self.tables {
            let is_needed = |met: &Met| {
                captured.contains(&met.version.number) || last.is_none_or(|last| met.version.number > last)
            };
            let gone = table.versions.iter().filter(|met| !is_needed(met)).map(|met| &met.version);
            retired.extend(table::objects(gone).into_iter().map(|object| (object, self.checkpoints)));
            table.versions.retain(is_needed);
        }
        let needed = self.tables.iter().flat_map(|table| {
            // The last one that was reached counts for what comes, and so do those behind it.
            let first = table.versions.iter().rposition(|met| met.is_reached(standing)).unwrap_or_default();
            table.versions.iter().skip(first).map(|met| met.version.clone())
        });
        let mut needed: Vec<TableVersion> = needed.collect();
        needed.sort_by_key(|version| version.number);
        needed
    }

    /// A checkpoint with these versions is being written.
    pub fn captured(&mut self, versions: &[TableVersion]) {
        self.captured = versions.iter().map(|version| version.number).collect();
        self.checkpoints += 1;
        let Some(store) = &self.store else { return };
        // Both the kept checkpoints and the log behind the oldest of them are newer by then.
        let is_needed = |at: u64| self.checkpoints <= at + self.generations.max(2) + 1;
        let (needed, unneeded): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retired).into_iter().partition(|(_, at)| is_needed(*at));
        self.retired = needed;
        let names: Vec<String> = unneeded.into_iter().map(|(name, _)| name).collect();
        if !names.is_empty()
            && let Err(error) = store.delete_all(&names)
        {
            warn!("versions of tables that nothing needs any more stay in the state: {error}");
        }
    }
}

impl RunningQuery {
    /// The columns of its tables, each row found by its key.
    pub(super) fn look_up(
        &self,
        input: &InputBatch<'_>,
        columns: &[&Column],
        scope: &QueryContext<'_>,
    ) -> Result<Vec<Column>, Fault> {
        let mut looked_up: Vec<Column> = Vec::new();
        for join in &self.manifest.joins {
            let missing = || Fault::deterministic("a table", format!("'{}' is not there", join.table));
            let rows = scope.tables.rows(&join.table, input).ok_or_else(missing)?;
            let key = match join.key.checked_sub(columns.len()) {
                None => columns.get(join.key).copied(),
                Some(at) => looked_up.get(at),
            };
            let found = rows.find(key.ok_or_else(missing)?);
            for field in &join.columns {
                looked_up.push(rows.column(&field.name, &found).ok_or_else(missing)?);
            }
        }
        Ok(looked_up)
    }

    /// The names of the tables that it and its readers look up rows in.
    pub fn tables(&self) -> BTreeSet<String> {
        let own = self.manifest.joins.iter().map(|join| join.table.clone());
        own.chain(self.downstream.iter().flat_map(Self::tables)).collect()
    }
}

fn place(input: &InputBatch<'_>) -> Option<Place> {
    match &input.origin {
        Origin::Records(partition, chunk, _) => {
            chunk.offsets.first().map(|&first| Place::Record(*partition, first))
        }
        Origin::View(_, Identity::Records { partition, offsets, .. }) => {
            offsets.first().map(|&first| Place::Record(*partition, first))
        }
        Origin::View(_, Identity::Window { end_us, .. }) => Some(Place::Window(*end_us)),
    }
}
