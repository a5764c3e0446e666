//! A query with four aggregate calls over events of partitions, cut into batches and interleaved at will.

use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;
use streamgauge_common::{
    column::{Bitmap, DataType, Value},
    partition::{Partition, SourceIndex},
};
use streamgauge_engine::{Accumulators, Closed, FoldBatch, Folded, GroupRows, Settings, WindowQuery};
use streamgauge_sql::manifest::{Aggregate, Column, Key, Window, WindowKind};

use crate::accumulators::{Calls, Count, Native, Sum, Tree, column, times};

/// One event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) time: i64,
    pub(crate) key: [Value; 2],
    /// What is summed; differs in its last bits from event to event.
    pub(crate) value: Value,
    /// Whether WHERE keeps it.
    pub(crate) kept: bool,
    pub(crate) id: i64,
}

/// A row that was decided.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) key: Vec<Value>,
    pub(crate) count: i64,
    pub(crate) sum: Value,
    /// Bounded and growing.
    pub(crate) trees: [String; 2],
}

/// A row of a window that was closed before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RevisedRow {
    pub(crate) decided_at: i64,
    pub(crate) number: u64,
    pub(crate) before: Option<Row>,
    pub(crate) row: Row,
}

/// The windows of a test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) kind: WindowKind,
    pub(crate) delay: i64,
    /// How many of the key's parts count.
    pub(crate) parts: usize,
}

const KEY_TYPES: [DataType; 2] = [DataType::Text, DataType::Float64];

fn aggregate(text: &str, needs_time: bool, growing: bool, returns: DataType) -> Aggregate {
    Aggregate {
        text: text.into(),
        reducer: text.into(),
        plugin: None,
        signature: 0,
        parameters: vec![],
        arguments: vec![],
        needs_time,
        growing,
        state_bytes_max: None,
        returns,
    }
}

impl Setup {
    pub(crate) const fn hop(slide_us: i64, size_us: i64, delay: i64, parts: usize) -> Self {
        Self { kind: WindowKind::Hop { slide_us, size_us, offset_us: 0 }, delay, parts }
    }

    pub(crate) fn window(&self) -> Window {
        let keys = KEY_TYPES.into_iter().take(self.parts).enumerate();
        Window {
            kind: self.kind,
            time: 0,
            keys: keys
                .map(|(index, data_type)| Key { column: Column::Input(index + 1), data_type })
                .collect(),
            sets: vec![],
            aggregates: vec![
                aggregate("count(*)", false, false, DataType::Int64),
                aggregate("sum(value)", false, false, DataType::Float64),
                aggregate("tree(id)", true, false, DataType::Text),
                aggregate("list(id)", true, true, DataType::Text),
            ],
        }
    }
}

/// An engine with its reducers, and what came out.
pub(crate) struct Run {
    setup: Setup,
    /// How many of the partitions are of the first source: the others are of the second, numbered from 0 again.
    of_first: u32,
    pub(crate) query: WindowQuery,
    pub(crate) accumulators: Vec<Box<dyn Accumulators>>,
    pub(crate) calls: Calls,
    pub(crate) rows: Vec<Row>,
    /// Those of revisions.
    pub(crate) revised: Vec<RevisedRow>,
    /// When and in which run the last rows were decided.
    decided: Option<(i64, u32)>,
    /// The ends of closed windows, with whether they were forced.
    pub(crate) windows: Vec<(i64, bool)>,
    pub(crate) folded: Folded,
    /// The ids of rejected events.
    pub(crate) rejected: Vec<i64>,
    /// The ids of events that were late for all their windows, the start of the first of these, and how many they are.
    pub(crate) late: Vec<(i64, i64, u64)>,
    /// How far the time of each late row is behind the greatest before it.
    pub(crate) behind: Vec<i64>,
}

/// A partition of the first source.
pub(crate) fn first(number: u32) -> Partition {
    SourceIndex::FIRST.partition(number)
}

