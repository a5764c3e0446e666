//! `streamgauge completions` and `streamgauge man`: from the definitions of the options.

use std::io;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, print};

/// Options of `completions`.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The shell
    shell: Shell,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "streamgauge", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// Prints the manual page of the program, with those of its commands behind it.
pub(super) fn man() -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let mut page = Vec::new();
    let failed = |error: io::Error| Failure::Runtime(format!("error: cannot write the manual page: {error}"));
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(failed)?;
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        let man = clap_mangen::Man::new(one.clone());
        man.render_synopsis_section(&mut page).map_err(failed)?;
        man.render_description_section(&mut page).map_err(failed)?;
        man.render_options_section(&mut page).map_err(failed)?;
    }
    print(&String::from_utf8_lossy(&page))
}
