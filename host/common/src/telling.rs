//! Gives a thread the `tracing` subscriber of the thread that started it: the library sets no global one.

use tracing::dispatcher::{get_default, with_default};

/// Work for another thread, whose `tracing` events go to where those of this thread go.
pub fn as_here<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let here = get_default(Clone::clone);
    move || with_default(&here, work)
}