fn partition(of_first: u32, number: u32) -> Partition {
    match number.checked_sub(of_first) {
        None => first(number),
        Some(number) => SourceIndex(1).partition(number),
    }
}

impl Run {
    pub(crate) fn new(setup: Setup, partitions: u32) -> Self {
        Self::with(setup, partitions, Settings::default())
    }

    pub(crate) fn with(setup: Setup, partitions: u32, settings: Settings) -> Self {
        Self::of_two_sources(setup, partitions, u32::MAX, settings)
    }

    pub(crate) fn of_two_sources(setup: Setup, partitions: u32, of_first: u32, settings: Settings) -> Self {
        let calls = Calls::default();
        let settings = Settings { delay_us: setup.delay, ..settings };
        let named = (0..partitions).map(|number| partition(of_first, number));
        Self {
            setup,
            of_first,
            query: WindowQuery::new(&setup.window(), settings, named).unwrap(),
            accumulators: vec![
                Native::<Count>::boxed(&calls),
                Native::<Sum>::boxed(&calls),
                Native::<Tree>::boxed(&calls),
                Native::<Tree>::boxed(&calls),
            ],
            calls,
            rows: vec![],
            revised: vec![],
            decided: None,
            windows: vec![],
            folded: Folded::default(),
            rejected: vec![],
            late: vec![],
            behind: vec![],
        }
    }

    pub(crate) fn fold(&mut self, number: u32, events: &[Event]) {
        let partition = self.partition(number);
        let Self { setup, query, accumulators, .. } = self;
        let folded = batch_of(*setup, events, |batch| query.fold(partition, batch, accumulators).unwrap());
        self.folded.late += folded.late;
        self.folded.unwanted += folded.unwanted;
        assert_eq!(folded.late, folded.late_rows.len() as u64, "each late row is named");
        self.behind.extend(folded.late_rows.iter().map(|late| late.behind_us));
        self.late.extend(
            folded.late_rows.iter().map(|late| (events[late.row as usize].id, late.first.0, late.windows)),
        );
        self.folded.late_partial += folded.late_partial;
        self.rejected.extend(folded.rejected.iter().map(|&row| events[row as usize].id));
        self.folded.out_of_range.extend(folded.out_of_range);
    }

    /// Leaders are asked and answer at once that these partitions have nothing more; the last arrival was `elapsed` ago.
    pub(crate) fn idle(&mut self, partitions: &[u32], elapsed: i64) {
        self.query.set_idle_baseline();
        self.answer(partitions, elapsed);
    }

    /// Leaders that were asked at the last mark answer.
    pub(crate) fn answer(&mut self, partitions: &[u32], elapsed: i64) {
        let partitions: Vec<_> = partitions.iter().map(|&number| self.partition(number)).collect();
        self.query.idle(&partitions, elapsed);
    }

    /// Goes on where so many rows were decided: what was decided behind them is decided again.
    pub(crate) fn forget_behind(&mut self, rows: usize, revised: usize) {
        self.rows.truncate(rows);
        self.revised.truncate(revised);
        self.decided = None;
    }

    /// A partition has ended.
    pub(crate) fn end(&mut self, number: u32) {
        self.query.end(self.partition(number));
    }

    /// What the query calls a partition.
    pub(crate) fn partition(&self, number: u32) -> Partition {
        partition(self.of_first, number)
    }

    /// Takes the next closed window, or a run of its groups.
    pub(crate) fn next(&mut self) -> bool {
        let Some(closed) = self.query.next_closed(&mut self.accumulators).unwrap() else { return false };
        assert!(!closed.rows.is_empty());
        let decided = (closed.decided_at, closed.run);
        assert!(self.decided.is_none_or(|before| before < decided), "a run is decided once, in order");
        self.decided = Some(decided);
        if let Some(revised) = &closed.revised {
            let before = |row: usize| {
                let place = revised.places.iter().position(|&place| place as usize == row)?;
                Some(read_rows(&closed, &revised.before, place))
            };
            self.revised.extend((0..closed.rows.len()).map(|row| RevisedRow {
                decided_at: closed.decided_at,
                number: revised.numbers[row],
                before: before(row),
                row: read(&closed, row),
            }));
            return true;
        }
        assert_eq!(closed.decided_at, closed.window_end);
        self.windows.push((closed.window_end, closed.forced));
        self.rows.extend((0..closed.rows.len()).map(|row| read(&closed, row)));
        true
    }

