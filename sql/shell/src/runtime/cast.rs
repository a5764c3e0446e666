//! Casts of TEXT and to TEXT.

#![expect(
    unsafe_code,
    reason = "exports for the kernels, which name texts and results by address; names in the shell's own name space"
)]

use streamgauge_functions::{cast, timestamp};

use super::call::compose;
use super::text::{bytes, leave};

#[unsafe(export_name = "shell.parse_boolean")]
unsafe extern "C" fn parse_boolean(pointer: *const u8, length: usize, result: *mut u32) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(cast::parse_boolean(bytes(pointer, length)).map(u32::from), result) }
}

#[unsafe(export_name = "shell.parse_int64")]
unsafe extern "C" fn parse_int64(pointer: *const u8, length: usize, result: *mut i64) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(cast::parse_i64(bytes(pointer, length)), result) }
}

#[unsafe(export_name = "shell.parse_float64")]
unsafe extern "C" fn parse_float64(pointer: *const u8, length: usize, result: *mut f64) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(cast::parse_f64(bytes(pointer, length)), result) }
}

#[unsafe(export_name = "shell.parse_timestamp")]
unsafe extern "C" fn parse_timestamp(pointer: *const u8, length: usize, result: *mut i64) -> u32 {
    // SAFETY: called by kernels only.
    unsafe { leave(timestamp::parse_timestamp(bytes(pointer, length).trim_ascii()), result) }
}

#[unsafe(export_name = "shell.format_boolean")]
extern "C" fn format_boolean(value: u32) -> u64 {
    compose(|out| cast::format_boolean(value != 0, out))
}

#[unsafe(export_name = "shell.format_int64")]
extern "C" fn format_int64(value: i64) -> u64 {
    compose(|out| cast::format_i64(value, out))
}

#[unsafe(export_name = "shell.format_float64")]
extern "C" fn format_float64(value: f64) -> u64 {
    compose(|out| cast::format_f64(value, out))
}

#[unsafe(export_name = "shell.format_timestamp")]
extern "C" fn format_timestamp(value: i64) -> u64 {
    compose(|out| timestamp::format_timestamp(value, out))
}
