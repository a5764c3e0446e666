//! A plugin in JavaScript: QuickJS, with the modules of the project in it.

use std::{fs, path::Path};

use serde_json::Value;

use super::{BuildError, Module, tool};

const TOOL: tool::Tool = tool::Tool {
    name: "componentize-qjs",
    folder: "node_modules/.bin",
    help: "install Node.js from https://nodejs.org and run `npm install` in the project",
};

/// Builds the component of a package.
pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    let (name, world) = name_and_world(folder)?;
    let output = tool::output(folder)?;
    // A plugin has no events to wait for, and gets nothing of WASI. The engine of `--opt-size` has tail calls, which plugins may not.
    let mut command = TOOL.command(folder);
    command.args(["--wit", "wit", "--world", &world, "--js", "plugin.js", "--module-root", "."]);
    command.args(["--sync", "--stub-wasi", "--output", output]);
    TOOL.run(&mut command)?;
    tool::module(name, folder, output)
}

/// What package.json says.
pub(super) fn name_and_world(folder: &Path) -> Result<(String, String), BuildError> {
    let wrong =
        |error: &dyn std::fmt::Display| BuildError::Tool(format!("its package.json cannot be read: {error}"));
    let package = fs::read(folder.join("package.json")).map_err(|error| wrong(&error))?;
    let package: Value = serde_json::from_slice(&package).map_err(|error| wrong(&error))?;
    let text = |pointer: &str| package.pointer(pointer).and_then(Value::as_str);
    tool::name_and_world("package.json", text("/name"), text("/streamgauge/world"))
}
