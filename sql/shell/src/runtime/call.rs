//! The state of the call that is under way: what the kernel asked for and reported so far.

use std::cell::RefCell;

use crate::arena::Arena;
use crate::bindings::exports::streamgauge::plugin::query::{Failure, FailureCode, Selected};
use crate::output::{Buffer, Output, pack_unless_full};

struct Call {
    rows: u32,
    /// One byte a row, 1 = kept; none = every row is kept.
    keep: Option<Vec<u8>>,
    outputs: Vec<Output>,
    failed: Vec<Failure>,
    arena: Arena,
    /// Where a text is put together.
    scratch: Vec<u8>,
}

thread_local! {
    static CALL: RefCell<Call> = const {
        RefCell::new(Call {
            rows: 0,
            keep: None,
            outputs: Vec::new(),
            failed: Vec::new(),
            arena: Arena::new(),
            scratch: Vec::new(),
        })
    };
}

fn with<T>(action: impl FnOnce(&mut Call) -> T) -> T {
    CALL.with_borrow_mut(action)
}

/// A call over so many rows begins.
pub(crate) fn begin(rows: u32) {
    with(|call| {
        assert!(call.outputs.is_empty() && call.failed.is_empty(), "the call before was ended");
        call.rows = rows;
    });
}

/// The call ends: what it gave, and no state is left.
pub(crate) fn end() -> Selected {
    with(|call| {
        let keep = call.keep.take().and_then(|keep| pack_unless_full(&keep));
        let columns = call.outputs.drain(..).map(|output| output.into_column(call.rows)).collect();
        call.arena.clear();
        Selected { keep, columns, failed: std::mem::take(&mut call.failed) }
    })
}

/// Puts a text together in an empty buffer; it stays until the call ends.
pub(super) fn compose(write: impl FnOnce(&mut Vec<u8>)) -> u64 {
    with(|call| {
        call.scratch.clear();
        write(&mut call.scratch);
        pack(call.arena.store(&call.scratch))
    })
}

/// As [`compose`], for what may fail.
pub(super) fn try_compose(
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), streamgauge_functions::Failure>,
) -> Result<u64, streamgauge_functions::Failure> {
    let mut outcome = Ok(());
    let text = compose(|out| outcome = write(out));
    outcome.map(|()| text)
}

/// A text of a column or of the arena as a kernel gets it: the length above the address.
pub(super) fn pack(text: &[u8]) -> u64 {
    (text.len() as u64) << 32 | text.as_ptr() as usize as u64
}

/// One byte a row, all 0, for a kernel that does not keep every row.
#[expect(unsafe_code, reason = "the name is in the shell's own name space")]
#[unsafe(export_name = "shell.keep")]
extern "C" fn keep() -> *mut u8 {
    with(|call| call.keep.insert(vec![0; call.rows as usize]).as_mut_ptr())
}

/// Begins the next computed column; where its values are written.
#[expect(unsafe_code, reason = "the name is in the shell's own name space")]
#[unsafe(export_name = "shell.output")]
extern "C" fn output(data_type: u32) -> *mut u8 {
    with(|call| {
        // Values are on the heap: their addresses stay when the list of outputs grows.
        let mut values = Buffer::new(data_type, call.rows as usize);
        let pointer = values.pointer();
        call.outputs.push(Output { values, valid: None });
        pointer
    })
}

/// The column begun last can be NULL: where that is written, one byte a row, all 1.
#[expect(unsafe_code, reason = "the name is in the shell's own name space")]
#[unsafe(export_name = "shell.validity")]
extern "C" fn validity() -> *mut u8 {
    with(|call| {
        let rows = call.rows as usize;
        let output = call.outputs.last_mut();
        output.map_or(std::ptr::null_mut(), |output| output.valid.insert(vec![1; rows]).as_mut_ptr())
    })
}

/// Bytes for the kernel's constants, until the call ends.
#[expect(unsafe_code, reason = "the name is in the shell's own name space")]
#[unsafe(export_name = "shell.allocate")]
extern "C" fn allocate(length: usize) -> *mut u8 {
    with(|call| call.arena.store(&vec![0; length]).as_mut_ptr())
}

/// A row has no value for an expression.
#[expect(unsafe_code, reason = "the name is in the shell's own name space")]
#[unsafe(export_name = "shell.fail")]
extern "C" fn fail(row: u32, code: u32, expression: u32) {
    let code = match code {
        0 => FailureCode::Overflow,
        1 => FailureCode::DivisionByZero,
        2 => FailureCode::InvalidCast,
        _ => FailureCode::OutOfRange,
    };
    with(|call| call.failed.push(Failure { row, code, expression }));
}
