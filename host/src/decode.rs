//! Step 1: bytes to columns, or a reason why not.
//!
//! Only the columns that some query reads are decoded; the rest of a record is skipped, not validated. Which columns these
//! are may change while a source is read ([`schema`]). How a record is written is its [`mod@format`]; one record may hold any
//! number of events, and each event is a row of the [`batch`].

pub mod layout;
pub mod rows;
pub mod batch;
pub mod format;
pub mod json;
pub mod keys;
pub mod times;
pub mod schema;
pub mod pool;

pub use batch::{Batch, Reject, RejectScope};
pub use rows::{RowIndex, RowMap};

/// The longest piece of a record in a message, in characters.
const SHOWN_CHARS_MAX: usize = 40;

/// The start of a piece of a record, fit for a message: on one line, not longer than people read.
fn shorten(bytes: &[u8]) -> String {
    shorten_to(bytes, SHOWN_CHARS_MAX)
}

/// The same, of up to so many characters.
pub(crate) fn shorten_to(bytes: &[u8], chars_max: usize) -> String {
    let start = bytes.get(..4 * chars_max + 1).unwrap_or(bytes);
    let text = String::from_utf8_lossy(start);
    let shown = text.chars().take(chars_max);
    let mut shown: String =
        shown.map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect();
    if text.chars().nth(chars_max).is_some() {
        shown.push('…');
    }
    shown
}
