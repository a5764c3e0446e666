//! Step 1, on other threads: a reader, and a pool of decoders behind bounded queues, in order. `files` and `topic` are the loops of
//! the two kinds of readers.

mod files;
mod topic;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use streamgauge_common::{
    chunk::{Chunk, ChunkLimits},
    crash,
    offset::Offset,
    panics::Attended,
    topic_id::TopicId,
};

use crate::{
    decode::{
        Batch,
        format::Decode,
        pool::{self, Collector, Feeder, NoResult},
        schema::{PresentDecoder, SharedSchema},
    },
    timings::{Step, Timings},
    traces::TracedBatch,
};

pub use self::{files::files, topic::kafka};

/// The span of a batch, where work is traced.
pub type Traced = Option<Box<TracedBatch>>;

/// What bounds a reader's memory. No row depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderLimits {
    /// How much is read at a time.
    pub chunks: ChunkLimits,
    /// `queue_batches`: chunks that wait for each decoder, and batches that wait behind it.
    pub queue_batches: usize,
}

impl Default for ReaderLimits {
    fn default() -> Self {
        Self { chunks: ChunkLimits::default(), queue_batches: 4 }
    }
}

/// What comes from a source, partition by partition in order.
#[derive(Debug)]
pub enum Event {
    /// Decoded records.
    Batch(Batch, Traced),
    /// The partition is there; it holds others back until it has a watermark or is idle.
    Assigned {
        /// Its number.
        partition: u32,
        /// The first offset that is read.
        start: Offset,
        /// The first that is not, where it is read to an end.
        end: Option<Offset>,
    },
    /// The partition was read to its end as it is now.
    ReachedEnd {
        /// Its number.
        partition: u32,
    },
    /// Nothing more will come from the partition.
    Done {
        /// Its number.
        partition: u32,
    },
    /// Which topic is read, where the reader did not know; none where the brokers have no ids. Comes before all else.
    Topic(Option<TopicId>),
    /// Where partitions end now, as far as that is known: behind the last of their offsets, by number.
    EndsNow(BTreeMap<u32, Offset>),
    /// The leaders of silent partitions are asked whether they are idle: their answer speaks of what came until here.
    Asked,
    /// These partitions were idle at the last [`Event::Asked`].
    Idle {
        /// Their numbers; never none.
        partitions: Vec<u32>,
        /// How long nothing had come of any of them by then.
        silent: Duration,
    },
    /// The source waits for something; what, for people.
    Waits(String),
    /// It waits no more; for people.
    GoesOn(String),
    /// Nothing came within the time given.
    TimedOut,
    /// Nothing more will come: the reader says so, behind all that it has read. A reader that ends without it has failed.
    EndOfInput,
    /// The source cannot go on; why.
    Failed(String),
}

/// Where a pipeline's events come from.
pub struct SourceReader {
    collector: Collector<Event>,
    reader: Arc<ReaderControl>,
    thread: Attended,
}

/// What the reader is orders.
#[derive(Default)]
struct ReaderControl {
    orders: Mutex<ReaderOrders>,
    changed: Condvar,
}

#[derive(Default)]
struct ReaderOrders {
    /// Nobody listens.
    is_over: bool,
    /// Partitions that are not to be read on for now.
    held: BTreeSet<u32>,
}

impl ReaderControl {
    fn is_over(&self) -> bool {
        self.lock().is_over
    }

    fn held(&self) -> BTreeSet<u32> {
        self.lock().held.clone()
    }

    /// Waits until one of these partitions is to be read on; at once where nobody listens, or there are none.
    fn wait_while_held(&self, partitions: &BTreeSet<u32>) {
        let are_held = |orders: &mut ReaderOrders| {
            !orders.is_over && !partitions.is_empty() && partitions.is_subset(&orders.held)
        };
        drop(self.changed.wait_while(self.lock(), are_held).unwrap_or_else(PoisonError::into_inner));
    }

