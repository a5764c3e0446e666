//! The query shell: the part of a query component that is the same for every query.
//!
//! It is compiled once, when streamgauge is built. For each query a generated core module is put behind it
//! (`sql/src/encode.rs`), which imports the shell's memory, its table and the functions of `runtime`, and puts two
//! *kernels* into the table. The way of a call:
//!
//! 1. `input`: the columns as they came become an array of views, which is what a kernel reads.
//! 2. `kernel`: the generated loop over the rows is called through the table.
//! 3. `runtime`: it asks for output buffers, reports failed rows and calls text functions; texts lie in an `arena`.
//! 4. `output`: buffers become columns, and nothing of the call is left.
//!
//! Pointers are handed out to the kernel and held by it during its call, so nothing that it holds moves or is freed
//! before the call ends: input columns are not touched, output buffers have their final length, arena chunks never grow.

#[expect(unsafe_code, reason = "generated: the canonical ABI names everything by address")]
mod bindings {
    wit_bindgen::generate!({ path: "../../wit", world: "query-component" });

    export!(Shell with_types_in self);

    use super::Shell;
}

mod input;
mod kernel;
mod runtime;
mod arena;
mod output;

use bindings::exports::streamgauge::plugin::columns::Column;
use bindings::exports::streamgauge::plugin::query::{Guest, Selected};

use kernel::Kernel;

struct Shell;

impl Guest for Shell {
    fn ingest(rows: u32, columns: Vec<Column>) -> Selected {
        select(Kernel::Ingest, rows, &columns)
    }

    fn emit(rows: u32, columns: Vec<Column>) -> Selected {
        select(Kernel::Emit, rows, &columns)
    }
}

fn select(kernel: Kernel, rows: u32, columns: &[Column]) -> Selected {
    let views = input::views(rows, columns);
    runtime::begin(rows);
    kernel.call(rows, &views);
    runtime::end()
}
