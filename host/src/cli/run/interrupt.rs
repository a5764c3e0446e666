//! Signals. Ctrl-C, or what a service manager sends (SIGTERM): the first ends a run well, the second at once. A terminal that
//! goes away (SIGHUP) ends nothing, nor do SIGUSR1 and SIGUSR2.

use std::{
    future::pending,
    process,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use streamgauge_common::{crash, panics::Attended, wakeup::Stop};
use tokio::{
    runtime::Builder,
    select,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{sleep, timeout},
};

use crate::cli::{Failure, process::tell_now};

/// The exit status of a program that was interrupted.
const INTERRUPTED: i32 = 130;
/// The exit status of a run that failed.
const FAILED: i32 = 3;
/// How long a run may take to end beside its deliveries: its last checkpoint is written then.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// How long whoever starts or ends a run may take to come to where it notices that it is to stop. It may never come there:
/// opening a pipe waits for its other side.
const WATCHED_WITHIN: Duration = Duration::from_secs(1);

/// Listens for signals until the process ends.
pub(in crate::cli) struct Signals {
    shared: Arc<SignalState>,
    thread: Attended,
}

#[derive(Default)]
struct SignalState {
    /// Whether the run is to end.
    stop: Stop,
    /// Whether a thread watches `stop`.
    watched: watch::Sender<bool>,
    /// How long the run may take to end once it has watched, in milliseconds.
    ends_within_ms: AtomicU64,
    /// How often SIGHUP came, where it means something.
    hang_ups: OnceLock<watch::Sender<u64>>,
    /// Which rows are not delivered, where a run knows.
    undelivered: OnceLock<Box<Undelivered>>,
}

/// What is said of rows that are not delivered; none where all are.
type Undelivered = dyn Fn() -> Option<String> + Send + Sync;

/// While it is there a thread watches `stop`.
pub(in crate::cli) struct StopWatch<'a>(&'a SignalState);

impl Drop for StopWatch<'_> {
    fn drop(&mut self) {
        self.0.watched.send_replace(false);
    }
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the system has no signals or no thread to give.
    pub(in crate::cli) fn listen() -> Result<Self, Failure> {
        let failed = |error| Failure::Runtime(format!("error: cannot listen for Ctrl-C: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let shared = Arc::new(SignalState::default());
        let told = shared.clone();
        let heard = {
            let _inside = runtime.enter();
            Heard::listen().map_err(failed)?
        };
        let thread = Attended::start("signals", move || runtime.block_on(pass_on(heard, &told)));
        Ok(Self { shared, thread: thread.map_err(failed)? })
    }

    /// What is true as soon as the run is to end.
    pub(in crate::cli) fn stop(&self) -> &Stop {
        &self.shared.stop
    }

    /// From now on somebody looks at [`Signals::stop`]; before and afterwards the first signal
    /// ends the process. Deliveries may take `drain_timeout` at the end; who ends it sooner is told what `undelivered` says.
    pub(in crate::cli) fn watch_stop(
        &self,
        drain_timeout: Duration,
        undelivered: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> StopWatch<'_> {
        // One run a process.
        let _ = self.shared.undelivered.set(Box::new(undelivered));
        let within = (drain_timeout + STUCK_AFTER).as_millis();
        self.shared.ends_within_ms.store(u64::try_from(within).unwrap_or(u64::MAX), SeqCst);
        self.shared.watched.send_replace(true);
        StopWatch(&self.shared)
    }

    /// From now on SIGHUP means something: whoever has this is told of each.
    pub(in crate::cli) fn hang_ups(&self) -> watch::Receiver<u64> {
        self.shared.hang_ups.get_or_init(|| watch::Sender::new(0)).subscribe()
    }

    /// What the thread that listens panicked with, if it did.
    pub(in crate::cli) fn panicked(&self) -> Option<String> {
        self.thread.panicked()
    }
}

/// The signals that are listened to.
struct Heard {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    /// Nothing is meant by them yet; unheard they would end the process.
    user: [Signal; 2],
}

impl Heard {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            user: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
        })
    }

    /// Waits for one that is to end the run.
    async fn end(&mut self, shared: &SignalState) {
        let Self { interrupt, terminate, hang_up, user: [first, second] } = self;
        loop {
            select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                _ = hang_up.recv() => {
                    crash::point("signals.hang_up");
                    if let Some(hang_ups) = shared.hang_ups.get() {
                        hang_ups.send_modify(|count| *count += 1);
                        continue;
                    }
                    tell_now("SIGHUP: its terminal is gone, or somebody sent it; the run goes on (SIGTERM ends it)\n");
                }
                _ = first.recv() => {}
                _ = second.recv() => {}
            }
        }
    }
}

async fn pass_on(mut heard: Heard, shared: &SignalState) {
    heard.end(shared).await;
    shared.stop.set();
    select! {
        // Somebody does not read our rows, or a guest runs to its time limit: who asks twice does not wait for it.
        () = heard.end(shared) => {
            let undelivered = shared.undelivered.get().and_then(|undelivered| undelivered());
            undelivered.into_iter().for_each(|text| tell_now(&format!("interrupted twice: {text}\n")));
        }
        () = unwatched(shared) => tell_now("interrupted: the run had not begun, or was over\n"),
        () = stuck(shared) => {
            tell_now("error: the run does not end: something that it writes to takes nothing\nhelp: what was decided and not \
                      delivered is delivered by the next run with its --state\n");
            process::exit(FAILED);
        }
    }
    process::exit(INTERRUPTED);
}

/// Waits until a run that has watched should have ended long ago: a write that blocks (a pipe that nobody reads) keeps it.
async fn stuck(shared: &SignalState) {
    watched(shared).await;
    sleep(Duration::from_millis(shared.ends_within_ms.load(SeqCst))).await;
}

/// Waits until nobody has come to look at whether to stop; for ever where somebody has.
async fn unwatched(shared: &SignalState) {
    if timeout(WATCHED_WITHIN, watched(shared)).await.is_ok() {
        pending().await
    }
}

/// Waits until somebody looks at whether to stop.
async fn watched(shared: &SignalState) {
    // Its sender is there as long as this.
    let _ = shared.watched.subscribe().wait_for(|watched| *watched).await;
}