    fn tell(&self, change: impl FnOnce(&mut ReaderOrders)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ReaderOrders> {
        // Nothing that could panic happens while it is held.
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SourceReader {
    fn drop(&mut self) {
        self.reader.tell(|orders| orders.is_over = true);
    }
}

impl SourceReader {
    /// What comes next, within the time given.
    pub fn next(&mut self, patience: Duration) -> Event {
        match self.collector.next_within(patience) {
            Ok(Some(event)) => event,
            Ok(None) => {
                let why =
                    self.thread.panicked().unwrap_or_else(|| "it has ended before its input".to_owned());
                Event::Failed(format!("its reader: {why}"))
            }
            Err(NoResult::Late) => Event::TimedOut,
            Err(NoResult::Panicked(why)) => Event::Failed(format!("a decoder: {why}")),
        }
    }

    /// Reads these partitions no further for now; what was read of them still comes.
    pub fn hold(&self, partitions: BTreeSet<u32>) {
        self.reader.tell(|orders| orders.held = partitions);
    }
}

/// What the reader hands to the pool: work, or news that keep their place among it.
enum Item {
    /// A chunk, and who decodes it.
    Chunk(Chunk, Arc<dyn Decode>),
    Control(Event),
}

/// Nobody takes what is read any more.
struct Gone;

/// Where the reader hands on what it reads.
///
/// The decoder is chosen here, by one thread in the order of the chunks: a batch that has a column is followed by none that
/// lacks it, until its ticket is dropped.
struct Out {
    feeder: Feeder<Item>,
    decoder: PresentDecoder,
}

impl Out {
    fn chunk(&mut self, chunk: Chunk) -> Result<(), Gone> {
        let decoder = self.decoder.get().clone();
        self.hand(Item::Chunk(chunk, decoder))
    }

    fn event(&mut self, event: Event) -> Result<(), Gone> {
        self.hand(Item::Control(event))
    }

    fn hand(&mut self, item: Item) -> Result<(), Gone> {
        crash::point("read.before_hand");
        self.feeder.feed(item).map_err(|_| Gone)
    }
}

/// A reader that runs `read` on its own thread: when that returns its input is over, or nobody listens.
fn start(
    queue_batches: usize,
    schema: Arc<SharedSchema>,
    timings: Arc<Timings>,
    read: impl FnOnce(&mut Out, &ReaderControl) -> Result<(), Gone> + Send + 'static,
) -> io::Result<SourceReader> {
    let reader = Arc::new(ReaderControl::default());
    let seen = reader.clone();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (feeder, collector) = pool::start("decode", threads, queue_batches, move |item| match item {
        Item::Chunk(chunk, decoder) => {
            crash::point("decode.chunk");
            let (batch, traced) =
                TracedBatch::decode(timings.traces(), || timings.of(Step::Decode, || decoder.decode(chunk)));
            Event::Batch(batch, traced)
        }
        Item::Control(event) => event,
    })?;
    let mut out = Out { feeder, decoder: PresentDecoder::new(schema) };
    let thread = Attended::start("read", move || {
        let read = read(&mut out, &seen);
        crash::point("read.before_end");
        // If the pipeline has dropped its side, it does not need `EndOfInput`.
        let _ = read.and_then(|()| out.event(Event::EndOfInput));
    })?;
    Ok(SourceReader { collector, reader, thread })
}

#[cfg(test)]
mod tests {
    use streamgauge_sql::{
        manifest::{SourceColumn, TimeFormat},
        types::DataType,
    };

    use super::*;
    use crate::decode::{json, layout::ColumnSpec};

    /// The events of a reader, up to the one that ends it.
    fn events(
        read: impl FnOnce(&mut Out, &ReaderControl) -> Result<(), Gone> + Send + 'static,
    ) -> Vec<Event> {
        events_of(SharedSchema::new(json::FORMAT, 100), read)
    }

    fn events_of(
        schema: Arc<SharedSchema>,
        read: impl FnOnce(&mut Out, &ReaderControl) -> Result<(), Gone> + Send + 'static,
    ) -> Vec<Event> {
        let mut reader = start(4, schema, Arc::new(Timings::default()), read).unwrap();
        let mut events = Vec::new();
        while !matches!(events.last(), Some(Event::EndOfInput | Event::Failed(_))) {
            events.push(reader.next(Duration::from_secs(10)));
        }
        events
    }

    #[test]
    fn the_end_of_the_input_is_what_the_reader_says_behind_all_that_it_has_read() {
        let events = events(|out, _| (0..9).try_for_each(|partition| out.event(Event::Done { partition })));
        assert_eq!(events.len(), 10);
        assert!(matches!(events[9], Event::EndOfInput), "{events:?}");
    }

    #[test]
    fn who_has_nothing_to_read_waits_until_a_partition_is_to_be_read_or_nobody_listens() {
        let reader = ReaderControl::default();
        let both = BTreeSet::from([1, 2]);
        let held = |partitions: &BTreeSet<u32>| reader.tell(|orders| orders.held.clone_from(partitions));
        held(&BTreeSet::from([2, 3]));
        reader.wait_while_held(&both);
        reader.wait_while_held(&BTreeSet::new());
        let changes: [&(dyn Fn() + Sync); 2] =
            [&|| held(&BTreeSet::from([1])), &|| reader.tell(|orders| orders.is_over = true)];
        for change in changes {
            held(&both);
            thread::scope(|scope| {
                let waits = scope.spawn(|| reader.wait_while_held(&both));
                change();
                waits.join().unwrap();
            });
        }
    }

    #[test]
    fn a_column_is_there_from_the_next_chunk_on_and_gone_when_nobody_holds_it() {
        let schema = SharedSchema::new(json::FORMAT, 100);
        let column = SourceColumn {
            name: "a".into(),
            data_type: DataType::Int64,
            path: vec!["a".into()],
            time_format: None,
        };
        let column = ColumnSpec { column, time_format: TimeFormat::Rfc3339, lenient_numbers: false };
        let chunk = || Chunk {
            bytes: br#"{"a":1}"#.as_slice().into(),
            spans: vec![(0, 7)],
            offsets: vec![Offset(0)],
            ..Chunk::default()
        };
        let shared = schema.clone();
        let events = events_of(schema, move |out, _| {
            (0..20).try_for_each(|_| out.chunk(chunk()))?;
            let ticket = shared.register(&[column]);
            (0..20).try_for_each(|_| out.chunk(chunk()))?;
            drop(ticket);
            (0..20).try_for_each(|_| out.chunk(chunk()))
        });
        let has = events.iter().filter_map(|event| match event {
            Event::Batch(batch, _) => Some(batch.has(&[0])),
            _ => None,
        });
        let expected = [false, true, false].map(|has| vec![has; 20]).concat();
        assert_eq!(has.collect::<Vec<_>>(), expected, "whatever thread decodes them");
    }

    #[test]
    fn a_reader_that_panics_has_failed_whatever_it_has_read() {
        let events = events(|out, _| {
            out.event(Event::Done { partition: 0 })?;
            panic!("a slip")
        });
        let [Event::Done { .. }, Event::Failed(why)] = &events[..] else { panic!("{events:?}") };
        // Its thread may not have ended quite when its queue has.
        let words =
            ["its reader: it panicked, which is a bug: a slip", "its reader: it has ended before its input"];
        assert!(words.contains(&why.as_str()), "{why}");
    }
}