    pub(crate) fn advance(&mut self) {
        while self.next() {}
    }

    /// Ends all partitions and closes what is left; nothing may be held then.
    pub(crate) fn finish(&mut self, partitions: u32) {
        (0..partitions).for_each(|number| self.end(number));
        self.advance();
        assert_eq!(self.query.usage(), Default::default(), "slots or groups leak");
        assert_eq!(self.calls.live.load(Relaxed), 0, "states leak");
    }
}

/// Gives events as a batch.
pub(crate) fn batch_of<T>(setup: Setup, events: &[Event], take: impl FnOnce(&FoldBatch<'_>) -> T) -> T {
    let times = times(events.iter().map(|event| event.time));
    let keys: Vec<_> = KEY_TYPES
        .into_iter()
        .enumerate()
        .take(setup.parts)
        .map(|(part, data_type)| column(data_type, events.iter().map(|event| event.key[part].clone())))
        .collect();
    let values = column(DataType::Float64, events.iter().map(|event| event.value.clone()));
    let ids = column(DataType::Int64, events.iter().map(|event| Value::Int64(event.id)));
    let kept: Bitmap = events.iter().map(|event| event.kept).collect();
    take(&FoldBatch {
        times: &times,
        kept: events.iter().any(|event| !event.kept).then_some(&kept),
        keys: &keys.iter().collect::<Vec<_>>(),
        arguments: &[vec![], vec![&values], vec![&ids, &times], vec![&ids, &times]],
    })
}

pub(crate) fn read(closed: &Closed, row: usize) -> Row {
    read_rows(closed, &closed.rows, row)
}

fn read_rows(closed: &Closed, rows: &GroupRows, row: usize) -> Row {
    let value = |index: usize| rows.aggregates[index].value(row);
    let text = |index: usize| match value(index) {
        Value::Text(text) => text,
        other => panic!("{other:?}"),
    };
    let Value::Int64(count) = value(0) else { panic!("a count") };
    Row {
        start: closed.window_start,
        end: closed.window_end,
        key: rows.keys.iter().map(|key| key.value(row)).collect(),
        count,
        sum: value(1),
        trees: [text(2), text(3)],
    }
}

/// Any aligned windows: tumbling, dividing and not, cumulating; at the epoch and beside it.
pub(crate) fn setups() -> impl Strategy<Value = Setup> {
    let hop = |(slide_us, size_us): (i64, i64)| WindowKind::Hop { slide_us, size_us, offset_us: 0 };
    let kinds = prop_oneof![
        2 => (1i64..30).prop_map(|size_us| WindowKind::Tumble { size_us, offset_us: 0 }),
        3 => (1i64..12, 1i64..9).prop_map(move |(slide, times)| hop((slide, slide * times))),
        4 => (1i64..20, 0i64..70).prop_map(move |(slide, more)| hop((slide, slide + more))),
        4 => (1i64..15, 1i64..9)
            .prop_map(|(step_us, times)| WindowKind::Cumulate { step_us, size_us: step_us * times, offset_us: 0 }),
    ];
    let offset = prop_oneof![Just(0i64), 0i64..1_000];
    let delay = prop_oneof![Just(0i64), 0i64..40];
    (kinds, offset, delay, 0usize..=2).prop_map(|(kind, offset, delay, parts)| {
        let kind = match kind {
            WindowKind::Tumble { size_us, .. } => WindowKind::Tumble { size_us, offset_us: offset % size_us },
            WindowKind::Hop { slide_us, size_us, .. } => {
                WindowKind::Hop { slide_us, size_us, offset_us: offset % slide_us }
            }
            WindowKind::Cumulate { step_us, size_us, .. } => {
                WindowKind::Cumulate { step_us, size_us, offset_us: offset % size_us }
            }
            unaligned @ (WindowKind::Session { .. } | WindowKind::Whole) => unaligned,
        };
        Setup { kind, delay, parts }
    })
}

/// Sessions with gaps that the steps of events reach, cut early and late.
pub(crate) fn session_setups() -> impl Strategy<Value = Setup> {
    let lengths = prop_oneof![
        3 => (1i64..40, 0i64..60).prop_map(|(gap, more)| (gap, gap + more)),
        2 => (1i64..40).prop_map(|gap| (gap, 1_000_000_000)),
        1 => (1i64..40).prop_map(|gap| (gap, gap)),
    ];
    let delay = prop_oneof![Just(0i64), 0i64..40];
    (lengths, delay, 0usize..=2).prop_map(|((gap_us, max_length_us), delay, parts)| Setup {
        kind: WindowKind::Session { gap_us, max_length_us },
        delay,
        parts,
    })
}

/// Windows of any kind.
pub(crate) fn all_setups() -> impl Strategy<Value = Setup> {
    prop_oneof![setups(), session_setups()]
}

/// Events of some partitions: time goes on, with disorder, jumps and gaps; keys with NULL, NaN and two zeros.
pub(crate) fn partitions(most: usize) -> impl Strategy<Value = Vec<Vec<Event>>> {
    let key = (
        prop_oneof![
            1 => Just(Value::Null),
            6 => prop::sample::select(vec!["", "a", "ab", "ä", "b\0", "z"]).prop_map(|text| Value::Text(text.into())),
        ],
        prop_oneof![
            1 => Just(Value::Null),
            6 => prop::sample::select(vec![-0.0, 0.0, f64::NAN, -1.5, 7.0]).prop_map(Value::Float64),
        ],
    );
    let step =
        prop_oneof![20 => 0i64..4, 3 => 0i64..60, 1 => prop::sample::select(vec![500i64, 1_000_000_000_000])];
    let back = prop_oneof![6 => Just(0i64), 3 => 0i64..15, 1 => 0i64..90];
    let value = prop_oneof![1 => Just(Value::Null), 9 => (0u32..1_000).prop_map(|value| Value::Float64(f64::from(value) * 0.1))];
    let event = (step, back, key, value, prop::bool::weighted(0.85));
    let partition = (-300i64..300, prop::collection::vec(event, 0..60));
    prop::collection::vec(partition, 1..=most).prop_map(|partitions| {
        let mut id = 0;
        let mut events = |(start, steps): (i64, Vec<_>)| {
            let mut now = start;
            let event = |(step, back, key, value, kept): (i64, i64, (Value, Value), Value, bool)| {
                now += step;
                id += 1;
                Event { time: now - back, key: [key.0, key.1], value, kept, id }
            };
            steps.into_iter().map(event).collect()
        };
        partitions.into_iter().map(&mut events).collect()
    })
}

/// Numbers that look random: a way through a test that a seed tells.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) as usize % end
    }
}

/// Runs partitions in batches of up to `batch_max` events, in an order that the dice tell, to their end.
pub(crate) fn interleave(run: &mut Run, partitions: &[Vec<Event>], batch_max: usize, dice: &mut Dice) {
    let mut done = vec![0; partitions.len()];
    while let open @ [_, ..] =
        &(0..partitions.len()).filter(|&p| done[p] < partitions[p].len()).collect::<Vec<_>>()[..]
    {
        let partition = open[dice.below(open.len())];
        let left = &partitions[partition][done[partition]..];
        let batch = &left[..left.len().min(1 + dice.below(batch_max))];
        run.fold(partition as u32, batch);
        done[partition] += batch.len();
        if done[partition] == partitions[partition].len() && dice.below(2) == 0 {
            run.end(partition as u32);
        }
        match dice.below(4) {
            0 => run.advance(),
            1 => _ = run.next(),
            _ => {}
        }
    }
    run.finish(partitions.len() as u32);
}
