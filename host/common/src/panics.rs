//! A panic is told by whoever waits for the thread that panicked: it never passes for the end of the input or for work that
//! is done.
//!
//! The binary ends at once with any panic (`cli::process`). This module is for those who use the library, and for its tests,
//! where the process goes on.

use std::{
    any::Any,
    cell::RefCell,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tokio::runtime::Runtime;
use tracing::instrument::WithSubscriber as _;

use super::telling::as_here;

thread_local! {
    /// The deployment for which this thread works now.
    static WORKS_FOR: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does some work for somebody: a panic in it is theirs.
pub fn working_for<T>(who: &str, work: impl FnOnce() -> T) -> T {
    WORKS_FOR.with_borrow_mut(|works_for| works_for.get_or_insert_default().replace_range(.., who));
    let done = work();
    // Not reached after a panic: the panic hook still reads the name.
    WORKS_FOR.with_borrow_mut(|works_for| works_for.iter_mut().for_each(String::clear));
    done
}

/// The deployment for which this thread works now; none where it works for no deployment.
pub fn works_for() -> Option<String> {
    WORKS_FOR.with_borrow(|works_for| works_for.clone().filter(|who| !who.is_empty()))
}

/// Does some work; an error is the text of its panic. What the work has changed must not be used any more after one.
///
/// # Errors
/// The work panicked.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| words(&*panic))
}

/// A panic as the end of a sentence about who panicked.
pub fn words(panic: &(dyn Any + Send)) -> String {
    format!("it panicked, which is a bug: {}", text(panic))
}

/// The text of a panic.
pub fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// Starts a task that others rely on: `tell` is called with the text of its panic.
pub fn attend(
    runtime: &Runtime,
    work: impl Future<Output = ()> + Send + 'static,
    tell: impl FnOnce(String) + Send + 'static,
) {
    let task = runtime.spawn(work.with_current_subscriber());
    let told = async move {
        if let Err(error) = task.await
            && let Ok(panic) = error.try_into_panic()
        {
            tell(words(&*panic));
        }
    };
    runtime.spawn(told.with_current_subscriber());
}

/// A thread that somebody relies on: whether it panicked can be asked while others wait for what it does.
#[derive(Debug)]
pub struct Attended {
    ending: Mutex<Ending>,
}

#[derive(Debug)]
enum Ending {
    Unknown(JoinHandle<()>),
    Known(Option<String>),
}

impl Attended {
    /// Starts a thread.
    ///
    /// # Errors
    /// Where the system gives none.
    pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(as_here(work))?;
        Ok(Self { ending: Mutex::new(Ending::Unknown(thread)) })
    }

    /// What the thread panicked with, if it did. Never waits: one that is about to end has not ended yet.
    pub fn panicked(&self) -> Option<String> {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ending::Unknown(thread) = &*ending {
            if !thread.is_finished() {
                return None;
            }
            let known = std::mem::replace(&mut *ending, Ending::Known(None));
            if let Ending::Unknown(thread) = known {
                *ending = Ending::Known(thread.join().err().map(|panic| words(&*panic)));
            }
        }
        match &*ending {
            Ending::Known(panicked) => panicked.clone(),
            Ending::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_panic_is_kept_and_a_good_end_is_none() {
        let started = |work: fn()| {
            let thread = Attended::start("test", work).unwrap();
            while matches!(&*thread.ending.lock().unwrap(), Ending::Unknown(handle) if !handle.is_finished())
            {
                thread::yield_now();
            }
            (thread.panicked(), thread.panicked())
        };
        let died = Some("it panicked, which is a bug: item 3".to_owned());
        assert_eq!(started(|| panic!("item {}", 3)), (died.clone(), died), "however often it is asked");
        assert_eq!(started(|| ()), (None, None));
        assert_eq!(caught(|| 3), Ok(3));
        assert_eq!(caught(|| panic!("four")), Err::<(), _>("it panicked, which is a bug: four".to_owned()));
    }
}
