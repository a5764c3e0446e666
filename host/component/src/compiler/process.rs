//! The side of the host: starts a process that compiles one component, and says what became of it.

use std::{
    env,
    io::{self, Read, Write as _},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread::{self, Builder, ScopedJoinHandle},
};

use rustix::process::{Resource, Signal, getrlimit};

use super::{Bounds, child};
use crate::{check::Refusal, config::MemoryImages, limits::NO_MORE};

/// What is kept of the words of a process that failed.
const WORDS_MAX: usize = 4 << 10;
/// Threads of the compiler: with two, a plugin that brings the runtime of Python along needs 700 MB of addresses.
const THREADS_MAX: usize = 2;
/// What a thread may take: about half of it are addresses of its stack and its part of the heap.
const THREAD_BYTES: usize = 256 << 20;

/// How a process that compiles ended.
struct Ended {
    status: ExitStatus,
    code: Vec<u8>,
    /// What it wrote to standard error.
    words: String,
    /// It took too long and was killed.
    overdue: bool,
}

/// What is open to a process that compiles.
struct Pipes {
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
}

/// The machine code of a component, which a process of its own compiles.
///
/// # Errors
/// Where it does not compile, or not within the bounds.
pub(crate) fn compile(
    program: &Path,
    component: &[u8],
    bounds: &Bounds,
    images: MemoryImages,
) -> Result<Vec<u8>, Refusal> {
    let ours = getrlimit(Resource::As).current.and_then(|most| usize::try_from(most).ok());
    let bounds = Bounds { memory: bounds.memory.min(ours.unwrap_or(usize::MAX)), ..*bounds };
    let ended = run(command(program, &bounds, images), component, &bounds).map_err(|error| {
        let program = program.display();
        Refusal::Transient(format!("cannot be compiled: a process of {program} cannot be run: {error}"))
    })?;
    outcome(ended, &bounds).map_err(|why| match why {
        // Not our bound, but the one of this process.
        Refusal::CompileMemory(memory) if ours == Some(memory) => Refusal::Transient(NO_MORE.to_owned()),
        why => why,
    })
}

fn run(mut command: Command, component: &[u8], bounds: &Bounds) -> io::Result<Ended> {
    let mut process = command.spawn()?;
    let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
    let process = Mutex::new(process);
    let talked = match pipes {
        (Some(input), Some(output), Some(errors)) => {
            talk(&process, Pipes { input, output, errors }, component, bounds)
        }
        _ => Err(io::Error::other("it has no pipes")),
    };
    if talked.is_err() {
        kill(&process);
    }
    let status = lock(&process).wait()?;
    let (code, words, overdue) = talked?;
    Ok(Ended { status, code, words, overdue })
}

/// Gives a process its component and takes what it writes: machine code, words, and whether it was killed since it took too long.
fn talk(
    process: &Mutex<Child>,
    pipes: Pipes,
    component: &[u8],
    bounds: &Bounds,
) -> io::Result<(Vec<u8>, String, bool)> {
    let Pipes { mut input, output, errors } = pipes;
    let thread = |name: &str| Builder::new().name(name.to_owned());
    thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        let watch =
            thread("compile-watch").spawn_scoped(scope, move || kill_overdue(process, &end, bounds))?;
        let words = thread("compile-words").spawn_scoped(scope, move || words(errors))?;
        // It reads all before it writes anything. If it takes no more it has ended, and its end says why.
        drop(input.write_all(component));
        drop(input);
        let mut code = Vec::new();
        let most = u64::try_from(bounds.code_bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        let read = output.take(most).read_to_end(&mut code);
        if read.is_err() || code.len() > bounds.code_bytes_max {
            kill(process);
        }
        let words = joined(words)?;
        drop(ended);
        let overdue = joined(watch)?;
        read?;
        Ok((code, words, overdue))
    })
}

fn command(program: &Path, bounds: &Bounds, images: MemoryImages) -> Command {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = (bounds.memory / THREAD_BYTES).clamp(1, cores.min(THREADS_MAX));
    let mut command = Command::new(program);
    command
        .arg(child::COMMAND)
        .args([bounds.memory.to_string(), bounds.seconds.to_string()])
        .arg(images.argument())
        // Secrets are in the environment of the host.
        .env_clear()
        // Where the program's own libraries are.
        .envs(env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
        .env("RAYON_NUM_THREADS", threads.to_string())
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Waits for the end of a process and kills it where that does not come in time; whether it did.
fn kill_overdue(process: &Mutex<Child>, end: &Receiver<()>, bounds: &Bounds) -> bool {
    let overdue = end.recv_timeout(bounds.wall()) == Err(RecvTimeoutError::Timeout);
    if overdue {
        kill(process);
    }
    overdue
}

fn lock(process: &Mutex<Child>) -> MutexGuard<'_, Child> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kill(process: &Mutex<Child>) {
    // It fails where the process has ended.
    drop(lock(process).kill());
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> io::Result<T> {
    thread.join().map_err(|_| io::Error::other("a thread that watched it panicked"))
}

/// The beginning of what a process wrote to standard error. The rest is read as well, so that it never waits for a reader.
fn words(mut errors: impl Read) -> String {
    let (mut kept, mut piece) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = errors.read(&mut piece) {
        let room = WORDS_MAX.saturating_sub(kept.len());
        kept.extend(piece.iter().take(read.min(room)));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What became of a component, from how the process ended.
fn outcome(ended: Ended, bounds: &Bounds) -> Result<Vec<u8>, Refusal> {
    let Ended { status, code, words, overdue } = ended;
    let killed_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    if overdue || killed_by(Signal::XCPU) {
        return Err(Refusal::CompileTime(bounds.seconds));
    }
    if code.len() > bounds.code_bytes_max {
        return Err(Refusal::CompiledTooLarge(bounds.code_bytes_max));
    }
    let exit = status.code().and_then(|code| u8::try_from(code).ok());
    if exit == Some(0) {
        return Ok(code);
    }
    if exit == Some(child::NO_MEMORY) || lacked_memory(&words) {
        return Err(Refusal::CompileMemory(bounds.memory));
    }
    if killed_by(Signal::KILL) {
        let what = "was being compiled when the system killed the compiler, as it does where memory runs out";
        return Err(Refusal::Transient(what.to_owned()));
    }
    let words = words.trim();
    Err(Refusal::Compile(match exit {
        Some(child::REFUSED) => words.to_owned(),
        _ => format!("the compiler failed ({status}): {}", words.replace('\n', " ")),
    }))
}

/// Whether a process ended since it got no more memory, by its words: those of Rust's allocator, and of threads that cannot start.
fn lacked_memory(words: &str) -> bool {
    const WORDS: [&str; 4] = [
        "memory allocation of",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
        "failed to spawn thread",
    ];
    WORDS.iter().any(|lacks| words.contains(lacks))
}
