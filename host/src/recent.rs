//! The last of many things, for people who look at them while they come: rows of a query, dead letters, log lines.
//!
//! They are kept in memory only, bounded in number and bytes. Whoever follows reads from a number on, and is told if some in between are
//! gone: nobody who follows slowly takes memory or holds up who adds.

use std::{
    collections::VecDeque,
    iter,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

/// How many bytes are kept; the newest item is kept whatever it has.
pub const BYTES_MAX: usize = 4 << 20;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The how manieth it is in this process, from 0.
    pub number: u64,
    /// What it is known by.
    pub key: String,
    /// One JSON object.
    pub json: String,
}

/// The last ones.
#[derive(Debug)]
pub struct Recent {
    items_max: usize,
    kept: Mutex<Kept>,
    /// How many there were: whoever follows waits for it to change.
    count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    items: VecDeque<Item>,
    bytes: usize,
    count: u64,
}

/// Those from a number on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Those that are kept, oldest first.
    pub items: Vec<Item>,
    /// How many before them are gone.
    pub dropped: u64,
    /// The number of the one that comes next.
    pub next: u64,
}

impl Recent {
    /// None yet; so many are kept.
    pub fn new(items_max: usize) -> Self {
        Self { items_max, kept: Mutex::default(), count: watch::Sender::new(0) }
    }

    /// How many are kept at most.
    pub fn items_max(&self) -> usize {
        self.items_max
    }

    /// Adds some, each with its key, behind others that are only counted.
    pub fn add(&self, uncounted: u64, items: impl Iterator<Item = (String, String)>) {
        let mut kept = self.lock();
        kept.count += uncounted;
        for (key, json) in items {
            kept.push(key, json, self.items_max);
        }
        let count = kept.count;
        drop(kept);
        self.count.send_replace(count);
    }

    /// The newest, at most so many. Dropped are those that are not kept any more.
    pub fn last(&self, items_max: usize) -> Read {
        let kept = self.lock();
        let mut read = kept.read(kept.count.saturating_sub(items_max as u64), 0);
        read.dropped = kept.items.front().map_or(kept.count, |item| item.number);
        read
    }

    /// Those from a number on; of these the ones that are gone are counted.
    pub fn since(&self, number: u64) -> Read {
        self.lock().read(number, number)
    }

    /// The number behind that of a key; none if that is not kept.
    pub fn behind(&self, key: &str) -> Option<u64> {
        self.lock().items.iter().rev().find(|item| item.key == key).map(|item| item.number + 1)
    }

    /// So many more that are gone already.
    pub fn count(&self, uncounted: u64) {
        if uncounted > 0 {
            self.add(uncounted, iter::empty());
        }
    }

    /// Whether somebody waits for more of them.
    pub fn is_followed(&self) -> bool {
        self.count.receiver_count() > 0
    }

    /// Tells how many there were, whenever that changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn push(&mut self, key: String, json: String, items_max: usize) {
        self.bytes += json.len() + key.len();
        self.items.push_back(Item { number: self.count, key, json });
        self.count += 1;
        while self.items.len() > 1 && (self.items.len() > items_max || self.bytes > BYTES_MAX) {
            if let Some(Item { key, json, .. }) = self.items.pop_front() {
                self.bytes -= json.len() + key.len();
            }
        }
    }

    /// Those with this number or a later one; from `counted` on those that are not among them are counted as dropped.
    fn read(&self, from: u64, counted: u64) -> Read {
        let items: Vec<Item> = self.items.iter().filter(|item| item.number >= from).cloned().collect();
        let first = items.first().map_or(self.count, |item| item.number);
        Read { items, dropped: first.saturating_sub(counted), next: self.count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(recent: &Recent, numbers: std::ops::Range<u64>) {
        recent.add(0, numbers.map(|number| (format!("k{number}"), format!("{number}"))));
    }

    #[test]
    fn the_newest_are_kept_and_the_others_are_counted() {
        let recent = Recent::new(1000);
        let watched = recent.watch();
        assert_eq!(recent.last(5), Read::default());
        add(&recent, 0..3);
        assert!(watched.has_changed().unwrap());
        let read = recent.last(2);
        let texts: Vec<&str> = read.items.iter().map(|item| item.json.as_str()).collect();
        assert_eq!((texts, read.dropped, read.next), (vec!["1", "2"], 0, 3));
        assert_eq!(recent.behind("k1"), Some(2));
        assert_eq!(recent.behind("other"), None);
        add(&recent, 3..5000);
        let read = recent.since(2);
        assert_eq!((read.items.len(), read.items[0].number, read.dropped), (1000, 4000, 3998));
        assert_eq!(recent.since(4999).items.len(), 1);
        assert_eq!(recent.since(5000), Read { items: Vec::new(), dropped: 0, next: 5000 });
        recent.add(10, iter::empty());
        assert_eq!(recent.since(5000), Read { items: Vec::new(), dropped: 10, next: 5010 });
    }

    #[test]
    fn large_ones_are_bounded_by_their_bytes() {
        let recent = Recent::new(1000);
        recent.add(0, (0..10).map(|_| (String::new(), "x".repeat(1 << 20))));
        let read = recent.last(10);
        assert_eq!((read.items.len(), read.dropped), (4, 6));
        recent.add(0, [(String::new(), "x".repeat(5 << 20))].into_iter());
        assert_eq!(recent.last(10).items.len(), 1);
    }
}
