//! The front end from outside: programs with their plans, wrong programs with their diagnostics, hostile programs.

#![expect(clippy::unwrap_used, reason = "a test that fails may panic")]

mod catalog;
mod golden;
mod program;
mod windows;
mod variables;
mod hints;
mod hostile;
