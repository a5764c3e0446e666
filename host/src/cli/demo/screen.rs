//! What standard output is.

use std::{
    env,
    io::{IsTerminal, stdout},
};

use crate::{deliver::pretty::Screen, terminal};

/// A terminal, in colour unless NO_COLOR is set (<https://no-color.org>), or something that takes lines of any length.
pub(super) fn screen() -> Screen {
    let is_terminal = stdout().is_terminal();
    let no_color = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
    Screen { colour: is_terminal && !no_color && !is_dumb, width: || terminal::width(stdout()) }
}
