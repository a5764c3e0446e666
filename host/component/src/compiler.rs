//! Who compiles components that others wrote.
//!
//! The compiler was not made for hostile input: a function of 3 MB can make it take 8 GB, and what it cannot do may end the process. So
//! [a process of its own](process) compiles what others wrote, within bounds that it [sets itself](child).

pub mod child;
mod process;

use std::{path::PathBuf, time::Duration};

pub(super) use process::compile;

/// Who wrote a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This product: a plugin that is part of it, or a query that it generated.
    Own,
    /// Somebody else.
    Foreign,
}

/// What compiles components that others wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compiler {
    /// This process. A program that embeds the host chooses it where it trusts the plugins, or is bounded itself.
    #[default]
    InProcess,
    /// This program, in a process of its own for each component. Its `main` begins with [`child::serve`].
    Program(PathBuf),
}

/// What the compilation of one component may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Bytes of addresses of the compiler's process.
    pub(super) memory: usize,
    /// Its processor time, in whole seconds.
    pub(super) seconds: u64,
    /// Bytes of machine code.
    pub(super) code_bytes_max: usize,
}

impl Bounds {
    /// How long it may take by the wall: a process that has the bounds of its processor time ends far sooner unless the machine is
    /// overloaded.
    fn wall(&self) -> Duration {
        const TIMES: u64 = 5;
        Duration::from_secs(self.seconds.saturating_mul(TIMES))
    }
}
