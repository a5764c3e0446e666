//! What the process asks of the system before it does anything, and how it ends when there is a bug.
//!
//! - *A panic ends it*, whichever thread it is in: state is kept so that a process may end at any moment, and one that goes on
//!   without one of its threads would take that thread's silence for something else.
//! - *No core dump*: it would hold secrets and records. `STREAMGAUGE_CORE_DUMPS=1` leaves the limit as it is.
//! - *A file that is too large for `ulimit -f` is a failed write*, which is told with the file's name, and no signal that ends it.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    env,
    fs::File,
    io::{IsTerminal, Write as _, stderr},
    panic::{self, PanicHookInfo},
    path::PathBuf,
    process,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc,
    },
    thread,
    time::Duration,
};

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, getrlimit, set_dumpable_behavior, setrlimit,
};
use streamgauge_common::{clock, crash, panics};
use tokio::{runtime::Builder, signal::unix::SignalKind};

use crate::terminal::CLEAR_LINE;

/// How long standard error may take for what is told where nobody may wait for it.
const TOLD_WITHIN: Duration = Duration::from_secs(1);
/// What the system says where it gives no more, and what can be done.
const LIMITS: [(&str, &str); 5] = [
    ("Too many open files", "it may not open more files and connections: raise its limit (ulimit -n)"),
    ("Resource temporarily unavailable", NO_MORE),
    ("Cannot allocate memory", NO_MORE),
    ("failed to spawn thread", NO_MORE),
    ("File too large", "a file may not become that large: raise its limit (ulimit -f)"),
];
const NO_MORE: &str =
    "the system gives it no more memory or threads: raise its limits (ulimit -v, ulimit -u, the container's)";

/// Where state is kept: unknown before a run begins, none where a run keeps nothing.
static STATE: OnceLock<Option<String>> = OnceLock::new();

/// The folder in which panics are noted by deployment; unset in every command but `serve`.
static PANICS: OnceLock<PathBuf> = OnceLock::new();

/// From now on a panic is noted in a file of this folder that is named as whose work it was.
pub(super) fn note_panics(folder: PathBuf) {
    // One host a process.
    let _ = PANICS.set(folder);
}

/// Notes whose work panicked. Nothing is said where that fails: the process ends anyway.
fn note_panic(text: &str) {
    let (Some(folder), Some(who)) = (PANICS.get(), panics::works_for()) else { return };
    let file = File::options().create(true).append(true).open(folder.join(who));
    if let Ok(mut file) = file {
        drop(writeln!(file, "{} {}", clock::now_us(), text.replace('\n', " ")));
        drop(file.sync_all());
    }
}

/// For `main`, before anything else.
pub fn prepare() {
    if !crash::unwinds() {
        panic::set_hook(Box::new(end));
    }
    if env::var("STREAMGAUGE_CORE_DUMPS").is_ok_and(|value| value == "1") {
        // The limit is as the user has set it.
    } else {
        forbid_core_dumps();
    }
    fail_large_writes();
}

/// A run begins: where its state is kept, if it is. What is told at a panic depends on it.
pub(super) fn begins(state: Option<&str>) {
    // One run a process.
    let _ = STATE.set(state.map(str::to_owned));
}

/// Whether a run has begun that keeps state.
pub(super) fn keeps_state() -> bool {
    STATE.get().is_some_and(Option::is_some)
}

/// Not 0 but 1 byte: where the system hands core dumps to a program (`/proc/sys/kernel/core_pattern` begins with `|`, as with
/// systemd-coredump and apport) Linux takes no notice of the limit (core(5)), but for the value 1, at which it gives up; and
/// no file is made, since one has at least a page. `PR_SET_DUMPABLE` would do as well everywhere, but hands `/proc/PID` to
/// root, so that its own user can no longer look at it or debug it: only where the limit cannot be set. The hard limit stays,
/// so that `prlimit --core` can allow a dump of a process that runs.
fn forbid_core_dumps() {
    let maximum = getrlimit(Resource::Core).maximum;
    let allowed = maximum.is_none_or(|maximum| maximum >= 1);
    if !allowed || setrlimit(Resource::Core, Rlimit { current: Some(1), maximum }).is_err() {
        // Where even that fails nothing is left to try.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// A signal that somebody listens to does not end the process, and the write that brought it about fails.
fn fail_large_writes() {
    // What is registered once stays, also when nobody waits for it any more. Where the system has no room for it, what is
    // opened next fails and is told.
    if let Ok(runtime) = Builder::new_current_thread().enable_io().build() {
        let _inside = runtime.enter();
        drop(tokio::signal::unix::signal(SignalKind::from_raw(Signal::XFSZ.as_raw())));
    }
}

/// The end of a process in which something panicked.
fn end(info: &PanicHookInfo<'_>) {
    static ENDS: AtomicBool = AtomicBool::new(false);
    if ENDS.swap(true, SeqCst) {
        // Another thread tells of its own panic, which is perhaps the reason for this one, and ends all.
        clock::pause(2 * TOLD_WITHIN);
        process::abort();
    }
    note_panic(panics::text(info.payload()));
    tell_now(&last_words(info));
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tell_now(&format!("{backtrace}\n"));
    }
    process::abort();
}

fn last_words(info: &PanicHookInfo<'_>) -> String {
    let thread = thread::current();
    let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    let text = panics::text(info.payload());
    let why = help(text).unwrap_or("this is a bug, please report it");
    let next = match STATE.get() {
        Some(Some(state)) => format!("; the next run with --state {state} goes on from there"),
        Some(None) => "; nothing was kept, as there was no --state".to_owned(),
        None => String::new(),
    };
    format!(
        "error: streamgauge {} ends: thread '{}' panicked at {place}: {text}\nhelp: {why}{next}\n",
        env!("CARGO_PKG_VERSION"),
        thread.name().unwrap_or("without a name"),
    )
}

/// What can be done about an error of the system.
pub(super) fn help(error: &str) -> Option<&'static str> {
    LIMITS.iter().find(|(words, _)| error.contains(words)).map(|&(_, help)| help)
}

/// Tells people something although standard error may be closed, or full because nobody reads it: then it is left untold.
pub(super) fn tell_now(text: &str) {
    let clear = if stderr().is_terminal() { CLEAR_LINE } else { "" };
    let bytes = format!("{clear}{text}").into_bytes();
    let (told, done) = mpsc::channel();
    // Not through the standard library, whose lock a thread may hold that is stuck there.
    let write = move || {
        write_all(&bytes);
        // Whoever asked may have gone on.
        let _ = told.send(());
    };
    if thread::Builder::new().name("last words".to_owned()).spawn(write.clone()).is_err() {
        return write();
    }
    let _ = done.recv_timeout(TOLD_WITHIN);
}

fn write_all(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(stderr(), rest) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
    }
}
