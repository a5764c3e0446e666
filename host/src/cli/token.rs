//! `streamgauge token`: tokens for the API of the host.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, files::replace, print, say};
use crate::server::access::{Scope, Tokens, new_token};

/// Options of `token`.
#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token: it is printed once, and the file keeps only its SHA-256
    New(New),
}

#[derive(Debug, Args)]
struct New {
    /// Whose it is: the audit log names it
    #[arg(long)]
    name: String,
    /// What it allows; each scope has those before it
    #[arg(long, value_enum)]
    scope: ScopeName,
    /// The file of tokens, `server.tokens` of the configuration; it is created if it is missing
    #[arg(long, value_name = "FILE", default_value = "tokens.toml")]
    file: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ScopeName {
    Read,
    Deploy,
    Admin,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Command::New(New { name, scope, file }) = &options.command;
    let shown = file.display();
    let tokens = match Tokens::read(file) {
        Ok(tokens) => tokens,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Tokens::default(),
        Err(error) => return Err(Failure::Input(format!("error: cannot read {shown}: {error}"))),
    };
    let scope = match scope {
        ScopeName::Read => Scope::Read,
        ScopeName::Deploy => Scope::Deploy,
        ScopeName::Admin => Scope::Admin,
    };
    let failed = |error: &dyn std::fmt::Display| Failure::Runtime(format!("error: {error}"));
    let (token, known) = new_token(name, scope).map_err(|error| failed(&error))?;
    let text = tokens.with(known).map_err(|why| Failure::Input(format!("error: {shown}: {why}")))?;
    // Whoever reads it learns the names of those who may ask, and no token.
    let rights =
        fs::metadata(file).map_or_else(|_| Permissions::from_mode(0o600), |there| there.permissions());
    replace(file, text.as_bytes(), Some(rights))
        .map_err(|error| failed(&format!("cannot write {shown}: {error}")))?;
    print(&format!("{token}\n"))?;
    say(&format!("it is in {shown}; SIGHUP lets a host that runs read the file again"));
    Ok(())
}
