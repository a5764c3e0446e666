//! Waiting for something that other threads bring about.
//!
//! A thread that waits has a [`Wakeup`], and adds it to the [`Listeners`] of everything whose change it waits for: outboxes, what is
//! wanted of a deployment, whether to stop ([`Stop`]). Each of these changes first and notifies then, and the thread that waits checks
//! its condition again after each notification, so no change is lost.

use std::{
    fmt,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::clock::Stopwatch;

/// Wakes whoever waits.
#[derive(Debug)]
pub struct Wakeup {
    /// How often it was notified.
    notified: Mutex<u64>,
    changed: Condvar,
    /// Holds something after a notification, for one thread that waits for a queue as well.
    bell: (Sender<()>, Receiver<()>),
}

impl Default for Wakeup {
    fn default() -> Self {
        Self { notified: Mutex::default(), changed: Condvar::new(), bell: bounded(1) }
    }
}

impl Wakeup {
    /// Something has changed.
    pub fn notify(&self) {
        *lock(&self.notified) += 1;
        self.changed.notify_all();
        // One that is full rings already.
        let _ = self.bell.0.try_send(());
    }

    /// Holds something once this was notified, until [`take_news`](Self::take_news) is called: for a thread that waits for a queue as well.
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell.1
    }

    /// Whether this was notified since the last call. Called before the thread looks at what it waits for, so that it misses nothing.
    pub fn take_news(&self) -> bool {
        let has_news = self.bell.1.try_recv().is_ok();
        // `notify` counts under this lock, before it fills the bell. A thread whose `notify` found the bell full, before it was emptied
        // here, has released the lock: the caller sees what that thread had changed.
        drop(lock(&self.notified));
        has_news
    }

    /// Calls `is_done` now and after each notification, until it is true or `patience` is over. Gives what it said last.
    ///
    /// What `is_done` looks at is changed before this is notified.
    pub fn wait_until(&self, patience: Duration, mut is_done: impl FnMut() -> bool) -> bool {
        let since = Stopwatch::start();
        loop {
            // Known before it is looked: what changes from here on is seen by the count.
            let seen = *lock(&self.notified);
            if is_done() {
                return true;
            }
            let Some(left) = patience.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) else {
                return false;
            };
            let waited =
                self.changed.wait_timeout_while(lock(&self.notified), left, |notified| *notified == seen);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Who hears of a change, on the thread that brings it about: it must not wait.
pub trait Listener: Send + Sync {
    /// Something has changed.
    fn changed(&self);
}

impl Listener for Wakeup {
    fn changed(&self) {
        self.notify();
    }
}

/// Who is to be notified of a change. A listener that is gone is forgotten.
#[derive(Default)]
pub struct Listeners {
    known: Mutex<Vec<Weak<dyn Listener>>>,
}

impl Listeners {
    /// One more, unless it listens already.
    pub fn add<L: Listener + 'static>(&self, listener: &Arc<L>) {
        let mut known = lock(&self.known);
        known.retain(|other| other.strong_count() > 0 && other.as_ptr().cast::<L>() != Arc::as_ptr(listener));
        known.push(Arc::<L>::downgrade(listener));
    }

    /// Something has changed.
    pub fn notify(&self) {
        lock(&self.known).iter().filter_map(Weak::upgrade).for_each(|listener| listener.changed());
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("known", &lock(&self.known).len()).finish()
    }
}

/// Whether to stop. A clone is the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    shared: Arc<SharedStop>,
}

#[derive(Debug, Default)]
struct SharedStop {
    is_set: AtomicBool,
    listeners: Listeners,
}

impl Stop {
    /// Everything that looks at it is to stop.
    pub fn set(&self) {
        self.shared.is_set.store(true, SeqCst);
        self.shared.listeners.notify();
    }

    /// Whether it was set.
    pub fn is_set(&self) -> bool {
        self.shared.is_set.load(SeqCst)
    }

    /// Notifies this one, too, when it is set.
    pub fn add_listener<L: Listener + 'static>(&self, listener: &Arc<L>) {
        self.shared.listeners.add(listener);
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that could panic happens while it is held.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, thread};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_so_already_is_not_waited_for() {
        assert!(Wakeup::default().wait_until(Duration::ZERO, || true));
        assert!(!Wakeup::default().wait_until(Duration::ZERO, || false));
    }

    #[test]
    fn a_change_between_the_look_and_the_wait_is_not_lost() {
        let wakeup = Wakeup::default();
        let looks = Cell::new(0);
        // The change comes at the worst moment: after it was looked, before it is waited.
        let done = wakeup.wait_until(LONG, || {
            looks.set(looks.get() + 1);
            wakeup.notify();
            looks.get() == 3
        });
        assert!(done);
        assert_eq!(looks.get(), 3, "it is looked once after each notification");
    }

    #[test]
    fn nothing_is_looked_at_while_nothing_changes() {
        let looks = Cell::new(0);
        let done = Wakeup::default().wait_until(Duration::from_millis(20), || {
            looks.set(looks.get() + 1);
            false
        });
        assert!(!done);
        assert!(looks.get() <= 2, "{} looks", looks.get());
    }

    #[test]
    fn a_bell_rings_once_for_all_that_changed_until_it_is_looked_and_again_for_what_changes_then() {
        let wakeup = Wakeup::default();
        assert!(!wakeup.take_news());
        (0..3).for_each(|_| wakeup.notify());
        assert!(
            wakeup.bell().recv_timeout(LONG).is_ok(),
            "a notification wakes a thread that waits for the bell"
        );
        (0..3).for_each(|_| wakeup.notify());
        assert_eq!([wakeup.take_news(), wakeup.take_news()], [true, false]);
    }

    #[test]
    fn everyone_who_listens_wakes_when_it_is_time_to_stop() {
        let stop = Stop::default();
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3)
                .map(|_| {
                    let stop = stop.clone();
                    scope.spawn(move || {
                        let wakeup = Arc::new(Wakeup::default());
                        stop.add_listener(&wakeup);
                        wakeup.wait_until(LONG, || stop.is_set())
                    })
                })
                .collect();
            stop.set();
            waiting.into_iter().for_each(|waits| assert!(waits.join().unwrap()));
        });
    }

    #[test]
    fn a_listener_is_there_once_and_forgotten_when_it_is_gone() {
        let listeners = Listeners::default();
        let (one, other) = (Arc::new(Wakeup::default()), Arc::new(Wakeup::default()));
        [&one, &other, &one].into_iter().for_each(|wakeup| listeners.add(wakeup));
        listeners.notify();
        assert_eq!([&one, &other].map(|wakeup| *lock(&wakeup.notified)), [1, 1]);
        drop(other);
        listeners.add(&one);
        assert_eq!(lock(&listeners.known).len(), 1);
    }
}
