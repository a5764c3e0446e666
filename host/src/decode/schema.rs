//! The columns that a reader decodes: a set that grows and shrinks while it runs.
//!
//! Queries register the columns that they read and hold a [`ColumnTicket`] as long as they read them. Equal columns share a
//! position. A position that nobody reads any more is left out of the next version, and is given to another column only when
//! nothing knows it by the old one: no ticket, no decoder, and no batch that was decoded with it.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    format::{Decode, Format},
    layout::{ColumnSpec, Layout},
};

/// The columns that are decoded of a source now.
pub struct SharedSchema {
    format: Format,
    record_bytes_max: usize,
    /// How often the decoder has changed.
    version: AtomicU64,
    inner: Mutex<Inner>,
}

struct Inner {
    /// By position.
    slots: Vec<Slot>,
    /// For the columns that tickets hold.
    decoder: Arc<dyn Decode>,
}

/// A position.
struct Slot {
    /// The column that is there, as long as anything knows the position by it.
    column: Weak<ColumnSpec>,
    /// How many tickets hold it.
    tickets: usize,
}

/// The right to some columns: they are decoded until it is dropped.
pub struct ColumnTicket {
    schema: Arc<SharedSchema>,
    positions: Vec<usize>,
    columns: Vec<Arc<ColumnSpec>>,
}

impl SharedSchema {
    /// No columns yet: records are decoded to rows without any.
    pub fn new(format: Format, record_bytes_max: usize) -> Arc<Self> {
        let decoder = (format.decoder)(Arc::new(Layout::default()), record_bytes_max);
        let inner = Mutex::new(Inner { slots: Vec::new(), decoder });
        Arc::new(Self { format, record_bytes_max, version: AtomicU64::new(0), inner })
    }

    /// Lets columns be decoded from now on. Chunks that a reader has handed on before are decoded without those that are new.
    pub fn register(self: &Arc<Self>, columns: &[ColumnSpec]) -> ColumnTicket {
        let mut inner = self.lock();
        let (mut positions, mut held, mut is_new) = (Vec::new(), Vec::new(), false);
        for column in columns {
            let (position, column) = inner.place(column);
            if let Some(slot) = inner.slots.get_mut(position) {
                is_new |= slot.tickets == 0;
                slot.tickets += 1;
            }
            positions.push(position);
            held.push(column);
        }
        if is_new {
            self.renew(&mut inner);
        }
        drop(inner);
        ColumnTicket { schema: self.clone(), positions, columns: held }
    }

    fn release(&self, positions: &[usize]) {
        let mut inner = self.lock();
        let mut is_unread = false;
        for &position in positions {
            if let Some(slot) = inner.slots.get_mut(position) {
                slot.tickets -= 1;
                is_unread |= slot.tickets == 0;
            }
        }
        if is_unread {
            self.renew(&mut inner);
        }
    }

    /// Another decoder, for the columns that tickets hold now.
    fn renew(&self, inner: &mut Inner) {
        let column = |slot: &Slot| (slot.tickets > 0).then(|| slot.column.upgrade()).flatten();
        let mut columns: Vec<Option<Arc<ColumnSpec>>> = inner.slots.iter().map(column).collect();
        while columns.pop_if(|column| column.is_none()).is_some() {}
        inner.decoder = (self.format.decoder)(Arc::new(Layout::new(columns)), self.record_bytes_max);
        self.version.fetch_add(1, Ordering::Release);
    }

    fn present(&self) -> (u64, Arc<dyn Decode>) {
        let inner = self.lock();
        (self.version.load(Ordering::Acquire), inner.decoder.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Only a slip in a format panics while it is held, and a panic ends the process.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// The position of a column: where it is already, or the first that nothing knows by another one.
    fn place(&mut self, column: &ColumnSpec) -> (usize, Arc<ColumnSpec>) {
        let mut free = None;
        for (position, slot) in self.slots.iter().enumerate() {
            match slot.column.upgrade() {
                Some(known) if *known == *column => return (position, known),
                Some(_) => {}
                None => free = free.or(Some(position)),
            }
        }
        let column = Arc::new(column.clone());
        let slot = Slot { column: Arc::downgrade(&column), tickets: 0 };
        let position = free.unwrap_or(self.slots.len());
        match self.slots.get_mut(position) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        (position, column)
    }
}

impl ColumnTicket {
    /// The positions of the columns, in the order in which they were registered.
    pub fn positions(&self) -> &[usize] {
        &self.positions
    }
}

impl Drop for ColumnTicket {
    fn drop(&mut self) {
        self.schema.release(&self.positions);
    }
}

impl fmt::Debug for SharedSchema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.load(Ordering::Relaxed);
        formatter
            .debug_struct("SharedSchema")
            .field("format", &self.format)
            .field("version", &version)
            .finish()
    }
}

impl fmt::Debug for ColumnTicket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.columns.iter().map(|column| column.column.name.as_str());
        formatter.debug_map().entries(names.zip(&self.positions)).finish()
    }
}

/// The decoder of a schema's present version, as one reader sees it: versions never go back from one chunk to the next. It
/// keeps its version's positions until the next chunk is read, also where that takes long.
pub struct PresentDecoder {
    schema: Arc<SharedSchema>,
    version: u64,
    decoder: Arc<dyn Decode>,
}

impl PresentDecoder {
    /// Of a schema.
    pub fn new(schema: Arc<SharedSchema>) -> Self {
        let (version, decoder) = schema.present();
        Self { schema, version, decoder }
    }

