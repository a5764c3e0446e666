//! Assembles the adapter and gathers what is copied into projects of plugins, so that the binary alone is enough to begin one.

use std::{
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

#[path = "build/bindings.rs"]
mod bindings;

const ADAPTER: &str = "src/preview1.wat";

/// Folders that are copied: where they are, and where they stand among the vendored crates.
const VENDORED: [(&str, &str); 3] = [
    ("plugins/sdk/src", "streamgauge-sdk/src"),
    ("wit", "streamgauge-sdk/wit"),
    ("plugins/laws/src", "streamgauge-laws/src"),
];

/// Folders of the other languages' kits, and of the contract, with the first part of the places of their files.
const KITS: [(&str, &str); 3] = [("plugins/sdk/js", "js"), ("plugins/sdk/python", "python"), ("wit", "wit")];

/// Crates that the SDK depends on: projects ask for the versions that the workspace has.
const CRATES: [&str; 3] = ["proptest", "thiserror", "wit-bindgen"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ADAPTER}");
    let out = PathBuf::from(env::var("OUT_DIR").context("cargo sets OUT_DIR")?);
    let adapter = wat::parse_file(ADAPTER).context("the adapter is no module")?;
    fs::write(out.join("preview1.wasm"), adapter)?;
    let root = Path::new("../..").canonicalize()?;
    fs::write(out.join("vendored.rs"), vendored(&root)?)?;
    println!("cargo::rerun-if-changed=build/bindings.rs");
    fs::write(out.join("bindings.rs"), bindings::generate(&root, &out)?)?;
    Ok(())
}

/// The Rust text that embeds the files, and the versions of crates.
fn vendored(root: &Path) -> Result<String> {
    let mut text = embedded(root, "FILES", &VENDORED)?;
    text.push_str(&embedded(root, "KITS", &KITS)?);
    let workspace = root.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", workspace.display());
    let workspace = fs::read_to_string(workspace)?;
    text.push_str(
        "/// Crates as the workspace depends on them.\npub(super) static CRATES: &[(&str, &str)] = &[\n",
    );
    for name in CRATES {
        let line = workspace.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        writeln!(
            text,
            "    ({name:?}, {:?}),",
            line.with_context(|| format!("the workspace has no {name}"))?
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// A list of the files of some folders.
fn embedded(root: &Path, list: &str, folders: &[(&str, &str)]) -> Result<String> {
    let mut text = format!("/// Paths and contents.\npub(super) static {list}: &[(&str, &[u8])] = &[\n");
    for (folder, place) in folders {
        let folder = root.join(folder);
        println!("cargo::rerun-if-changed={}", folder.display());
        for file in files(&folder)? {
            let name = file.strip_prefix(&folder)?.display();
            writeln!(text, "    (\"{place}/{name}\", include_bytes!({:?})),", file.display().to_string())?;
        }
    }
    text.push_str("];\n");
    Ok(text)
}

/// The files of a folder, those of folders in it too, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        // What Python keeps beside the modules that were imported here, and earlier versions of the contract.
        if path.ends_with("__pycache__") || path.ends_with("previous") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
