//! A reducer written by hand whose states have a version: it counts rows, and traps where it is given a state of a version that
//! it does not know or with other bytes than that version has.

use streamgauge_component::plugins::{Bundle, Plugins};

use crate::guests::{OPENED, component, data};

/// Which states a guest knows.
#[derive(Clone, Copy)]
pub(crate) struct Versions {
    /// 1: a state is a count in 8 bytes. 2: the count twice, in 16 bytes.
    pub(crate) written: u32,
    pub(crate) restores: &'static [u32],
}

/// Plugins with nothing but `tally(BIGINT)` in it.
pub(crate) fn plugins(runtime: streamgauge_component::runtime::Runtime, versions: Versions) -> Plugins {
    let bundle: Bundle = Vec::leak(vec![("tally", &*Vec::leak(tally(versions)))]);
    Plugins::new(runtime, bundle)
}

/// One more for each row.
const ACCUMULATE: &str = "
        (param $self i32) (param $slots i32) (param $len i32) (param i32 i32) (result i32)
        (local $i i32) (local $at i32)
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (local.set $at (call $count (local.get $slots) (local.get $i)))
            (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.const 16)";

/// Adds counts.
const MERGE: &str = "
        (param $self i32) (param $into i32) (param $len i32) (param $source i32) (param i32)
        (local $i i32) (local $at i32)
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (local.set $at (call $count (local.get $into) (local.get $i)))
            (i64.store (local.get $at) (i64.add (i64.load (local.get $at))
                (i64.load (call $count (local.get $source) (local.get $i)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))";

/// The counts, as `evaluated` at 128.
const EVALUATE: &str = "
        (param $self i32) (param $slots i32) (param $len i32) (result i32)
        (local $i i32) (local $values i32)
        (local.set $values (call $give (i32.const 0) (i32.const 0) (i32.const 8)
            (i32.shl (local.get $len) (i32.const 3))))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (i64.store (i32.add (local.get $values) (i32.shl (local.get $i) (i32.const 3)))
                (i64.load (call $count (local.get $slots) (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.store (i32.const 128) (local.get $len))
        (i32.store8 (i32.const 132) (i32.const 1))
        (i32.store (i32.const 136) (local.get $values))
        (i32.store (i32.const 140) (local.get $len))
        (i32.const 128)";

/// The counts in `SIZE` bytes each, as `bytes-list` at 192.
const SNAPSHOT: &str = "
        (param $self i32) (param $slots i32) (param $len i32) (result i32)
        (local $i i32) (local $ends i32) (local $bytes i32) (local $at i32)
        (local.set $ends (call $give (i32.const 0) (i32.const 0) (i32.const 4)
            (i32.shl (local.get $len) (i32.const 2))))
        (local.set $bytes (call $give (i32.const 0) (i32.const 0) (i32.const 8)
            (i32.mul (local.get $len) (i32.const SIZE))))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (local.set $at (i32.add (local.get $bytes) (i32.mul (local.get $i) (i32.const SIZE))))
            (i64.store (local.get $at) (i64.load (call $count (local.get $slots) (local.get $i))))
            SECOND
            (i32.store (i32.add (local.get $ends) (i32.shl (local.get $i) (i32.const 2)))
                (i32.mul (i32.add (local.get $i) (i32.const 1)) (i32.const SIZE)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.store (i32.const 192) (local.get $ends))
        (i32.store (i32.const 196) (local.get $len))
        (i32.store (i32.const 200) (local.get $bytes))
        (i32.store (i32.const 204) (i32.mul (local.get $len) (i32.const SIZE)))
        (i32.const 192)";

/// Counts of a version that is known, each in 8 bytes times the version; else a trap.
const RESTORE: &str = "
        (param $self i32) (param $version i32) (param $slots i32) (param $len i32)
        (param $ends i32) (param i32) (param $bytes i32) (param i32) (result i32)
        (local $i i32) (local $size i32)
        (block $known KNOWN unreachable)
        (local.set $size (i32.shl (local.get $version) (i32.const 3)))
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (if (i32.ne (i32.load (i32.add (local.get $ends) (i32.shl (local.get $i) (i32.const 2))))
                    (i32.mul (i32.add (local.get $i) (i32.const 1)) (local.get $size)))
                (then unreachable))
            (i64.store (call $count (local.get $slots) (local.get $i))
                (i64.load (i32.add (local.get $bytes) (i32.mul (local.get $i) (local.get $size)))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))
        (i32.const 16)";

/// Counts of nothing.
const RELEASE: &str = "
        (param $self i32) (param $slots i32) (param $len i32)
        (local $i i32)
        (block $done (loop $next
            (br_if $done (i32.ge_u (local.get $i) (local.get $len)))
            (i64.store (call $count (local.get $slots) (local.get $i)) (i64.const 0))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next)))";

/// Counts are at 0x100000, 8 bytes a slot; what is given out is behind 0x200000 and never freed.
const MEMORY: &str = r#"
    (memory (export "memory") 64)
    (global $top (mut i32) (i32.const 0x200000))
    (func $give (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
        (global.set $top (i32.add (local.get $at) (local.get $size)))
        (local.get $at))
    (func $count (param $slots i32) (param $i i32) (result i32)
        (i32.add (i32.const 0x100000) (i32.shl
            (i32.load (i32.add (local.get $slots) (i32.shl (local.get $i) (i32.const 2)))) (i32.const 3))))"#;

/// What the guest says of itself, in memory from 1024 on.
fn description(Versions { written, restores }: Versions) -> String {
    let descriptor = data(1024, &[2048, 5, 2053, 1, 0, 0, 1088, 1]);
    // Arguments, parameters, type of the result and needs-time, tolerance, bounded(8), versions.
    let count = restores.len() as u32;
    let signature = data(1088, &[1216, 1, 0, 0, 1, 0, 0, 0, 0, 8, written, 1200, count]);
    let (restored, argument) = (data(1200, restores), data(1216, &[1]));
    format!(r#"{descriptor} {signature} {restored} {argument} (data (i32.const 2048) "tally1")"#)
}

fn tally(versions: Versions) -> Vec<u8> {
    let interface = "streamgauge:plugin/reducer@0.2.0";
    let known = versions.restores.iter().chain([&versions.written]);
    let known =
        known.map(|version| format!("(br_if $known (i32.eq (local.get $version) (i32.const {version})))"));
    let restore = RESTORE.replace("KNOWN", &known.collect::<String>());
    let second = match versions.written {
        2 => {
            "(i64.store offset=8 (local.get $at) (i64.load (call $count (local.get $slots) (local.get $i))))"
        }
        _ => "",
    };
    let snapshot = SNAPSHOT.replace("SIZE", &(8 * versions.written).to_string()).replace("SECOND", second);
    let methods = [
        ("accumulate", ACCUMULATE),
        ("merge", MERGE),
        ("evaluate", EVALUATE),
        ("snapshot", &snapshot),
        ("restore", &restore),
        ("release", RELEASE),
    ];
    let method = |(name, body): (&str, &str)| {
        format!(r#"(func (export "{interface}#[method]accumulators.{name}") {body})"#)
    };
    let (methods, description) = (methods.map(method).concat(), description(versions));
    component(
        "reducer-plugin",
        &format!(
            r#"(module
    (import "[export]{interface}" "[resource-new]accumulators" (func $new (param i32) (result i32)))
    {MEMORY} {description}
    (func (export "{interface}#describe") (result i32) (i32.const 1024))
    (func (export "{interface}#[static]accumulators.open") (param i32 i32 i32) (result i32) {OPENED})
    {methods})"#
        ),
    )
}
