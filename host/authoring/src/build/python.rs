//! A plugin in Python: CPython, with the modules of the project in it.

mod traceback;

use std::{fs, path::Path};

use super::{BuildError, Module, tool};

const TOOL: tool::Tool = tool::Tool {
    name: "componentize-py",
    folder: ".venv/bin",
    help: "run `python3 -m venv .venv && .venv/bin/pip install componentize-py==0.25.1` in the project",
};

/// Builds the component of a project.
pub(super) fn build(folder: &Path) -> Result<Module, BuildError> {
    let (name, world) = name_and_world(folder)?;
    let app = if world == "sink-plugin" { "app_sink" } else { "app_reducer" };
    let output = tool::output(folder)?;
    let mut command = TOOL.command(folder);
    command.args([
        "-d",
        "wit",
        "-w",
        &world,
        "componentize",
        "--stub-wasi",
        "-p",
        ".",
        "-p",
        "vendor",
        app,
        "-o",
        output,
    ]);
    // The packages that are installed beside it are found there.
    if let Ok(environment) = std::path::absolute(folder.join(".venv"))
        && environment.exists()
    {
        command.env("VIRTUAL_ENV", environment);
    }
    // The tool prints 85 lines of its own frames around an exception of the author. So its output is collected, and only the author's
    // part is printed.
    TOOL.run_heard(&mut command, traceback::of_author)?;
    tool::module(name, folder, output)
}

/// What pyproject.toml says.
pub(super) fn name_and_world(folder: &Path) -> Result<(String, String), BuildError> {
    let project = fs::read_to_string(folder.join("pyproject.toml"))
        .map_err(|error| BuildError::Tool(format!("its pyproject.toml cannot be read: {error}")))?;
    tool::name_and_world(
        "pyproject.toml",
        text_of(&project, "[project]", "name"),
        text_of(&project, "[tool.streamgauge]", "world"),
    )
}

/// A text of a table of TOML that is written as `key = "text"`. Both keys are, in every project that `plugin new` makes.
fn text_of<'a>(toml: &'a str, table: &str, key: &str) -> Option<&'a str> {
    let lines = toml.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
    let mut values = lines.take_while(|line| !line.starts_with('[')).filter_map(|line| {
        let value = line.strip_prefix(key)?.trim_start().strip_prefix('=')?.trim_start();
        value.strip_prefix('"')?.split_once('"').map(|(text, _)| text)
    });
    values.next()
}

#[cfg(test)]
mod tests {
    use super::text_of;

    #[test]
    fn texts_are_found_in_their_tables_only() {
        let toml = "name = \"no\"\n[project]\nnames = \"no\"\n  name=\"geo\" # it\n[tool.streamgauge]\nworld = \"w\"\n";
        assert_eq!(text_of(toml, "[project]", "name"), Some("geo"));
        assert_eq!(text_of(toml, "[tool.streamgauge]", "world"), Some("w"));
        assert_eq!(text_of(toml, "[tool.streamgauge]", "name"), None);
        assert_eq!(text_of(toml, "[other]", "name"), None);
    }
}
