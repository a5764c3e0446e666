//! Bytes that are not compiled at all, and what their authors are told.

use streamgauge_component::{query::QueryComponent, reducer::ReducerComponent, runtime::Runtime};
use streamgauge_sql::manifest::FORMAT;

use crate::guests::{ECHO, Reducer, bare_query, manifest, reducer, with_section};

fn reducer_refusal(bytes: &[u8]) -> String {
    let runtime = Runtime::new().unwrap();
    ReducerComponent::new(&runtime, "probe", bytes).err().unwrap().to_string()
}

fn component_refusal(text: &str) -> String {
    reducer_refusal(&wat::parse_str(text).unwrap())
}

#[test]
fn a_function_import_is_refused_by_name() {
    let of_an_instance = component_refusal(
        r#"(component (import "wasi:clocks/monotonic-clock@0.2.0" (instance (export "now" (func (result u64))))))"#,
    );
    assert_eq!(
        of_an_instance,
        "reducer `probe` imports `now` of `wasi:clocks/monotonic-clock@0.2.0`, but a guest gets nothing from its host: \
         no clock, files, network or other functions; `streamgauge plugin adapt` makes a component in which what it asks of WASI is \
         answered"
    );
    let two = component_refusal(
        r#"(component (import "log" (func (param "text" string)))
           (import "wasi:io/poll@0.2.0" (instance (export "wait" (func)))))"#,
    );
    assert!(two.starts_with("reducer `probe` imports `log`, `wait` of `wasi:io/poll@0.2.0`, but"), "{two}");
    let function = component_refusal(r#"(component (import "log" (func (param "text" string))))"#);
    assert!(function.starts_with("reducer `probe` imports `log`, but"), "{function}");
    // What is not of WASI cannot be answered: no command helps.
    assert!(!two.contains("plugin adapt") && !function.contains("plugin adapt"), "{two}\n{function}");
    let resource = component_refusal(
        r#"(component (import "wasi:io/streams@0.2.0" (instance (export "stream" (type (sub resource))))))"#,
    );
    assert!(
        resource.starts_with("reducer `probe` imports `stream` of `wasi:io/streams@0.2.0`, but"),
        "{resource}"
    );
}

#[test]
fn types_may_be_imported() {
    let types = r#"(component (import "streamgauge:plugin/columns@0.2.0" (instance
        (type $t (enum "boolean" "int64")) (export "data-type" (type (eq $t))))))"#;
    assert_eq!(
        component_refusal(types),
        "reducer `probe` does not export `streamgauge:plugin/reducer@0.2.0`: it exports no interface at all; in Rust \
         `export_reducer!` or `export_sink!` exports it"
    );
}

