//! Assembles the adapter, so that nothing has to be assembled when a plugin is built.

use std::{env, fs, path::Path};

use anyhow::{Context as _, Result};

const ADAPTER: &str = "src/preview1.wat";

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed={ADAPTER}");
    let adapter = wat::parse_file(ADAPTER).context("the adapter is no module")?;
    let out = env::var("OUT_DIR").context("cargo sets OUT_DIR")?;
    fs::write(Path::new(&out).join("preview1.wasm"), adapter)?;
    Ok(())
}
