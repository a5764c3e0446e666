//! Leaves room in the shell's table for the kernels of a query, and lets their module reach it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture == "wasm32") {
        println!("cargo:rustc-link-arg=--export-table");
        // Slots 1 to 15 stay free; slot 0 is the null function.
        println!("cargo:rustc-link-arg=--table-base=16");
    }
}
