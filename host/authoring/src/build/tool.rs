//! Tools that make the component themselves: they are found in the project or in PATH, and write to a file in it.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{BuildError, Module};

/// Worlds that a project can have.
const WORLDS: [&str; 2] = ["reducer-plugin", "sink-plugin"];

/// A tool of a language.
pub(super) struct Tool {
    /// Its name.
    pub(super) name: &'static str,
    /// The folder in the project where it is, if it was installed there.
    pub(super) folder: &'static str,
    /// How to get it.
    pub(super) help: &'static str,
}

impl Tool {
    /// It, to be run in the folder of the project. What it prints goes to standard error.
    pub(super) fn command(&self, project: &Path) -> Command {
        let own = project.join(self.folder).join(self.name);
        // A relative path of a program would be looked up in the folder that it is to run in.
        let program = if own.exists() { std::path::absolute(own) } else { Ok(PathBuf::from(self.name)) };
        let mut command = Command::new(program.unwrap_or_else(|_| PathBuf::from(self.name)));
        command.current_dir(project).stdin(Stdio::null()).stdout(std::io::stderr());
        command
    }

    /// Runs its command.
    pub(super) fn run(&self, command: &mut Command) -> Result<(), BuildError> {
        let started = command.status();
        let status = started.map_err(|why| BuildError::NoTool { tool: self.name, why, help: self.help })?;
        if status.success() { Ok(()) } else { Err(BuildError::Told(self.name)) }
    }

    /// Runs its command, collects its output and prints it at the end. If the command fails and `source` finds a mistake of the author in
    /// the output, the error is that mistake, and the rest of the standard error is not printed.
    pub(super) fn run_heard(
        &self,
        command: &mut Command,
        source: fn(&str) -> Option<String>,
    ) -> Result<(), BuildError> {
        let started = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
        let output = started.map_err(|why| BuildError::NoTool { tool: self.name, why, help: self.help })?;
        let wrong = match output.status.success() {
            true => None,
            false => source(&String::from_utf8_lossy(&output.stderr)).map(BuildError::Source),
        };
        told(&output.stdout);
        match wrong {
            Some(wrong) => return Err(wrong),
            None => told(&output.stderr),
        }
        if output.status.success() { Ok(()) } else { Err(BuildError::Told(self.name)) }
    }
}

/// Passes on what a tool said.
fn told(bytes: &[u8]) {
    // An error means that nobody reads standard error, so there is nobody to tell.
    let _ = std::io::stderr().write_all(bytes);
}

/// The file that a tool is to write to, as seen from the folder of the project. What an earlier build left there is removed.
pub(super) fn output(project: &Path) -> Result<&'static str, BuildError> {
    const OUTPUT: &str = "build/component.wasm";
    let _ = fs::remove_file(project.join(OUTPUT));
    let made = fs::create_dir_all(project.join("build"));
    made.map_err(|error| BuildError::Tool(format!("the folder build in it cannot be made: {error}")))?;
    Ok(OUTPUT)
}

/// What the tool wrote.
pub(super) fn module(name: String, project: &Path, output: &str) -> Result<Module, BuildError> {
    let path = project.join(output);
    match fs::read(&path) {
        Ok(bytes) => Ok(Module { name, bytes }),
        Err(error) => Err(BuildError::NoModule(path, error)),
    }
}

/// The name and the world of a project, as its file says them.
pub(super) fn name_and_world(
    file: &str,
    name: Option<&str>,
    world: Option<&str>,
) -> Result<(String, String), BuildError> {
    // The name becomes that of a file.
    let name = name.filter(|name| !name.is_empty() && !name.contains(['/', '\\', '\0']));
    let name =
        name.ok_or_else(|| BuildError::Tool(format!("its {file} has no `name`, or one with a slash")))?;
    match world.filter(|world| WORLDS.contains(world)) {
        Some(world) => Ok((name.to_owned(), world.to_owned())),
        None => {
            let worlds = WORLDS.join(" or ");
            Err(BuildError::Tool(format!(
                "its {file} does not say in `streamgauge` that the `world` is {worlds}"
            )))
        }
    }
}
