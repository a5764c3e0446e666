//! Regular expressions: only the shell of queries that use them has their engine.

#![expect(
    unsafe_code,
    reason = "exports for the kernels, which name texts and results by address; names in the shell's own name space"
)]

use streamgauge_functions::pattern;

use super::call::{pack, try_compose};
use super::library::Text;
use super::text::leave;

/// The status of a call that gives NULL. (`sql/src/encode/library.rs`)
const NO_VALUE: u32 = u32::MAX;

#[unsafe(export_name = "shell.matches")]
unsafe extern "C" fn matches(text: Text, pattern: Text, result: *mut u32) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(pattern::is_match(text.bytes(), pattern.bytes()).map(u32::from), result) }
}

#[unsafe(export_name = "shell.extract")]
unsafe extern "C" fn extract(text: Text, pattern: Text, group: i64, result: *mut u64) -> u32 {
    // SAFETY: called by kernels only.
    let found = unsafe { pattern::extract(text.bytes(), pattern.bytes(), group) };
    match found.transpose() {
        // SAFETY: called by kernels only.
        Some(found) => unsafe { leave(found.map(pack), result) },
        None => NO_VALUE,
    }
}

#[unsafe(export_name = "shell.pattern_replace")]
unsafe extern "C" fn replace(text: Text, pattern: Text, to: Text, all: i64, result: *mut u64) -> u32 {
    // SAFETY: called by kernels only.
    unsafe {
        let write =
            |out: &mut Vec<u8>| pattern::replace(text.bytes(), pattern.bytes(), to.bytes(), all != 0, out);
        leave(try_compose(write), result)
    }
}
