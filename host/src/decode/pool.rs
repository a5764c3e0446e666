//! Work in parallel, handed over in order.
//!
//! Each worker has a queue in and a queue out. Items are dealt to the workers in turn and collected in the same turn,
//! so they come out as they went in, without numbers to sort by. Both kinds of queues are bounded: who feeds waits
//! when the workers are behind, and they wait when nobody collects.

use std::{
    io,
    panic::resume_unwind,
    thread::{self, Builder, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use streamgauge_common::panics;

/// Where items go in.
///
/// Dropped, it lets the workers finish what they have; [`Collector::next`] then gives none.
#[derive(Debug)]
pub struct Feeder<I> {
    queues: Vec<Sender<I>>,
    turn: usize,
}

/// Where results come out, in the order of the items.
///
/// Dropped, it makes each worker stop at its next result, and then [`Feeder::feed`] fail.
#[derive(Debug)]
pub struct Collector<O> {
    queues: Vec<Receiver<O>>,
    turn: usize,
    workers: Vec<JoinHandle<()>>,
}

/// The other side is gone: the item comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nobody collects any more")]
pub struct Closed<I>(pub I);

/// Starts `threads` workers, at least one, that have up to `queue` items each waiting on either side.
///
/// ```
/// let (mut feeder, mut collector) = streamgauge::decode::pool::start("double", 2, 4, |item: u32| item * 2)?;
/// std::thread::spawn(move || (0..100).try_for_each(|item| feeder.feed(item)));
/// let results: Vec<u32> = std::iter::from_fn(|| collector.next()).collect();
/// assert!(results.into_iter().eq((0..100).map(|item| item * 2)));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn start<I: Send + 'static, O: Send + 'static>(
    name: &str,
    threads: usize,
    queue: usize,
    work: impl Fn(I) -> O + Clone + Send + 'static,
) -> io::Result<(Feeder<I>, Collector<O>)> {
    let mut feeder = Feeder { queues: Vec::new(), turn: 0 };
    let mut collector = Collector { queues: Vec::new(), turn: 0, workers: Vec::new() };
    for number in 0..threads.max(1) {
        let (items, todo) = bounded::<I>(queue.max(1));
        let (done, results) = bounded::<O>(queue.max(1));
        let work = work.clone();
        let run = move || todo.iter().try_for_each(|item| done.send(work(item))).unwrap_or_default();
        collector.workers.push(Builder::new().name(format!("{name}-{number}")).spawn(run)?);
        collector.queues.push(results);
        feeder.queues.push(items);
    }
    Ok((feeder, collector))
}

impl<I> Feeder<I> {
    /// Hands over an item; waits while the queue of its worker is full.
    pub fn feed(&mut self, item: I) -> Result<(), Closed<I>> {
        let Some(queue) = self.queues.get(self.turn) else { return Err(Closed(item)) };
        self.turn = (self.turn + 1) % self.queues.len();
        queue.send(item).map_err(|closed| Closed(closed.0))
    }
}

impl<O> Collector<O> {
    /// The next result; none when the feeder is gone and all is done.
    ///
    /// # Panics
    /// Where the worker whose turn it is did: what it had must not vanish silently.
    #[expect(clippy::should_implement_trait, reason = "a `for` loop would hide that this waits")]
    pub fn next(&mut self) -> Option<O> {
        match self.queues.get(self.turn)?.recv() {
            Ok(result) => Some(self.advance(result)),
            Err(_) => self.end().map_or_else(|panic| resume_unwind(panic), |()| None),
        }
    }

    /// The next result, if it comes within the time given; none when the feeder is gone and all is done.
    ///
    /// # Errors
    /// Nothing came, or the worker whose turn it is panicked.
    pub fn next_within(&mut self, patience: Duration) -> Result<Option<O>, NoResult> {
        let Some(queue) = self.queues.get(self.turn) else { return Ok(None) };
        match queue.recv_timeout(patience) {
            Ok(result) => Ok(Some(self.advance(result))),
            Err(RecvTimeoutError::Disconnected) => {
                self.end().map(|()| None).map_err(|panic| NoResult::Panicked(panics::words(&*panic)))
            }
            Err(RecvTimeoutError::Timeout) => Err(NoResult::Late),
        }
    }

    /// Where the next result will come out: to wait for several collectors at once. Take it by [`Collector::next`].
    pub fn receiver(&self) -> Option<&Receiver<O>> {
        self.queues.get(self.turn)
    }

    fn advance(&mut self, result: O) -> O {
        self.turn = (self.turn + 1) % self.queues.len();
        result
    }

    /// The worker whose turn it is has ended, so no later item was dealt: there is nothing behind it. An error is its panic.
    fn end(&mut self) -> thread::Result<()> {
        self.queues.clear();
        self.workers.swap_remove(self.turn).join()
    }
}

/// There is no result for now, or none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoResult {
    /// Nothing came within the time given.
    #[error("nothing came within the time given")]
    Late,
    /// The worker whose turn it is panicked; its words.
    #[error("{0}")]
    Panicked(String),
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_whoever_is_fast() {
        for (threads, queue) in [(1, 1), (2, 1), (3, 2), (8, 16)] {
            let slow_evens = |item: usize| {
                (0..item % 2 * 2000).for_each(|turn| assert!(std::hint::black_box(turn) < 2000));
                item
            };
            let (mut feeder, mut collector) = start("test", threads, queue, slow_evens).unwrap();
            let feeding = thread::spawn(move || (0..1000).try_for_each(|item| feeder.feed(item)).unwrap());
            for item in 0..1000 {
                assert_eq!(collector.next(), Some(item));
            }
            assert_eq!(collector.next(), None);
            assert_eq!(collector.next(), None);
            feeding.join().unwrap();
        }
    }

    #[test]
    fn nobody_runs_ahead_of_the_bounds() {
        let worked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&worked);
        let (mut feeder, mut collector) =
            start("test", 2, 3, move |_: usize| count.fetch_add(1, Ordering::SeqCst)).unwrap();
        let feeding = thread::spawn(move || (0..100).take_while(|&item| feeder.feed(item).is_ok()).count());
        assert_eq!(collector.next_within(Duration::from_secs(10)).map(|result| result.is_some()), Ok(true));
        // One handed over; behind it each worker has three results in its queue, and one that waits for room.
        while worked.load(Ordering::SeqCst) < 9 {
            thread::yield_now();
        }
        thread::park_timeout(Duration::from_millis(20));
        assert_eq!(worked.load(Ordering::SeqCst), 9);
        drop(collector);
        assert!(feeding.join().unwrap() < 100, "feeding ends when nobody collects");
    }

    #[test]
    fn waiting_ends_in_time() {
        let (feeder, mut collector) = start("test", 2, 1, |item: u8| item).unwrap();
        assert_eq!(collector.next_within(Duration::from_millis(1)), Err(NoResult::Late));
        drop(feeder);
        assert_eq!(collector.next_within(Duration::from_secs(10)), Ok(None));
    }

    #[test]
    #[should_panic(expected = "item 3")]
    fn a_panic_is_passed_on() {
        let work = |item: u8| if item == 3 { panic!("item 3") } else { item };
        let (mut feeder, mut collector) = start("test", 2, 8, work).unwrap();
        (0..6).for_each(|item| feeder.feed(item).unwrap());
        while collector.next().is_some() {}
    }

    #[test]
    fn a_panic_is_not_the_end_of_the_items() {
        let work = |item: u8| if item == 3 { panic!("item 3") } else { item };
        let (mut feeder, mut collector) = start("test", 2, 8, work).unwrap();
        (0..4).for_each(|item| feeder.feed(item).unwrap());
        drop(feeder);
        let mut next = || collector.next_within(Duration::from_secs(10));
        assert_eq!((next(), next(), next()), (Ok(Some(0)), Ok(Some(1)), Ok(Some(2))));
        assert_eq!(next(), Err(NoResult::Panicked("it panicked, which is a bug: item 3".to_owned())));
    }
}
