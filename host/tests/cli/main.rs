//! The binary, from outside: what people and scripts see.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what does not hold here fails the test"
)]

mod adhoc;
mod ahead;
mod aggregates;
mod check;
mod reject;
mod full;
mod invariants;
mod scripts;
mod operators;
mod own_plugins;
mod outputs;
mod over_views;
mod windows;
mod grouping_sets;
mod previews;
mod lateness;
mod tables;
mod changed;
mod ends;
mod kept;
mod standard_input;
mod headers;
mod http_sinks;
mod set;
mod closed_pipes;
mod input_files;
mod rotation;
mod dead_letters;
mod known;
mod refused_starts;
mod anonymous;
mod signals;
mod limits;
mod bounds;
mod option_page;
mod logs;
mod observed;
mod noticed;
mod panics;
mod plugin;
mod plugin_cases;
mod plugin_adapt;
mod plugin_project;
mod plugin_languages;
mod compiling;
mod hostile;
#[path = "../common/real_broker.rs"]
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
mod real_broker;
mod crash_bundles;
mod traces;
#[path = "../common/otlp.rs"]
#[expect(dead_code, reason = "the tests of `serve` use the others")]
mod otlp;
mod plugin_toolchains;

use std::process::{Command, Output};

/// The binary under test.
pub fn streamgauge() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    // Machine code that other tests left is not used, and nothing is left in the user's folder.
    command.env("NO_COLOR", "1").env("STREAMGAUGE_PLUGIN_CACHE", "off");
    command
}

/// Runs it and gives its exit status, standard output and standard error.
pub fn outcome(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}
