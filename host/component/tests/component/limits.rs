//! Guests that run away, crash or break the contract.

use std::time::Duration;

use streamgauge_common::{
    clock::Stopwatch,
    column::{Column, DataType, Value},
};
use streamgauge_component::limits::Limits;
use streamgauge_engine::Accumulators;

use crate::guests::{EVALUATED, Reducer, open};

/// What becomes of a call of `accumulate` and of the calls behind it.
fn fault_of_accumulate(limits: Limits, body: &str) -> String {
    let mut guest = open(limits, &Reducer { accumulate: body, ..Reducer::default() }).unwrap();
    let fault = guest.accumulate(&[0, 1], &[]).unwrap_err();
    assert_eq!(guest.evaluate(&[0]).unwrap_err(), fault, "a guest that failed is gone");
    assert_eq!(guest.release(&[0]).unwrap_err(), fault, "a guest that failed is gone");
    fault.to_string()
}

fn fault_of_evaluate(body: &str) -> String {
    let mut guest = open(Limits::default(), &Reducer { evaluate: body, ..Reducer::default() }).unwrap();
    guest.evaluate(&[7, 8]).unwrap_err().to_string()
}

#[test]
fn a_loop_without_end_is_stopped_in_time() {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(100), ..Limits::default() };
    let watch = Stopwatch::start();
    let fault = fault_of_accumulate(limits, "(loop $on (br $on)) unreachable");
    let elapsed = watch.elapsed();
    assert_eq!(fault, "reducer `probe` ran longer than 100 ms (--limit plugin_call_timeout)");
    assert!(elapsed >= Duration::from_millis(100), "{elapsed:?}");
    assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
}

#[test]
fn a_loop_in_open_is_stopped_too() {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(20), ..Limits::default() };
    let guest = open(limits, &Reducer { open: "(loop $on (br $on)) unreachable", ..Reducer::default() });
    assert_eq!(guest.err().unwrap().what, "ran longer than 20 ms (--limit plugin_call_timeout)");
}

#[test]
fn a_trap_says_where_and_why() {
    let fault = fault_of_accumulate(Limits::default(), "unreachable");
    assert_eq!(fault, "reducer `probe` trapped in `accumulate`: wasm `unreachable` instruction executed");
    let fault = fault_of_accumulate(Limits::default(), "(i32.div_u (i32.const 1) (i32.const 0))");
    assert_eq!(fault, "reducer `probe` trapped in `accumulate`: integer divide by zero");
    let fault = fault_of_accumulate(Limits::default(), "(i32.load (i32.const -4))");
    assert_eq!(fault, "reducer `probe` trapped in `accumulate`: out of bounds memory access");
    let fault = fault_of_accumulate(
        Limits::default(),
        "(call $accumulate (local.get $self) (local.get $slots)
        (local.get $len) (i32.const 0) (i32.const 0)) (drop) (i32.const 16)",
    );
    assert_eq!(fault, "reducer `probe` trapped in `accumulate`: call stack exhausted");
}

#[test]
fn memory_without_end_is_not_taken_for_a_trap() {
    let greedy = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let limits = Limits { plugin_memory: 64 << 20, ..Limits::default() };
    assert_eq!(
        fault_of_accumulate(limits, greedy),
        "reducer `probe` wanted more than 64 MiB of memory (--limit plugin_memory)"
    );
    assert_eq!(
        fault_of_accumulate(Limits::default(), greedy),
        "reducer `probe` wanted more than 1 GiB of memory (--limit plugin_memory)"
    );
}

#[test]
fn memory_that_is_refused_and_not_needed_is_no_fault() {
    let modest = "(drop (memory.grow (i32.const 60000))) (i32.const 16)";
    let mut guest = open(
        Limits::default(),
        &Reducer { accumulate: modest, evaluate: "unreachable", ..Reducer::default() },
    )
    .unwrap();
    guest.accumulate(&[0], &[]).unwrap();
    let fault = guest.evaluate(&[0]).unwrap_err();
    assert_eq!(fault.what, "trapped in `evaluate`: wasm `unreachable` instruction executed");
}

#[test]
fn a_guest_too_large_to_start_says_so() {
    let limits = Limits { plugin_memory: 64 << 10, ..Limits::default() };
    let fault = open(limits, &Reducer::default()).err().unwrap();
    assert_eq!(
        fault.to_string(),
        "reducer `probe` wanted more than 64 KiB of memory (--limit plugin_memory)"
    );
}

#[test]
fn the_words_of_a_guest_reach_the_user() {
    // result::err, error::invalid, a text at 512.
    let says_no = "(i32.store8 (i32.const 64) (i32.const 1)) (i32.store8 (i32.const 68) (i32.const 0))
        (i32.store (i32.const 72) (i32.const 512)) (i32.store (i32.const 76) (i32.const 4))
        (i32.store (i32.const 512) (i32.const 0x0a6f6f6e)) (i32.const 64)";
    assert_eq!(fault_of_accumulate(Limits::default(), says_no), "reducer `probe` refused a batch: noo ");
    let refused = open(Limits::default(), &Reducer { open: says_no, ..Reducer::default() }).err().unwrap();
    assert_eq!(refused.to_string(), "reducer `probe` refused its parameters: noo ");
}

#[test]
fn values_that_are_not_those_promised_are_refused() {
    let rows = |rows: &str| EVALUATED.replacen("(local.get $len)", rows, 1);
    assert_eq!(
        fault_of_evaluate(&rows("(i32.const 1)")),
        "reducer `probe` gave a column of 1 rows where 2 were due"
    );
    let values = EVALUATED.replace("140) (local.get $len)", "140) (i32.const 1)");
    assert_eq!(fault_of_evaluate(&values), "reducer `probe` gave 1 values for 2 rows");
    let integers = EVALUATED.replace("(i32.const 132) (i32.const 2)", "(i32.const 132) (i32.const 1)");
    assert_eq!(
        fault_of_evaluate(&integers),
        "reducer `probe` gave a column of type BIGINT where DOUBLE was due"
    );
    let no_such_case = EVALUATED.replace("(i32.const 132) (i32.const 2)", "(i32.const 132) (i32.const 9)");
    assert!(fault_of_evaluate(&no_such_case).starts_with("reducer `probe` broke its contract: "));
    let outside = EVALUATED.replace("136) (i32.const 4096)", "136) (i32.const -8)");
    assert!(fault_of_evaluate(&outside).starts_with("reducer `probe` broke its contract: "));
    let short_bitmap = format!("(i32.store8 (i32.const 152) (i32.const 1)) {EVALUATED}");
    assert_eq!(fault_of_evaluate(&short_bitmap), "reducer `probe` gave a bitmap of 0 bytes for 2 rows");
    // One failed row at 512: row 2 of two rows.
    let failed = format!(
        "(i32.store (i32.const 164) (i32.const 512)) (i32.store (i32.const 168) (i32.const 1))
         (i32.store (i32.const 512) (i32.const 2)) {EVALUATED}"
    );
    assert_eq!(fault_of_evaluate(&failed), "reducer `probe` failed row 2 of 2");
}

#[test]
fn a_call_without_rows_is_a_call() {
    let mut guest = open(Limits::default(), &Reducer::default()).unwrap();
    guest.accumulate(&[], &[&Column::empty(DataType::Float64)]).unwrap();
    guest.merge(&[], &[]).unwrap();
    guest.release(&[]).unwrap();
    assert!(guest.evaluate(&[]).unwrap().column.is_empty());
    assert_eq!(guest.evaluate(&[3]).unwrap().column.value(0), Value::Float64(0.0));
}
