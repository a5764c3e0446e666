//! What `make` calls when the binary is built: it compiles the plugins that are part of it ahead of time.

use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

use streamgauge_component::ahead;

use super::print;

/// The only argument of such a process.
const COMMAND: &str = "compile-ahead-of-time";

/// For `main`: compiles what is part of this binary if this process was started for that, and gives its exit status.
pub fn serve() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != COMMAND || arguments.next().is_some() {
        return None;
    }
    let binary = env::current_exe().map_err(|error| format!("cannot find the file of this program: {error}"));
    Some(match binary.and_then(|binary| ahead::write(&binary)) {
        Ok(path) => {
            drop(print(&format!("{}\n", path.display())));
            ExitCode::SUCCESS
        }
        Err(why) => {
            // Where standard error cannot be written the exit status is all that is told.
            drop(writeln!(io::stderr(), "error: {why}"));
            ExitCode::FAILURE
        }
    })
}
