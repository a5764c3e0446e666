//! Functions of texts and numbers that are too long for generated code.

#![expect(
    unsafe_code,
    reason = "exports for the kernels, which name texts and results by address; names in the shell's own name space"
)]

use streamgauge_functions::{Failure, like, like_escape, round, text};

use super::call::{compose, pack, try_compose};
use crate::output::TextView;

/// The bytes of a kernel's text.
///
/// # Safety
/// It must be what a kernel has: a text of a column, of the arena, or an empty one.
pub(super) unsafe fn bytes<'a>(pointer: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: as the caller promises; columns and arena are left until the kernel is done.
    unsafe { TextView { pointer, length }.bytes() }
}

/// Leaves a result for the kernel; the status.
///
/// # Safety
/// `to` must be the kernel's `result`, which has 8 bytes.
pub(super) unsafe fn leave<T>(result: Result<T, Failure>, to: *mut T) -> u32 {
    const { assert!(size_of::<T>() <= 8) };
    match result {
        Ok(value) => {
            // SAFETY: as the caller promises.
            unsafe { to.write(value) };
            0
        }
        Err(failure) => 1 + failure as u32,
    }
}

#[unsafe(export_name = "shell.lower")]
unsafe extern "C" fn lower(pointer: *const u8, length: usize) -> u64 {
    // SAFETY: called by kernels only.
    compose(|out| text::lower(unsafe { bytes(pointer, length) }, out))
}

#[unsafe(export_name = "shell.upper")]
unsafe extern "C" fn upper(pointer: *const u8, length: usize) -> u64 {
    // SAFETY: called by kernels only.
    compose(|out| text::upper(unsafe { bytes(pointer, length) }, out))
}

#[unsafe(export_name = "shell.length")]
unsafe extern "C" fn length(pointer: *const u8, length: usize) -> i64 {
    // SAFETY: called by kernels only.
    text::length(unsafe { bytes(pointer, length) })
}

#[unsafe(export_name = "shell.concat")]
unsafe extern "C" fn concat(a: *const u8, a_length: usize, b: *const u8, b_length: usize) -> u64 {
    compose(|out| {
        // SAFETY: called by kernels only.
        out.extend_from_slice(unsafe { bytes(a, a_length) });
        // SAFETY: called by kernels only.
        out.extend_from_slice(unsafe { bytes(b, b_length) });
    })
}

/// Less than, equal to or greater than 0, as `a` is to `b`.
#[unsafe(export_name = "shell.compare")]
unsafe extern "C" fn compare(a: *const u8, a_length: usize, b: *const u8, b_length: usize) -> i32 {
    // SAFETY: called by kernels only.
    let (a, b) = unsafe { (bytes(a, a_length), bytes(b, b_length)) };
    a.cmp(b) as i32
}

#[unsafe(export_name = "shell.equal")]
unsafe extern "C" fn equal(a: *const u8, a_length: usize, b: *const u8, b_length: usize) -> u32 {
    // SAFETY: called by kernels only.
    let (a, b) = unsafe { (bytes(a, a_length), bytes(b, b_length)) };
    u32::from(a == b)
}

#[unsafe(export_name = "shell.like")]
unsafe extern "C" fn is_like(
    text: *const u8,
    text_length: usize,
    pattern: *const u8,
    pattern_length: usize,
    result: *mut u32,
) -> u32 {
    // SAFETY: called by kernels only.
    let (text, pattern) = unsafe { (bytes(text, text_length), bytes(pattern, pattern_length)) };
    // SAFETY: called by kernels only.
    unsafe { leave(like(text, pattern).map(u32::from), result) }
}

/// What is left of a text is a part of it: nothing is copied.
#[unsafe(export_name = "shell.trim")]
unsafe extern "C" fn trim(text: *const u8, text_length: usize, of: *const u8, of_length: usize) -> u64 {
    // SAFETY: called by kernels only.
    unsafe { pack(text::trim(bytes(text, text_length), bytes(of, of_length))) }
}

#[unsafe(export_name = "shell.trim_start")]
unsafe extern "C" fn trim_start(text: *const u8, text_length: usize, of: *const u8, of_length: usize) -> u64 {
    // SAFETY: called by kernels only.
    unsafe { pack(text::trim_start(bytes(text, text_length), bytes(of, of_length))) }
}

#[unsafe(export_name = "shell.trim_end")]
unsafe extern "C" fn trim_end(text: *const u8, text_length: usize, of: *const u8, of_length: usize) -> u64 {
    // SAFETY: called by kernels only.
    unsafe { pack(text::trim_end(bytes(text, text_length), bytes(of, of_length))) }
}

#[unsafe(export_name = "shell.split_part")]
unsafe extern "C" fn split_part(
    text: *const u8,
    text_length: usize,
    separator: *const u8,
    separator_length: usize,
    number: i64,
    result: *mut u64,
) -> u32 {
    // SAFETY: called by kernels only.
    let (text, separator) = unsafe { (bytes(text, text_length), bytes(separator, separator_length)) };
    // SAFETY: called by kernels only.
    unsafe { leave(text::split_part(text, separator, number).map(pack), result) }
}

#[unsafe(export_name = "shell.like_escape")]
unsafe extern "C" fn with_backslash(
    pattern: *const u8,
    pattern_length: usize,
    escape: *const u8,
    escape_length: usize,
    result: *mut u64,
) -> u32 {
    // SAFETY: called by kernels only.
    let (pattern, escape) = unsafe { (bytes(pattern, pattern_length), bytes(escape, escape_length)) };
    let text = try_compose(|out| like_escape(pattern, escape, out));
    // SAFETY: called by kernels only.
    unsafe { leave(text, result) }
}

#[unsafe(export_name = "shell.round_to")]
unsafe extern "C" fn round_to(x: f64, digits: i64, result: *mut f64) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(round::round_to(x, digits), result) }
}

/// `a % b`, exact; WebAssembly has no such instruction.
#[unsafe(export_name = "shell.remainder")]
extern "C" fn remainder(a: f64, b: f64) -> f64 {
    a % b
}
