//! Terminals.

use std::os::fd::AsFd;

/// Takes away the line that the cursor is in.
pub(crate) const CLEAR_LINE: &str = "\r\x1b[2K";

/// How many characters fit in a line; any number where it is no terminal.
pub fn width(terminal: impl AsFd) -> usize {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => usize::MAX,
    }
}
