//! What is copied into a project of a plugin: the kit of its language and the contract of this version; in Rust as crates, with the laws.

include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

/// The files of a kit, `js` or `python`, in the folder of a project, and those of the contract in the folder `wit`.
pub(super) fn kit_and_contract(kit: &str, place: &str) -> Vec<(String, Vec<u8>)> {
    let placed = |(path, bytes): &(&str, &[u8])| {
        let (from, rest) = path.split_once('/')?;
        let path = match from {
            "wit" => format!("wit/{rest}"),
            from if from == kit => format!("{place}/{rest}"),
            _ => return None,
        };
        Some((path, bytes.to_vec()))
    };
    KITS.iter().filter_map(placed).collect()
}

/// A crate as the workspace depends on it: `"2"` or `{ version = "2", ... }`.
fn depends_on(name: &str) -> &'static str {
    CRATES.iter().find(|(known, _)| *known == name).map_or("\"*\"", |(_, written)| written)
}

/// The manifest of `streamgauge-sdk` outside of the workspace.
pub(super) fn sdk_manifest() -> String {
    let version = env!("CARGO_PKG_VERSION");
    let (thiserror, wit_bindgen) = (depends_on("thiserror"), depends_on("wit-bindgen"));
    let proptest = match depends_on("proptest").strip_prefix('{') {
        Some(table) => format!("{{ optional = true,{table}"),
        None => format!("{{ optional = true, version = {} }}", depends_on("proptest")),
    };
    format!(
        "[package]\nname = \"streamgauge-sdk\"\nversion = \"{version}\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\n\n\
         [features]\nlaws = [\"dep:proptest\", \"dep:streamgauge-laws\"]\n\n\
         [dependencies]\nproptest = {proptest}\nstreamgauge-laws = {{ path = \"../streamgauge-laws\", optional = true }}\n\
         thiserror = {thiserror}\n\n\
         [target.'cfg(target_arch = \"wasm32\")'.dependencies]\nwit-bindgen = {wit_bindgen}\n\n{LINTS}"
    )
}

/// The manifest of `streamgauge-laws` outside of the workspace.
pub(super) fn laws_manifest() -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "[package]\nname = \"streamgauge-laws\"\nversion = \"{version}\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\n\n{LINTS}"
    )
}

/// The workspace has lints that these crates answer; elsewhere the answers are not needed.
const LINTS: &str = "[lints.rust]\nunfulfilled_lint_expectations = \"allow\"\nunused = \"allow\"\n";
