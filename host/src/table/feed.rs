//! The file of a table: read at the start, and again whenever it has changed.
//!
//! A thread looks at the file every `reload_interval`. What counts is the file that the path leads to (its device and number, so that another
//! file behind a symbolic link is seen), its length and its times. A content counts only if the file was the same before and after it was
//! read, the whole of it parses, and its keys are unique; otherwise the version before stays, and that is logged and counted.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use streamgauge_common::telling::as_here;
use streamgauge_sql::{
    manifest::Table,
    table_options::{path, reload_interval},
};
use tracing::{debug, info, warn};
use xxhash_rust::xxh3::xxh3_128;

use super::{TableRows, WrongTable, rows};
use crate::{deliver::permissions::Permissions, metrics::TableMetrics};

/// The longest time after which the thread of a table ends when no query uses the table any more.
const REST_MAX: Duration = Duration::from_secs(1);

/// A version of a table.
pub struct LoadedTable {
    /// A hash of the content.
    pub digest: u128,
    /// How the content is written.
    pub format: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// Its rows.
    pub rows: TableRows,
}

/// What a table is read within.
#[derive(Clone)]
pub struct FeedSettings {
    /// `max_table_bytes`: how long its file may be.
    pub bytes_max: usize,
    /// What the operator lets programs read; none = what the user may.
    pub permissions: Option<Permissions>,
    /// Counts its versions.
    pub metrics: TableMetrics,
}

/// The file of a table.
pub struct TableFeed {
    table: Table,
    path: PathBuf,
    settings: FeedSettings,
    latest: Mutex<Option<Arc<LoadedTable>>>,
    /// How many versions there have been.
    changes: AtomicU64,
}

/// Which file was there, and as it was.
type Stamp = [i64; 7];

impl TableFeed {
    /// Reads the file of a table, and begins to look whether it changes.
    ///
    /// # Errors
    /// Why there is no version now; a later one is still found.
    pub fn open(table: &Table, settings: FeedSettings) -> (Arc<Self>, Result<(), String>) {
        let path = path().text(&table.options).map(PathBuf::from).unwrap_or_default();
        let micros = reload_interval().micros(&table.options).and_then(|micros| u64::try_from(micros).ok());
        let interval = Duration::from_micros(micros.unwrap_or_default().max(1_000));
        let feed = Arc::new(Self {
            table: table.clone(),
            path,
            settings,
            latest: Mutex::default(),
            changes: AtomicU64::new(0),
        });
        let mut watch = Watch { feed: Arc::downgrade(&feed), seen: None, is_settled: false, told: None };
        let first = watch.load(&feed);
        watch.told = first.as_ref().err().cloned();
        let work = move || watch.run(interval);
        let thread = thread::Builder::new().name("table".to_owned()).spawn(as_here(work));
        let started = thread.map(drop).map_err(|error| format!("cannot start a thread: {error}"));
        (feed, first.and(started))
    }

    /// As declared.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// How many versions there have been: another number means another version.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The latest version; none where there was none yet.
    pub fn latest(&self) -> Option<Arc<LoadedTable>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A version from its content.
    ///
    /// # Errors
    /// The content cannot be used as a version of this table.
    pub fn version(&self, format: &str, bytes: Vec<u8>) -> Result<LoadedTable, WrongTable> {
        let rows = rows::parse(&self.table, format, &bytes)?;
        Ok(LoadedTable { digest: xxh3_128(&bytes), format: format.to_owned(), bytes, rows })
    }

    /// The content of the file, and which file it was.
    fn read(&self) -> Result<(Stamp, Vec<u8>), String> {
        let shown = self.path.display();
        if let Some(permissions) = &self.settings.permissions {
            let who = format!("table '{}'", self.table.name);
            permissions.check_file(&who, &self.path).map_err(|forbidden| forbidden.to_string())?;
        }
        let failed = |error: std::io::Error| format!("the file '{shown}' cannot be read: {error}");
        let before = stamp(&self.path).map_err(failed)?;
        let limit = self.settings.bytes_max;
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(failed)?;
        file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > limit {
            return Err(format!(
                "the file '{shown}' is longer than max_table_bytes ({limit}); a smaller file, or --limit max_table_bytes=N"
            ));
        }
        match stamp(&self.path).map_err(failed)? == before {
            true => Ok((before, bytes)),
            false => Err(format!("the file '{shown}' changed while it was read")),
        }
    }

    /// Takes a content as the latest version; whether it is another one.
    fn take(&self, bytes: Vec<u8>) -> Result<bool, String> {
        let digest = xxh3_128(&bytes);
        if self.latest().is_some_and(|latest| latest.digest == digest) {
            return Ok(false);
        }
        let shown = self.path.display();
        let version = self.version(&self.table.format, bytes);
        let version = version.map_err(|wrong| format!("the file '{shown}': {wrong}"))?;
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(version));
        self.changes.fetch_add(1, Ordering::Release);
        Ok(true)
    }
}

/// Which file a path leads to, and as it is.
fn stamp(path: &Path) -> std::io::Result<Stamp> {
    let there = fs::metadata(path)?;
    let number = |number: u64| number.cast_signed();
    if !there.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    Ok([
        number(there.dev()),
        number(there.ino()),
        number(there.size()),
        there.mtime(),
        there.mtime_nsec(),
        there.ctime(),
        there.ctime_nsec(),
    ])
}

/// Looks whether the file of a table has changed, as long as somebody uses the table.
struct Watch {
    feed: Weak<TableFeed>,
    seen: Option<Stamp>,
    /// Whether it was read again since the last change. Times are coarse: a change right after a read may leave no trace in them.
    is_settled: bool,
    /// What was said last of a content that is none.
    told: Option<String>,
}

impl Watch {
    fn run(mut self, interval: Duration) {
        loop {
            let mut left = interval;
            while !left.is_zero() {
                let rest = left.min(REST_MAX);
                thread::park_timeout(rest);
                left -= rest;
                if self.feed.strong_count() == 0 {
                    return;
                }
            }
            let Some(feed) = self.feed.upgrade() else { return };
            let name = &feed.table.name;
            let is_same = self.seen.is_some() && stamp(&feed.path).ok() == self.seen;
            if is_same && self.is_settled {
                continue;
            }
            match self.load(&feed) {
                Ok(()) => self.told = None,
                Err(why) if self.told.as_ref() == Some(&why) => {}
                Err(why) => {
                    feed.settings.metrics.refused.increment(1);
                    warn!(table = %name, "table '{name}': a new version is not used, the old one stays: {why}");
                    self.told = Some(why);
                }
            }
        }
    }

    /// Reads the file and takes it as the latest version.
    fn load(&mut self, feed: &TableFeed) -> Result<(), String> {
        let (stamp, bytes) = feed.read()?;
        self.is_settled = self.seen == Some(stamp);
        self.seen = Some(stamp);
        let is_first = feed.changes() == 0;
        if feed.take(bytes)? {
            feed.settings.metrics.versions.increment(1);
            let (name, rows) = (&feed.table.name, feed.latest().map_or(0, |latest| latest.rows.len()));
            let shown = feed.path.display();
            match is_first {
                true => debug!(table = %name, rows, "table '{name}': '{shown}' has {rows} rows"),
                false => {
                    info!(table = %name, rows, "table '{name}': '{shown}' has changed, and has {rows} rows")
                }
            }
        }
        Ok(())
    }
}
