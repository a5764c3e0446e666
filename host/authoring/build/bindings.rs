//! Bindings of the contract for languages whose projects get them ready-made, and the kits of these languages.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, Result, bail};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_parser::Resolve;

/// What stands in Go's bindings for the path of the author's module.
const GO_MODULE: &str = "MODULE";
/// Where they lie in it.
const GO_FOLDER: &str = "streamgauge/internal/bindings";
/// The package that Go's bindings need, of which the kit has a copy.
const GO_PACKAGE: &str = "go.bytecodealliance.org/pkg v0.2.3";

/// Folders that are copied: the contract, and the kits.
const COPIED: [(&str, &str); 3] =
    [("CONTRACT", "wit"), ("C_KIT", "plugins/sdk/c"), ("GO_KIT", "plugins/sdk/go")];

/// Generates the bindings into `out`, and gives the Rust text that embeds all.
pub(super) fn generate(root: &Path, out: &Path) -> Result<String> {
    let contract = &root.join("wit");
    let c = || wit_bindgen_c::Opts::default().build();
    let go = || {
        let options = wit_bindgen_go::Opts {
            format: wit_bindgen_go::Format::False,
            pkg_name: Some(format!("{GO_MODULE}/{GO_FOLDER}")),
            ..wit_bindgen_go::Opts::default()
        };
        options.build()
    };
    if wit_bindgen_go::remote_pkg_version() != GO_PACKAGE {
        bail!("plugins/sdk/go/internal/wit is a copy of {GO_PACKAGE}, but the bindings need another version");
    }
    let mut text = String::new();
    for (name, world, generator) in [
        ("C_REDUCER", "reducer-plugin", c()),
        ("C_SINK", "sink-plugin", c()),
        ("GO_REDUCER", "reducer-plugin", go()),
        ("GO_SINK", "sink-plugin", go()),
    ] {
        let folder = out.join("bindings").join(name);
        embed(name, &folder, &files(contract, world, generator)?, &mut text)?;
    }
    for (name, folder) in COPIED {
        copy(name, &root.join(folder), &mut text)?;
    }
    Ok(text)
}

fn copy(name: &str, folder: &Path, text: &mut String) -> Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    writeln!(text, "/// Paths and contents.\npub(super) static {name}: &[(&str, &[u8])] = &[")?;
    for file in super::files(folder)? {
        let path = file.strip_prefix(folder)?.display().to_string();
        writeln!(text, "    ({path:?}, include_bytes!({:?})),", file.display().to_string())?;
    }
    text.push_str("];\n");
    Ok(())
}

fn files(contract: &Path, world: &str, mut generator: Box<dyn WorldGenerator>) -> Result<Files> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(contract)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    generator.generate(&mut resolve, world, &mut files)?;
    Ok(files)
}

fn embed(name: &str, folder: &Path, files: &Files, text: &mut String) -> Result<()> {
    writeln!(text, "/// Paths and contents.\npub(super) static {name}: &[(&str, &[u8])] = &[")?;
    for (path, bytes) in files.iter() {
        if path.starts_with('/') || path.contains("..") {
            bail!("a generator gives a file outside of its folder: {path}");
        }
        let file = folder.join(path);
        fs::create_dir_all(file.parent().context("a file is in a folder")?)?;
        fs::write(&file, bytes)?;
        writeln!(text, "    ({path:?}, include_bytes!({:?})),", file.display().to_string())?;
    }
    text.push_str("];\n");
    Ok(())
}
