//! The side of the process that compiles: it bounds itself, reads a component from standard input, and writes machine code to standard
//! output.

use std::{
    env,
    ffi::OsString,
    io::{self, Read as _, Write as _},
    process::ExitCode,
};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit,
};
use wasmtime::Engine;

use crate::{
    config::{MemoryImages, config},
    limits::is_systems,
};

/// The first argument of such a process. Three more follow: bytes of addresses, seconds of processor time, and [`MemoryImages::argument`].
pub(super) const COMMAND: &str = "compile-plugin-in-this-process";

/// Exit status: the component does not compile; standard error says why.
pub(super) const REFUSED: u8 = 3;
/// Exit status: the compiler got no more memory.
pub(super) const NO_MEMORY: u8 = 4;
/// Exit status: the process cannot bound itself, or somebody else started it.
const UNUSABLE: u8 = 5;

/// Why nothing was compiled.
struct Failed {
    status: u8,
    why: String,
}

/// For `main`, before anything else: compiles a component if this process was started for that, and gives its exit status.
pub fn serve() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next()? != COMMAND {
        return None;
    }
    Some(match serve_with(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { status, why }) => {
            // Where standard error cannot be written the exit status is all that is told.
            drop(io::stderr().write_all(why.as_bytes()));
            ExitCode::from(status)
        }
    })
}

fn serve_with(mut arguments: impl Iterator<Item = OsString>) -> Result<(), Failed> {
    let unusable = |why: String| Failed { status: UNUSABLE, why };
    let mut next = || arguments.next()?.into_string().ok();
    let (memory, seconds) =
        (next().and_then(|text| text.parse().ok()), next().and_then(|text| text.parse().ok()));
    let (Some(memory), Some(seconds), Some(images)) =
        (memory, seconds, next().and_then(|text| MemoryImages::of_argument(&text)))
    else {
        return Err(unusable(format!(
            "{COMMAND} takes the bytes and the seconds that it may use, and whether there are images of memories"
        )));
    };
    bound(memory, seconds).map_err(|error| unusable(format!("cannot set its limits: {error}")))?;
    let mut component = Vec::new();
    let read = io::stdin().lock().read_to_end(&mut component);
    read.map_err(|error| unusable(format!("cannot read the component: {error}")))?;
    let compiled = Engine::new(&config(images)).and_then(|engine| engine.precompile_component(&component));
    let code = compiled.map_err(|error| Failed {
        status: if is_systems(&error) { NO_MEMORY } else { REFUSED },
        why: format!("{error:#}"),
    })?;
    let written = io::stdout().lock().write_all(&code);
    written.map_err(|error| unusable(format!("cannot hand over the machine code: {error}")))
}

/// Bounds this process, before it reads a byte of what others wrote.
fn bound(memory: u64, seconds: u64) -> rustix::io::Result<()> {
    // Without its parent nobody waits for the machine code.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // A core dump would fill a disk.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    lower(Resource::As, memory)?;
    lower(Resource::Fsize, 0)?;
    lower(Resource::Cpu, seconds)
}

/// Lowers a limit; one that is lower stays.
fn lower(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let maximum = getrlimit(resource).maximum;
    let limit = Some(maximum.map_or(most, |maximum| maximum.min(most)));
    // Beyond the hard limit of processor time the system kills as if memory ran out; the soft limit has a signal of its own.
    let maximum = if resource == Resource::Cpu { maximum } else { limit };
    setrlimit(resource, Rlimit { current: limit, maximum })
}