    /// The decoder for the next chunk. Where the columns have not changed this is the load of one number.
    pub fn get(&mut self) -> &Arc<dyn Decode> {
        if self.schema.version.load(Ordering::Acquire) != self.version {
            (self.version, self.decoder) = self.schema.present();
        }
        &self.decoder
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{chunk::Chunk, column::Value, offset::Offset};
    use streamgauge_sql::{
        manifest::{SourceColumn, TimeFormat},
        types::DataType,
    };

    use super::*;
    use crate::decode::{Batch, json};

    fn spec(name: &str, data_type: DataType) -> ColumnSpec {
        let column =
            SourceColumn { name: name.into(), data_type, path: vec![name.into()], time_format: None };
        ColumnSpec { column, time_format: TimeFormat::UnixSeconds, lenient_numbers: false }
    }

    fn number(name: &str) -> ColumnSpec {
        spec(name, DataType::Int64)
    }

    /// A schema of JSON records, and what a reader decodes of one record.
    struct Scene {
        schema: Arc<SharedSchema>,
        decoder: PresentDecoder,
    }

    impl Scene {
        fn new() -> Self {
            let schema = SharedSchema::new(json::FORMAT, 100);
            Self { schema: schema.clone(), decoder: PresentDecoder::new(schema) }
        }

        fn decode(&mut self) -> Batch {
            let record = br#"{"a":1,"b":2,"c":3,"d":4}"#.as_slice();
            let chunk = Chunk {
                bytes: record.into(),
                spans: vec![(0, record.len() as u32)],
                offsets: vec![Offset(0)],
                ..Chunk::default()
            };
            self.decoder.get().decode(chunk)
        }

        /// The values of the record, by position; none = a hole.
        fn values(&mut self) -> Vec<Option<i64>> {
            let batch = self.decode();
            let end = batch.columns.iter().last().map_or(0, |(position, _)| position + 1);
            let value = |position| match batch.columns.get(position)?.value(0) {
                Value::Int64(value) => Some(value),
                other => panic!("{other:?}"),
            };
            (0..end).map(value).collect()
        }
    }

    #[test]
    fn columns_come_and_go_while_their_positions_stay() {
        let mut scene = Scene::new();
        assert_eq!(scene.values(), []);
        let first = scene.schema.register(&[number("a"), number("b")]);
        assert_eq!((first.positions(), scene.values()), (&[0, 1][..], vec![Some(1), Some(2)]));
        let second = scene.schema.register(&[number("c"), number("b")]);
        assert_eq!(second.positions(), [2, 1], "an equal column is shared");
        assert_eq!(scene.values(), [Some(1), Some(2), Some(3)]);
        drop(first);
        assert_eq!(scene.values(), [None, Some(2), Some(3)], "what nobody reads is a hole");
        drop(second);
        assert_eq!(scene.values(), []);
    }

    #[test]
    fn a_batch_that_was_decoded_before_a_column_was_registered_lacks_it() {
        let mut scene = Scene::new();
        let first = scene.schema.register(&[number("a")]);
        let before = scene.decode();
        let second = scene.schema.register(&[number("a"), number("b")]);
        let after = scene.decode();
        assert!(before.has(first.positions()) && !before.has(second.positions()));
        assert!(after.has(first.positions()) && after.has(second.positions()));
        drop(second);
        assert!(!scene.decode().has(&[1]));
    }

    #[test]
    fn a_position_is_reused_when_nothing_knows_it_by_its_old_column() {
        let mut scene = Scene::new();
        let (a, b) = (scene.schema.register(&[number("a")]), scene.schema.register(&[number("b")]));
        let old = scene.decode();
        drop(a);
        // The reader has still to notice, and a batch is still on its way.
        let c = scene.schema.register(&[number("c")]);
        assert_eq!(c.positions(), [2]);
        assert!(!old.has(c.positions()), "it would be taken for column c");
        // The same column comes back to its place.
        let again = scene.schema.register(&[number("a")]);
        assert_eq!(again.positions(), [0]);
        drop((again, old));
        assert_eq!(scene.values(), [None, Some(2), Some(3)]);
        let d = scene.schema.register(&[number("d")]);
        assert_eq!((d.positions(), b.positions(), c.positions()), (&[0][..], &[1][..], &[2][..]));
        assert_eq!(scene.values(), [Some(4), Some(2), Some(3)]);
    }

    #[test]
    fn columns_that_differ_in_anything_do_not_share_a_position() {
        let schema = SharedSchema::new(json::FORMAT, 100);
        let a = spec("a", DataType::Timestamp);
        let other_path = SourceColumn { path: vec!["x".into()], ..a.column.clone() };
        let columns = [
            a.clone(),
            ColumnSpec { time_format: TimeFormat::UnixMillis, ..a.clone() },
            ColumnSpec { lenient_numbers: true, ..a.clone() },
            ColumnSpec { column: other_path, ..a.clone() },
            spec("a", DataType::Text),
            a,
        ];
        assert_eq!(schema.register(&columns).positions(), [0, 1, 2, 3, 4, 0]);
    }

    #[test]
    fn an_unchanged_set_of_columns_keeps_its_decoder() {
        let mut scene = Scene::new();
        let _first = scene.schema.register(&[number("a"), number("b")]);
        let decoder = scene.decoder.get().clone();
        drop(scene.schema.register(&[number("b")]));
        assert!(Arc::ptr_eq(&decoder, scene.decoder.get()));
    }
}
