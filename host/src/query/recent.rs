//! The last rows of a query, as people see them.
//!
//! Rows are decided far more often than somebody looks at them, so they wait in columns: they become JSON, and get their keys, when they
//! are read, or at once while somebody follows them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use streamgauge_common::{
    column::{Column, Values},
    row::{Identity, Rows},
};
use streamgauge_sql::manifest::Output;
use tokio::sync::watch;

use crate::{
    deliver::{key::Keys, output::JsonLines},
    recent::{BYTES_MAX, Recent},
};

/// How many rows are kept.
const ROWS_MAX: usize = 1000;
/// How many batches wait at most: each takes memory beside its rows.
const BATCHES_MAX: usize = 100;

/// The last rows of a query.
#[derive(Debug)]
pub struct RecentRows {
    keys: Keys,
    fields: Vec<Output>,
    waiting: Mutex<Waiting>,
    recent: Arc<Recent>,
}

/// Rows that are not JSON yet: the last ones.
#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Rows>,
    rows: usize,
    bytes: usize,
    /// How many rows before them are gone. Where there are some, at least as many rows wait as are kept.
    gone: u64,
}

impl RecentRows {
    /// Of a query with these fields that has decided no rows yet.
    pub fn new(keys: Keys, fields: Vec<Output>) -> Self {
        Self { keys, fields, waiting: Mutex::default(), recent: Arc::new(Recent::new(ROWS_MAX)) }
    }

    /// More rows; of very many only the last ones are looked at.
    pub fn add(&self, rows: &Rows) {
        let mut waiting = self.lock();
        waiting.push(rows);
        // Who follows is seen here, or sees these rows: see `follow`.
        if self.recent.is_followed() || waiting.bytes > BYTES_MAX || waiting.batches.len() > BATCHES_MAX {
            self.encode(&mut waiting);
        }
    }

    /// The rows.
    pub fn recent(&self) -> &Arc<Recent> {
        self.encode(&mut self.lock());
        &self.recent
    }

    /// Whether the rows are these ones.
    pub fn is_in(&self, recent: &Arc<Recent>) -> bool {
        Arc::ptr_eq(&self.recent, recent)
    }

    /// The rows, and what tells of more of them. As long as that is held they are added as they come.
    pub fn follow(&self) -> (Arc<Recent>, watch::Receiver<u64>) {
        // Before those that wait are encoded: none is left behind.
        let watch = self.recent.watch();
        (self.recent().clone(), watch)
    }