#[test]
fn what_is_no_component_is_named() {
    assert_eq!(reducer_refusal(b"#!/bin/sh"), "reducer `probe` is not WebAssembly");
    assert_eq!(reducer_refusal(b""), "reducer `probe` is not WebAssembly");
    assert_eq!(
        component_refusal("(module)"),
        "reducer `probe` is a core module, not a component: it exports no function of streamgauge:plugin; in Rust \
         `export_reducer!` or `export_sink!` exports them, and `streamgauge plugin adapt` makes a component of the module"
    );
    assert_eq!(
        component_refusal(r#"(module (func (export "streamgauge:plugin/reducer@0.2.0#describe")))"#),
        "reducer `probe` is a core module, not a component: `streamgauge plugin adapt` makes it one"
    );
    let mut cut = reducer(&Reducer::default());
    cut.truncate(cut.len() / 2);
    let refusal = reducer_refusal(&cut);
    assert!(refusal.starts_with("reducer `probe` is not a valid component: "), "{refusal}");
    let refusal = reducer_refusal(&vec![0; 70 << 20]);
    assert_eq!(
        refusal,
        "reducer `probe` has 73400320 bytes, but a component may have 67108864 at most, or --limit max_component_bytes=SIZE"
    );
}

#[test]
fn a_guest_of_another_world_is_refused() {
    let refusal = reducer_refusal(&bare_query(ECHO));
    assert!(refusal.contains("does not export `streamgauge:plugin/reducer@0.2.0`"), "{refusal}");
    let empty = component_refusal(
        r#"(component (component $c) (instance $i (instantiate $c)) (export "streamgauge:plugin/reducer@0.2.0" (instance $i)))"#,
    );
    assert!(empty.contains("does not have export `[static]accumulators.open`"), "{empty}");
}

/// Between two components that pass texts wasmtime puts a module with a memory of each. That the author's own modules have one memory
/// is another test.
#[test]
fn a_component_of_several_components_is_compiled() {
    let refusal = component_refusal(
        r#"(component
            (component $a
                (core module $m (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
                    (func (export "len") (param i32 i32) (result i32) (local.get 1)))
                (core instance $i (instantiate $m))
                (func (export "len") (param "text" string) (result u32)
                    (canon lift (core func $i "len") (memory $i "memory") (realloc (func $i "realloc")))))
            (component $b
                (import "len" (func $len (param "text" string) (result u32)))
                (core module $m (memory (export "memory") 1))
                (core instance $memory (instantiate $m))
                (core func $len (canon lower (func $len) (memory $memory "memory")))
                (core module $n (import "" "len" (func $len (param i32 i32) (result i32)))
                    (func (export "run") (result i32) (call $len (i32.const 0) (i32.const 3))))
                (core instance $i (instantiate $n (with "" (instance (export "len" (func $len))))))
                (func (export "run") (result u32) (canon lift (core func $i "run"))))
            (instance $a (instantiate $a))
            (instance $b (instantiate $b (with "len" (func $a "len"))))
            (export "streamgauge:plugin/reducer@0.2.0" (instance $b)))"#,
    );
    assert!(refusal.contains("does not have export `[static]accumulators.open`"), "{refusal}");
}

#[test]
fn instructions_that_are_switched_off_are_named() {
    for (text, why, change) in [
        ("(func (param v128))", "SIMD", "build without `+simd128`"),
        ("(memory 1 1 shared)", "threads", "build without `+atomics`"),
        ("(memory 1) (memory 1)", "multiple memories", "has several memories"),
        ("(memory i64 1)", "memory64", "build for wasm32"),
        ("(func $f (return_call $f))", "tail calls", "build without `+tail-call`"),
        ("(type (struct))", "gc", "brings its own memory management"),
        ("(tag)", "exceptions", "`panic = \"abort\"`"),
        ("(type (func (param (ref func))))", "function references", "typed function references"),
    ] {
        let refusal = component_refusal(&format!("(component (core module {text}))"));
        assert!(refusal.starts_with("reducer `probe` is not a valid component: "), "{refusal}");
        assert!(refusal.to_lowercase().contains(&why.to_lowercase()), "{refusal}");
        assert!(refusal.contains(change), "{refusal}");
    }
}

#[test]
fn a_query_without_a_plan_of_this_version_is_refused() {
    let refusal =
        |bytes: &[u8]| QueryComponent::new(&Runtime::new().unwrap(), bytes).err().unwrap().to_string();
    let section = "streamgauge:query";
    let said = refusal(&bare_query(ECHO));
    assert_eq!(
        said,
        "query component has no plan that this version reads: the component is not a query: it has no section \
         'streamgauge:query'"
    );
    let said = refusal(&with_section(bare_query(ECHO), section, b"{}"));
    assert!(said.contains("missing field `format`"), "{said}");
    let mut plan = manifest(&[]);
    plan.format = 99;
    let said = refusal(&with_section(bare_query(ECHO), section, &serde_json::to_vec(&plan).unwrap()));
    let told = format!("the query's manifest has format 99, not {FORMAT}; compile the query again");
    assert!(said.ends_with(&told), "{said}");
}
