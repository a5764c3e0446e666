//! What authors are told of bytes that the validator refuses, or that are something else: what to change in their build.

use wasmparser::{Parser, Payload};

/// Words of the validator, and what they mean to the author of a plugin.
const MEANINGS: [(&str, &str); 12] = [
    ("SIMD", "it uses SIMD instructions, which plugins may not: build without `+simd128` (C: `-msimd128`)"),
    (
        "threads",
        "it uses threads or shared memory, which plugins may not: build without `+atomics` (C: `-pthread`)",
    ),
    (
        "shared",
        "it uses threads or shared memory, which plugins may not: build without `+atomics` (C: `-pthread`)",
    ),
    (
        "exceptions",
        "it uses exceptions, which plugins may not: build with `panic = \"abort\"` (C++: `-fno-exceptions`)",
    ),
    (
        "tail calls",
        "it uses tail calls, which plugins may not: build without `+tail-call` (C: `-mtail-call`)",
    ),
    (
        "multiple memories",
        "one of its modules has several memories, which plugins may not: build with one memory, or join whole components",
    ),
    ("memory64", "it uses 64-bit memory, which plugins may not: build for wasm32"),
    ("wide arithmetic", "it uses wide arithmetic, which plugins may not: build without `+wide-arithmetic`"),
    ("custom page sizes", "it uses pages of another size, which plugins may not: build with pages of 64 KiB"),
    ("stack switching", "it uses stack switching, which plugins may not"),
    (
        "function references",
        "it uses typed function references, which plugins may not: build for WebAssembly with reference types only",
    ),
    (
        "gc",
        "it uses types of a garbage collector, which plugins may not: use a compiler that brings its own memory management",
    ),
];

/// What the validator says, behind what it means where that is known.
pub(super) fn told(error: &str) -> String {
    let lower = error.to_lowercase();
    let meaning = MEANINGS.iter().find(|(word, _)| lower.contains(&word.to_lowercase()));
    meaning.map_or_else(|| error.to_owned(), |(_, meaning)| format!("{meaning} ({error})"))
}

/// What to do with a core module.
pub(super) fn of_module(bytes: &[u8]) -> &'static str {
    if has_contract(bytes).unwrap_or(false) {
        return "`streamgauge plugin adapt` makes it one";
    }
    "it exports no function of streamgauge:plugin; in Rust `export_reducer!` or `export_sink!` exports them, and \
     `streamgauge plugin adapt` makes a component of the module"
}

/// The most imports that are named.
const IMPORTS_MAX: usize = 4;

/// The first imports; runtimes of languages have dozens.
pub(super) fn first_of(wanted: &[String]) -> String {
    let first = wanted.get(..IMPORTS_MAX).unwrap_or(wanted).join(", ");
    match wanted.len().saturating_sub(IMPORTS_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// What to do with a component that imports these, `now` of `wasi:clocks/monotonic-clock@0.2.0` for example.
pub(super) fn of_imports(wanted: &[String]) -> &'static str {
    match wanted.iter().all(|wanted| wanted.contains("`wasi:")) {
        true => "; `streamgauge plugin adapt` makes a component in which what it asks of WASI is answered",
        false => "",
    }
}

/// Whether a core module exports functions of the contract.
fn has_contract(bytes: &[u8]) -> wasmparser::Result<bool> {
    for payload in Parser::new(0).parse_all(bytes) {
        if let Payload::ExportSection(section) = payload? {
            for export in section {
                if export?.name.starts_with("streamgauge:plugin/") {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Why a component that exports these instances does not export this interface.
pub(super) fn other_world(exports: &[String], interface: &'static str) -> String {
    const MACRO: &str = "in Rust `export_reducer!` or `export_sink!` exports it";
    let base = |name: &str| name.split('@').next().unwrap_or_default().to_owned();
    if let Some(other) = exports.iter().find(|name| base(name) == base(interface)) {
        return format!(
            "it exports `{other}`, a version of the contract that this version of Streamgauge does not know"
        );
    }
    let contract = |name: &&String| {
        name.starts_with("streamgauge:plugin/") && base(name) != "streamgauge:plugin/columns"
    };
    if let Some(other) = exports.iter().find(contract) {
        return format!("it is of another kind, since it exports `{other}`");
    }
    let others: Vec<String> = exports.iter().map(|name| format!("`{name}`")).collect();
    match others.is_empty() {
        true => format!("it exports no interface at all; {MACRO}"),
        false => format!("it exports {}; {MACRO}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_exported_is_told_by_what_is() {
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            other_world(&names, "streamgauge:plugin/reducer@0.2.0")
        };
        assert_eq!(
            told(&["streamgauge:plugin/reducer@0.9.0"]),
            "it exports `streamgauge:plugin/reducer@0.9.0`, a version of the contract that this version of Streamgauge does not know"
        );
        assert_eq!(
            told(&["streamgauge:plugin/columns@0.2.0", "streamgauge:plugin/sink@0.2.0"]),
            "it is of another kind, since it exports `streamgauge:plugin/sink@0.2.0`"
        );
        let hint = "in Rust `export_reducer!` or `export_sink!` exports it";
        assert_eq!(told(&[]), format!("it exports no interface at all; {hint}"));
        assert_eq!(told(&["wasi:cli/run@0.2.0"]), format!("it exports `wasi:cli/run@0.2.0`; {hint}"));
    }
}
