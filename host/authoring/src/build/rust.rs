//! A plugin in Rust: from the folder of its package to its core module.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{BuildError, Module};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the package of a folder for WebAssembly.
pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    let manifest = folder.join("Cargo.toml");
    let Package { name, target_folder } = Package::of(&manifest)?;
    check_target()?;
    let mut command = Command::new("cargo");
    // The kind of crate is given here: a package that is only an `rlib` is built, too.
    command.args([
        "rustc",
        "--release",
        "--lib",
        "--crate-type",
        "cdylib",
        "--target",
        TARGET,
        "--manifest-path",
    ]);
    command.arg(&manifest).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().map_err(no_cargo)?;
    if !status.success() {
        return Err(BuildError::Told("cargo"));
    }
    let module = target_folder.join(TARGET).join("release").join(format!("{}.wasm", name.replace('-', "_")));
    match fs::read(&module) {
        Ok(bytes) => Ok(Module { name, bytes }),
        Err(error) => Err(BuildError::NoModule(module, error)),
    }
}

/// The name of the package.
pub(super) fn name(folder: &Path) -> Result<String, BuildError> {
    Ok(Package::of(&folder.join("Cargo.toml"))?.name)
}

fn no_cargo(why: io::Error) -> BuildError {
    BuildError::NoTool { tool: "cargo", why, help: "install Rust from https://rustup.rs" }
}

/// What cargo knows of the package.
struct Package {
    name: String,
    target_folder: PathBuf,
}

impl Package {
    fn of(manifest: &Path) -> Result<Self, BuildError> {
        let mut command = Command::new("cargo");
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(manifest);
        let output = command.stdin(Stdio::null()).output().map_err(no_cargo)?;
        if !output.status.success() {
            return Err(BuildError::Tool(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        let known: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| BuildError::Tool(format!("`cargo metadata` gives no JSON: {error}")))?;
        let manifest = manifest.canonicalize().map_err(|error| BuildError::Tool(error.to_string()))?;
        let packages = known.get("packages").and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let own = packages
            .filter(|package| text(package, "manifest_path").is_some_and(|path| Path::new(&path) == manifest))
            .find_map(|package| text(package, "name"));
        match (own, text(&known, "target_directory")) {
            (Some(name), Some(folder)) => Ok(Self { name, target_folder: folder.into() }),
            _ => Err(BuildError::Tool("its Cargo.toml has no package, only a workspace".to_owned())),
        }
    }
}

/// Whether the compiler has a standard library for WebAssembly.
fn check_target() -> Result<(), BuildError> {
    let mut command = Command::new("rustc");
    command.args(["--print", "target-libdir", "--target", TARGET]).stdin(Stdio::null());
    let output = command.output().map_err(no_cargo)?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let has_library = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if output.status.success() && has_library { Ok(()) } else { Err(BuildError::NoTarget(TARGET)) }
}
