//! A plan's expressions as a WebAssembly component.
//!
//! A [`component()`] is the prebuilt *shell* (`sql/shell`, compiled with the product) with sections behind it: a generated
//! core module, its instance, and the manifest. The shell is read once, so it takes microseconds.
//!
//! 1. `component`: the sections behind the shell; `shell`: the shell with the code that a query calls; `sections`: what both are made of.
//! 2. `module`: the core module: it imports the shell's memory, table and `runtime` and puts two kernels in the table.
//! 3. `kernel`: one loop over the rows: filter, computed columns, output.
//! 4. `expression`: a node becomes instructions that leave a value and its validity in locals (`operand`), if its
//!    types fit (`typing`); the nodes by kind: `column`, `logic`, `compare`, `arithmetic`, `cast`, `call`, `library`.
//! 5. `generator`: the function in the making that all of these write to.
//!
//! Generated code knows rows, addresses and locals. It never meets the canonical ABI: the shell does that.

mod component;
mod shell;
mod sections;
mod module;
mod runtime;
mod kernel;
mod expression;
mod typing;
mod column;
mod logic;
mod compare;
mod arithmetic;
mod cast;
mod call;
mod library;
mod operand;
mod generator;

pub use component::{ManifestError, component, manifest};

/// Why a query cannot be made a component.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A limit of generated code, met before the runtime meets its own.
    #[error("an expression is nested more than {limit} deep; split it over views")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// A limit of WebAssembly on a function.
    #[error("the expressions of a query are too large: {what} over {limit}; split them over views")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The plan is not well typed: a fault of the binder.
    #[error("an expression is not well typed: {0}")]
    IllTyped(String),
    /// Code and manifest do not say the same: a fault of the planner.
    #[error("the manifest's {stage} does not describe its code: {what}")]
    Disagreement {
        /// `ingest` or `emit`.
        stage: &'static str,
        /// In what.
        what: &'static str,
    },
    /// The shell cannot be read: a fault of the build.
    #[error("the shell of queries cannot be read: {0}")]
    Shell(String),
    /// The manifest cannot be written.
    #[error("cannot write the manifest")]
    Manifest(#[source] serde_json::Error),
}
