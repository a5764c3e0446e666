//! Ctrl-C, or what a service manager sends: the first ends a run well, the second at once.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::cli::Failure;

/// The exit status of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Listens from now on; gives what is true as soon as the run is to end.
///
/// # Errors
/// Where the system has no signals or no thread to give.
pub(in crate::cli) fn listen() -> Result<Arc<AtomicBool>, Failure> {
    let failed = |error| Failure::Runtime(format!("error: cannot listen for Ctrl-C: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = stop.clone();
    let (interrupt, terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(failed)?, signal(SignalKind::terminate()).map_err(failed)?)
    };
    let wait = move || runtime.block_on(pass_on(interrupt, terminate, &told));
    thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(failed)?;
    Ok(stop)
}

async fn pass_on(mut interrupt: Signal, mut terminate: Signal, stop: &AtomicBool) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if stop.swap(true, Relaxed) {
            // Somebody does not read our rows, or a guest runs to its time limit: who asks twice does not wait for it.
            process::exit(INTERRUPTED);
        }
    }
}
