//! A plugin in TypeScript: tsc checks its types and makes JavaScript of it.

use std::path::Path;

use super::{BuildError, Module, javascript, tool::Tool};

const TOOL: Tool = Tool {
    name: "tsc",
    folder: "node_modules/.bin",
    help: "install Node.js from https://nodejs.org and run `npm install` in the project",
};

/// Builds the component of a package.
pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    TOOL.run(TOOL.command(folder).args(["--project", "tsconfig.json"]))?;
    javascript::build(folder)
}
