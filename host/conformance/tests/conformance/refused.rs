//! Files that are no plugin.

use crate::{
    checked,
    guests::{ECHO, bare_query},
};

fn refusal(bytes: &[u8]) -> String {
    let checked = checked(bytes);
    assert_eq!(checked.broken(), ["loads"], "{checked}");
    assert_eq!(checked.kind, None);
    let text = checked.to_string();
    let line = text.lines().find(|line| line.starts_with("  got")).unwrap();
    line.trim_start_matches("  got").trim().to_owned()
}

#[test]
fn what_is_no_plugin_is_told_in_words() {
    assert_eq!(refusal(b"#!/bin/sh"), "it is not WebAssembly");
    let module = refusal(&wat::parse_str("(module)").unwrap());
    assert!(module.starts_with("it is a core module, not a component: "), "{module}");
    let empty = refusal(&wat::parse_str("(component)").unwrap());
    assert!(empty.contains("it exports no interface at all"), "{empty}");
    let query = refusal(&bare_query(ECHO));
    assert!(query.ends_with("it is a compiled query, which has no laws of its own"), "{query}");
    let newer = r#"(component (instance $i) (export "streamgauge:plugin/sink@0.7.0" (instance $i)))"#;
    let newer = refusal(&wat::parse_str(newer).unwrap());
    assert!(newer.starts_with("it does not export `streamgauge:plugin/sink@0.2.0`: it exports"), "{newer}");
    let clock = r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance (export "now" (func)))))"#;
    let clock = refusal(&wat::parse_str(clock).unwrap());
    assert!(clock.starts_with("it imports `now` of `wasi:clocks/wall-clock@0.2.0`, but"), "{clock}");
    assert!(clock.contains("`streamgauge plugin adapt` makes a component"), "{clock}");
}
