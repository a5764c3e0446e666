//! What a thread tells people goes to where whoever started it tells: a library has no place of its own for that.

use tracing::dispatcher::{get_default, with_default};

/// Work for another thread, whose `tracing` events go to where those of this thread go.
pub fn as_here<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let here = get_default(Clone::clone);
    move || with_default(&here, work)
}
