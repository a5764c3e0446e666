//! The functions of the library: a kernel gives each argument and takes each result as one word.
//!
//! `sql/src/library.rs` has their types. One that cannot fail gives its value, the others leave it behind `result` and give a status.

#![expect(
    unsafe_code,
    reason = "exports for the kernels, which name texts and results by address; names in the shell's own name space"
)]

use streamgauge_functions::{calendar, compose as made, number, round, substring};

use super::call::{compose, pack, try_compose};
use super::text::{bytes, leave};

/// A text of a kernel: the length above the address.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Text(u64);

impl Text {
    /// The bytes.
    ///
    /// # Safety
    /// As of [`bytes`].
    pub(super) unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: as the caller promises; addresses have 32 bits.
        unsafe { bytes(self.0 as u32 as usize as *const u8, (self.0 >> 32) as usize) }
    }
}

/// Functions that always have a value.
macro_rules! values {
    ($($name:literal $function:ident($($argument:ident: $of:ty),*) -> $returns:ty $body:block)*) => {$(
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $function($($argument: $of),*) -> $returns {
            // SAFETY: called by kernels only.
            unsafe { $body }
        }
    )*};
}

/// Functions that can fail.
macro_rules! results {
    ($($name:literal $function:ident($($argument:ident: $of:ty),*) -> $returns:ty $body:block)*) => {$(
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $function($($argument: $of,)* result: *mut $returns) -> u32 {
            // SAFETY: called by kernels only.
            unsafe { leave($body, result) }
        }
    )*};
}

values! {
    "shell.fold" fold(text: Text) -> u64 { compose(|out| made::fold(text.bytes(), out)) }
    "shell.reverse" reverse(text: Text) -> u64 { compose(|out| made::reverse(text.bytes(), out)) }
    "shell.sha256" sha256(text: Text) -> u64 { compose(|out| made::sha256(text.bytes(), out)) }
    "shell.substring" substring(text: Text, start: i64) -> u64 { pack(substring::substring(text.bytes(), start)) }
    "shell.left" left(text: Text, count: i64) -> u64 { pack(substring::left(text.bytes(), count)) }
    "shell.right" right(text: Text, count: i64) -> u64 { pack(substring::right(text.bytes(), count)) }
    "shell.position" position(text: Text, part: Text) -> i64 { substring::position(text.bytes(), part.bytes()) }
    "shell.starts_with" starts_with(text: Text, start: Text) -> u32 {
        u32::from(text.bytes().starts_with(start.bytes()))
    }
}

#[unsafe(export_name = "shell.sign")]
extern "C" fn sign(x: f64) -> f64 {
    number::sign(x)
}

results! {
    "shell.substring_for" substring_for(text: Text, start: i64, count: i64) -> u64 {
        substring::substring_for(text.bytes(), start, count).map(pack)
    }
    "shell.replace" replace(text: Text, from: Text, to: Text) -> u64 {
        try_compose(|out| made::replace(text.bytes(), from.bytes(), to.bytes(), out))
    }
    "shell.pad_start" pad_start(text: Text, characters: i64, fill: Text) -> u64 {
        try_compose(|out| made::pad_start(text.bytes(), characters, fill.bytes(), out))
    }
    "shell.pad_end" pad_end(text: Text, characters: i64, fill: Text) -> u64 {
        try_compose(|out| made::pad_end(text.bytes(), characters, fill.bytes(), out))
    }
    "shell.sqrt" sqrt(x: f64) -> f64 { number::sqrt(x) }
    "shell.ln" ln(x: f64) -> f64 { number::ln(x) }
    "shell.log10" log10(x: f64) -> f64 { number::log10(x) }
    "shell.exp" exp(x: f64) -> f64 { number::exp(x) }
    "shell.power" power(x: f64, y: f64) -> f64 { number::power(x, y) }
    "shell.trunc_to" trunc_to(x: f64, digits: i64) -> f64 { round::trunc_to(x, digits) }
    "shell.date_trunc" date_trunc(unit: i64, time: i64) -> i64 { calendar::truncate(unit, time) }
    "shell.date_field" date_field(unit: i64, time: i64) -> i64 { calendar::field(unit, time) }
    "shell.date_fraction" date_fraction(unit: i64, time: i64) -> f64 { calendar::fraction(unit, time) }
    "shell.date_bin" date_bin(stride: i64, time: i64, origin: i64) -> i64 { calendar::bin(stride, time, origin) }
    "shell.from_seconds" from_seconds(seconds: f64) -> i64 { calendar::from_seconds(seconds) }
}
