//! Named points at which a test ends the process, and phases that it can tell from outside.
//!
//! The binary that is tested is the binary that ships, so they are always there; where the environment does not ask for
//! them each is one load of a flag, and none is on the way of a single event.
//!
//! - `STREAMGAUGE_CRASH=name` or `name:3`: the process aborts when it passes the point for the first or third time.
//! - `STREAMGAUGE_PANIC=name` or `name:3`: the thread that passes it then panics.
//! - `STREAMGAUGE_UNWIND=1`: a panic does not end the process at once, as it does not for those who use the library.
//! - `STREAMGAUGE_PHASES=path`: byte `n` of the file is 1 while some thread is in [`PHASES`]`[n]`, so that who kills the process
//!   knows what it was doing.

use std::{
    env,
    fs::File,
    os::unix::fs::FileExt,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};

/// What a process can be in the middle of.
pub const PHASES: [&str; 6] = ["fold", "close", "log sync", "checkpoint write", "send", "recovery"];

/// A phase, by its place in [`PHASES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as they are in PHASES")]
pub enum Phase {
    Fold,
    Close,
    LogSync,
    CheckpointWrite,
    Send,
    Recovery,
}

/// What is to happen at a point.
#[derive(Clone, Copy)]
enum Harm {
    Abort,
    Panic,
}

struct Asked {
    harm: Option<(Harm, String, AtomicU32)>,
    phases: Option<File>,
    inside: [AtomicU32; PHASES.len()],
}

fn asked() -> &'static Asked {
    static ASKED: OnceLock<Asked> = OnceLock::new();
    ASKED.get_or_init(|| {
        let wanted =
            |harm, name| env::var(name).ok().filter(|text| !text.is_empty()).map(|text| (harm, text));
        let wanted =
            wanted(Harm::Abort, "STREAMGAUGE_CRASH").or_else(|| wanted(Harm::Panic, "STREAMGAUGE_PANIC"));
        let harm = wanted.map(|(harm, text)| match text.split_once(':') {
            Some((name, turn)) => (harm, name.to_owned(), AtomicU32::new(turn.parse().unwrap_or(1))),
            None => (harm, text, AtomicU32::new(1)),
        });
        let phases = env::var_os("STREAMGAUGE_PHASES").and_then(|path| File::create(path).ok());
        Asked { harm, phases, inside: Default::default() }
    })
}

/// Whether a panic is to unwind its thread and nothing else.
pub fn unwinds() -> bool {
    env::var_os("STREAMGAUGE_UNWIND").is_some()
}

/// Ends the process here if it is asked to, and nothing is flushed or told; or panics.
///
/// # Panics
/// Where the environment asks for it.
#[inline]
pub fn point(name: &str) {
    if let Some((harm, wanted, turns)) = &asked().harm
        && wanted == name
        && turns.fetch_sub(1, SeqCst) == 1
    {
        match harm {
            Harm::Abort => process::abort(),
            Harm::Panic => panic!("STREAMGAUGE_PANIC asks for it at '{name}'"),
        }
    }
}

/// Marks a phase until it is dropped.
#[must_use]
pub fn during(phase: Phase) -> Inside {
    mark(phase, |inside| inside.fetch_add(1, SeqCst) == 0, 1);
    Inside(phase)
}

/// A phase that goes on.
#[derive(Debug)]
pub struct Inside(Phase);

impl Drop for Inside {
    fn drop(&mut self) {
        mark(self.0, |inside| inside.fetch_sub(1, SeqCst) == 1, 0);
    }
}

fn mark(phase: Phase, count: impl FnOnce(&AtomicU32) -> bool, byte: u8) {
    let Asked { phases: Some(file), inside, .. } = asked() else { return };
    let at = phase as usize;
    if inside.get(at).is_some_and(count) {
        // Only tests ask for it, and they see that nothing is there.
        drop(file.write_at(&[byte], at as u64));
    }
}
