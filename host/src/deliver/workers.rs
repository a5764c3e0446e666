//! The threads, tasks and HTTP clients that deliver, of all sinks of a deployment.

use std::{
    io,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    thread::{self, JoinHandle},
    time::Duration,
};

use streamgauge_common::{
    panics::{self, caught},
    telling::as_here,
    wakeup::Stop,
};
use streamgauge_state::outbox::Outbox;
use tokio::{runtime::Runtime, sync::watch};
use tracing::{error, info};

use super::{
    http::{
        client::{self, Client, ClientError},
        resolver::Resolver,
        sender::Settings,
    },
    letters::DeadLetterQueue,
    rejected::RejectedRows,
    scrape::ScrapeLimits,
};
use crate::traces::Traces;

/// What bounds deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// `requests_in_flight`: requests under way at a time, of a query and sink.
    pub requests_in_flight: usize,
    /// `max_retry_after`: what a receiver may ask for at most.
    pub retry_after_max: Duration,
    /// How long a request may take, and how large its answer may be.
    pub client: client::Limits,
    /// Who may ask.
    pub scrape: ScrapeLimits,
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            requests_in_flight: settings.in_flight_max,
            retry_after_max: settings.retry_after_max,
            client: client::Limits::default(),
            scrape: ScrapeLimits::default(),
        }
    }
}

/// Runs threads and tasks that deliver. They end when it is dropped.
pub struct Workers {
    limits: DeliveryLimits,
    traces: Traces,
    stop: Stop,
    cancel: watch::Sender<bool>,
    runtime: Option<Runtime>,
    threads: Vec<JoinHandle<()>>,
    /// Rows that no receiver will ever take.
    rejected: Arc<AtomicU64>,
    /// The sink that no longer answers requests, and the panic that ended its task.
    silent: Arc<OnceLock<(String, String)>>,
    /// What is told when all workers have ended.
    last_words: Vec<String>,
    /// Without and with the right to reach addresses that are not public.
    clients: [Option<Client>; 2],
}

impl Workers {
    /// No worker yet.
    pub fn new(limits: DeliveryLimits) -> Self {
        let (cancel, _) = watch::channel(false);
        Self {
            limits,
            traces: Traces::default(),
            stop: Stop::default(),
            cancel,
            runtime: None,
            threads: Vec::new(),
            rejected: Arc::default(),
            silent: Arc::default(),
            last_words: Vec::new(),
            clients: [None, None],
        }
    }

    /// The same; what is delivered is traced.
    #[must_use]
    pub fn traced(mut self, traces: &Traces) -> Self {
        self.traces = traces.clone();
        self
    }

    /// What bounds deliveries.
    pub fn limits(&self) -> &DeliveryLimits {
        &self.limits
    }

    /// Counts rows that no receiver will ever take, until all workers have ended.
    pub fn rejected(&self) -> Arc<AtomicU64> {
        self.rejected.clone()
    }

    /// Ends all workers. Gives the sink that no longer answered requests, and why: a failure that no query has.
    pub fn end(mut self) -> Option<(String, String)> {
        let (silent, last_words) = (self.silent.clone(), std::mem::take(&mut self.last_words));
        drop(self);
        last_words.iter().for_each(|text| info!("{text}"));
        silent.get().cloned()
    }

    /// Tells this when all workers have ended.
    pub fn tell_at_end(&mut self, text: String) {
        self.last_words.push(text);
    }

    /// Reports the messages that the receiver rejects: of a deployment, from a source, of a query, to a sink.
    pub fn rejections(&self, of: [&str; 4], letters: Option<Arc<DeadLetterQueue>>) -> RejectedRows {
        RejectedRows::new(of, letters, self.rejected.clone()).traced(&self.traces)
    }

    /// One client for all sinks with the same rights: it is slow to make.
    ///
    /// # Errors
    /// The system's TLS cannot be used.
    pub fn client(&mut self, allow_private: bool, never_link_local: bool) -> Result<Client, ClientError> {
        let [public, private] = &mut self.clients;
        let slot = if allow_private { private } else { public };
        match slot {
            Some(client) => Ok(client.clone()),
            None => {
                let resolver = Resolver::new(allow_private);
                let resolver = if never_link_local { resolver.never_link_local() } else { resolver };
                Ok(slot.insert(Client::with_resolver(resolver, self.limits.client)?).clone())
            }
        }
    }

    /// Starts a thread that works on an outbox until it is drained or told to stop. Its panic fails the outbox.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn thread(
        &mut self,
        name: &str,
        outbox: &Outbox,
        work: impl FnOnce(&Stop) + Send + 'static,
    ) -> io::Result<()> {
        let (stop, left) = (self.stop.clone(), outbox.clone());
        let work = move || {
            caught(|| work(&stop)).unwrap_or_else(|why| left.fail(format!("who delivers: {why}")));
        };
        self.threads.push(thread::Builder::new().name(name.to_owned()).spawn(as_here(work))?);
        Ok(())
    }

    /// What tasks run in; it is started with the first of them.
    fn runtime(&mut self) -> io::Result<&Runtime> {
        let started = match self.runtime.take() {
            Some(runtime) => runtime,
            None => tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("deliver")
                .enable_all()
                .build()?,
        };
        Ok(self.runtime.insert(started))
    }

    /// Starts a task that works on an outbox until it is drained or told to stop. Its panic fails the outbox.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn task<F>(
        &mut self,
        outbox: &Outbox,
        work: impl FnOnce(watch::Receiver<bool>) -> F,
    ) -> io::Result<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let left = outbox.clone();
        let work = work(self.cancel.subscribe());
        panics::attend(self.runtime()?, work, move |why| left.fail(format!("who delivers: {why}")));
        Ok(())
    }

    /// Starts a task that answers requests to a sink. `begin` gives the task; it is waited for, so that an address that cannot be
    /// had is an error here. `broken` ends the sentence about the sink that reports a panic of the task.
    ///
    /// # Errors
    /// Those of `begin`.
    pub fn answer<F, E>(
        &mut self,
        sink: &str,
        broken: &'static str,
        begin: impl AsyncFnOnce(watch::Receiver<bool>) -> Result<F, E>,
    ) -> Result<(), E>
    where
        F: Future<Output = ()> + Send + 'static,
        E: From<io::Error>,
    {
        let (sink, silent, cancel) = (sink.to_owned(), self.silent.clone(), self.cancel.subscribe());
        let runtime = self.runtime()?;
        let work = runtime.block_on(begin(cancel))?;
        panics::attend(runtime, work, move |why| {
            let who = format!("sink '{sink}'");
            error!(sink, "{who} {broken}: {why}");
            silent.get_or_init(|| (who, why));
        });
        Ok(())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.set();
        // There is no receiver where no task was started.
        let _ = self.cancel.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(500));
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}
