//! The front end from outside: programs with their plans, wrong programs with their diagnostics, hostile programs.

mod catalog;
mod golden;
mod hostile;
mod program;