    /// Those that wait become JSON.
    fn encode(&self, waiting: &mut Waiting) {
        let Waiting { batches, gone, .. } = std::mem::take(waiting);
        self.recent.count(gone);
        for rows in batches {
            let mut lines = Vec::new();
            JsonLines.write_some(&mut lines, &self.fields, &rows, rows.len);
            let texts =
                lines.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
            let keys = (0..rows.len).map(|row| self.keys.name(&rows.identity, row).key);
            self.recent.add(0, keys.zip(texts));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, rows: &Rows) {
        let first = rows.len.saturating_sub(ROWS_MAX);
        let last = match first {
            0 => rows.clone(),
            _ => rows.take(&(first as u32..rows.len as u32).collect::<Vec<_>>()),
        };
        if first > 0 {
            // None of those before is among the last ones any more.
            self.gone += (self.rows + first) as u64;
            (self.rows, self.bytes) = (0, 0);
            self.batches.clear();
        }
        (self.rows, self.bytes) = (self.rows + last.len, self.bytes + bytes(&last));
        self.batches.push_back(last);
        while let Some(oldest) = self.batches.front().filter(|oldest| self.rows - oldest.len >= ROWS_MAX) {
            self.gone += oldest.len as u64;
            (self.rows, self.bytes) = (self.rows - oldest.len, self.bytes - bytes(oldest));
            self.batches.pop_front();
        }
    }
}

/// How much memory rows take, about.
fn bytes(rows: &Rows) -> usize {
    let keys: &[Column] = match &rows.identity {
        Identity::Window { keys, .. } => keys,
        Identity::Records { .. } => &[],
    };
    let of = |column: &Column| match &column.values {
        Values::Text(texts) => texts.bytes.len() + 4 * texts.ends.len(),
        _ => 8 * rows.len,
    };
    rows.columns.iter().chain(keys).map(of).sum()
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{
        column::{Column, DataType, Value},
        offset::Offset,
        partition::SourceIndex,
        row::Identity,
    };
    use streamgauge_sql::manifest;

    use super::*;

    #[test]
    fn rows_have_their_keys_and_of_many_the_last_are_kept() {
        let rows = |numbers: std::ops::Range<i64>| {
            let mut column = Column::empty(DataType::Int64);
            numbers.clone().for_each(|number| column.push(&Value::Int64(number)));
            let identity = Identity::Records {
                partition: SourceIndex::FIRST.partition(0),
                offsets: numbers.clone().map(Offset).collect(),
                indexes: None,
            };
            Rows { columns: vec![column], len: numbers.count(), identity }
        };
        let fields =
            [Output { name: "n".into(), data_type: DataType::Int64, column: manifest::Column::Input(0) }];
        let shown = RecentRows::new(Keys::new(7, "q"), fields.to_vec());
        shown.add(&rows(0..3));
        let read = shown.recent().last(1);
        assert_eq!((read.items[0].json.as_str(), read.dropped), (r#"{"n":2}"#, 0));
        assert_eq!(read.items[0].key, Keys::new(7, "q").name(&rows(2..3).identity, 0).key);
        shown.add(&rows(3..5000));
        let read = shown.recent().last(ROWS_MAX);
        assert_eq!((read.items.len(), read.dropped, read.next), (1000, 4000, 5000));
        assert_eq!(read.items[999].json, r#"{"n":4999}"#);
        assert_eq!(read.items[0].key, Keys::new(7, "q").name(&rows(4000..4001).identity, 0).key);
    }

    fn numbers(numbers: std::ops::Range<i64>) -> Rows {
        let mut column = Column::empty(DataType::Int64);
        numbers.clone().for_each(|number| column.push(&Value::Int64(number)));
        let offsets = numbers.clone().map(Offset).collect();
        let identity =
            Identity::Records { partition: SourceIndex::FIRST.partition(0), offsets, indexes: None };
        Rows { columns: vec![column], len: numbers.count(), identity }
    }

    fn of_numbers() -> RecentRows {
        let fields =
            vec![Output { name: "n".into(), data_type: DataType::Int64, column: manifest::Column::Input(0) }];
        RecentRows::new(Keys::new(7, "q"), fields)
    }

    /// Whatever the batches are and whenever somebody reads: as if each row had been encoded as it came.
    #[test]
    fn rows_that_wait_are_shown_as_those_that_did_not() {
        let (lazy, eager) = (of_numbers(), of_numbers());
        let (_, follows) = eager.follow();
        let mut at = 0;
        for (turn, len) in [1, 3, 999, 1, 1000, 1001, 5, 400, 400, 400, 400, 8192, 2].into_iter().enumerate()
        {
            let batch = numbers(at..at + len);
            at += len;
            lazy.add(&batch);
            eager.add(&batch);
            if turn % 3 == 2 {
                assert_eq!(lazy.recent().since(5), eager.recent().since(5), "after {at}");
            }
            assert!(lazy.lock().rows < 2 * ROWS_MAX && eager.lock().rows == 0);
        }
        (0..300).for_each(|number| lazy.add(&numbers(at + number..at + number + 1)));
        (0..300).for_each(|number| eager.add(&numbers(at + number..at + number + 1)));
        assert!(lazy.lock().batches.len() <= BATCHES_MAX);
        assert_eq!(lazy.recent().last(ROWS_MAX), eager.recent().last(ROWS_MAX));
        drop(follows);
        eager.add(&numbers(0..1));
        assert_eq!(eager.lock().rows, 1, "nobody follows any more");
    }

    #[test]
    fn who_follows_misses_no_row() {
        let shown = Arc::new(of_numbers());
        for _ in 0..200 {
            let adding = shown.clone();
            let before = shown.recent().last(0).next;
            let adder = std::thread::spawn(move || (0..20).for_each(|_| adding.add(&numbers(0..1))));
            let (recent, mut watch) = shown.follow();
            while recent.since(before).next < before + 20 {
                if adder.is_finished() {
                    // Everything was added: nothing may wait for somebody to look.
                    assert_eq!(recent.since(before).next, before + 20);
                }
                watch.borrow_and_update();
                std::thread::yield_now();
            }
            adder.join().unwrap();
        }
    }

    #[test]
    fn rows_that_take_much_memory_do_not_wait() {
        let mut column = Column::empty(DataType::Text);
        (0..3).for_each(|_| column.push(&Value::Text("x".repeat(BYTES_MAX / 2))));
        let offsets = (0..3).map(Offset).collect();
        let identity =
            Identity::Records { partition: SourceIndex::FIRST.partition(0), offsets, indexes: None };
        let shown = of_numbers();
        shown.add(&Rows { columns: vec![column], len: 3, identity });
        assert_eq!(shown.lock().rows, 0);
        assert_eq!(shown.recent().last(3).items.len(), 1);
    }
}
