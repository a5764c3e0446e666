//! Bindings of the contract in C and Go, which generators made when Streamgauge was built, and the kits that stand on them.

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

/// Files in a folder of a project.
pub(super) fn placed(files: &[(&str, &[u8])], folder: &str) -> Vec<(String, Vec<u8>)> {
    files.iter().map(|(path, bytes)| (format!("{folder}/{path}"), bytes.to_vec())).collect()
}
