//! The worker of one sink: sends the messages of an outbox until each is acknowledged.
//!
//! A message is tried again until somebody answers something final, however long that takes: a sink that is down loses
//! nothing. That somebody may not send there (401, 403, 407) or that there is nothing any more (410) is final only where it
//! is the answer for a while: it may be a mistake that people mend. Messages of a lane leave one after the other; a lane that fails holds back only itself.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use streamgauge_common::{
    clock::{self, Stopwatch},
    crash::{self, Phase},
    message::{Message, Payload, Request, Response},
};
use streamgauge_state::outbox::Outbox;
use tokio::{select, sync::watch, time::sleep};

use super::{
    address,
    backoff::{Backoff, retry_after},
    client::{Client, SendError},
    declared::Declared,
    lanes::Lanes,
    secrets::Lookup,
    signature::SigningSecret,
    verdicts::together,
};
use crate::{metrics::RequestMetrics, traces::Span};

/// Messages that are moved from the outbox at a time.
const TAKEN_AT_ONCE: usize = 1024;

/// How soon a rejection that could not be written down is told again.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// After so many failures one behind the other a sink is in trouble: it is told, and tried less often.
const FAILURES_MAX: u32 = 4;

/// What becomes of one row of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryVerdict {
    /// The receiver has it.
    Delivered,
    /// Again, no sooner than that; none = as `Retry-After` says, or as the host sees fit.
    Retry(Option<Duration>),
    /// The receiver will never take it; why.
    Rejected(String),
}

/// The sink, as its worker sees it. No call may block for long: the worker does nothing else meanwhile.
pub trait Sink: Send + Sync {
    /// What a response means: a verdict for each row of the message.
    fn judge(&self, request: &Request, rows: u32, response: &Response) -> Vec<DeliveryVerdict>;

    /// A message will never be delivered; why. It is acknowledged if this is true: then that is written down for good. Where not,
    /// it is told again.
    fn rejected(&self, message: &Message, why: &str) -> bool;

    /// It is in trouble, or no longer.
    fn trouble(&self, trouble: SinkHealth);

    /// A try begins: its span, where work is traced.
    fn attempt(&self) -> Option<Span> {
        None
    }
}

/// Announced once when it begins and once when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkHealth {
    /// Messages are tried again and again.
    Began {
        /// Why the last one failed, as `https://hooks.example.com:443 cannot be reached: ...`.
        why: String,
        /// How many rows wait.
        rows: usize,
    },
    /// All that had failed are acknowledged.
    Over,
}

/// What to do when a request was sent and no answer came: the receiver may have got it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// Send it again: it may arrive twice.
    #[default]
    Resend,
    /// Reject it: it may never arrive.
    Drop,
}

/// How a sink is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Requests under way at a time.
    pub in_flight_max: usize,
    /// `max_retry_after`: what a receiver may ask for at most.
    pub retry_after_max: Duration,
    /// The least time between the starts of two requests.
    pub gap: Duration,
    /// Between tries that are answered.
    pub backoff: Backoff,
    /// Between tries that are not: shorter, so that a sink that is back is soon noticed.
    pub unanswered: Backoff,
    /// The least time between the starts of two requests to a sink that is silent, whatever the number of its lanes.
    pub silent_gap: Duration,
    /// What to do when no answer came.
    pub on_ambiguous: OnAmbiguous,
    /// How long a sink may answer 401, 403, 407 or 410 before its rows are rejected for it. Counted from the first such answer
    /// in this process: of a message, or of the sink where it has answered nothing else since.
    pub reject_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            in_flight_max: 16,
            retry_after_max: Duration::from_secs(3600),
            gap: Duration::ZERO,
            backoff: Backoff::default(),
            unanswered: Backoff { cap: Duration::from_secs(5), ..Backoff::default() },
            silent_gap: Duration::from_millis(200),
            on_ambiguous: OnAmbiguous::Resend,
            reject_after: Duration::from_secs(600),
        }
    }
}

/// Sends the messages of one outbox.
pub struct Sender {
    /// Where they are; it has no other worker.
    pub outbox: Outbox,
    /// How they are sent.
    pub client: Client,
    /// Who judges what comes back.
    pub sink: Arc<dyn Sink>,
    /// Where messages go, as the sink says now.
    pub declared: Declared,
    /// What is filled into URLs and headers.
    pub secrets: Arc<Lookup>,
    /// Signs each message, where there is one.
    pub signing: Option<SigningSecret>,
    /// How fast, how often.
    pub settings: Settings,
    /// Counts what comes of each try.
    pub requests: RequestMetrics,
}

impl Sender {
    /// Sends until the outbox is drained, or until `stop` is true or gone: then what is under way is given up, and not acknowledged.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut work = Work::new(&self);
        let mut in_flight = FuturesUnordered::new();
        loop {
            work.take();
            while in_flight.len() < self.settings.in_flight_max
                && let Some(message) = work.next()
            {
                in_flight.push(self.try_once(message));
            }
            if self.outbox.is_drained() {
                return;
            }
            let pause = work.pause().filter(|_| in_flight.len() < self.settings.in_flight_max);
            select! {
                biased;
                () = async { drop(stop.wait_for(|stop| *stop).await) } => return,
                Some((message, span, result)) = in_flight.next() => {
                    work.attempt = span;
                    work.finish(message, result);
                }
                () = self.outbox.changed() => {}
                () = sleep(pause.unwrap_or_default()), if pause.is_some() => {}
            }
        }
    }

    async fn try_once(&self, message: Arc<Message>) -> Tried {
        let mut span = self.sink.attempt();
        let result = match &message.payload {
            Payload::Request(request) => {
                crash::point("send.before_request");
                let inside = crash::during(Phase::Send);
                let signing = self.signing.as_ref();
                let result = match self.declared.fill(request) {
                    Ok(request) => self.client.send(&request, &*self.secrets, signing, &message.key).await,
                    Err(why) => Err(SendError::Impossible(why)),
                };
                drop(inside);
                if result.is_ok() {
                    crash::point("send.after_response");
                }
                result
            }
            _ => Err(SendError::Impossible("the sink made no request of it".into())),
        };
        if let (Some(span), Ok(response)) = (&mut span, &result) {
            span.set("http.response.status_code", i64::from(response.status));
        }
        (message, span, result)
    }
}

/// What was tried, its span, and what came of it.
type Tried = (Arc<Message>, Option<Span>, Result<Response, SendError>);

/// What the worker knows while it works.
struct Work<'a> {
    sender: &'a Sender,
    lanes: Lanes,
    watch: Stopwatch,
    /// When the last request was begun.
    began: Option<Duration>,
    /// Requests without an answer since the last one with.
    silence: u32,
    /// Lanes that failed too often.
    stuck: usize,
    /// Since when the sink answers nothing but that it may not be sent to.
    refused: Option<Duration>,
    told: Announced,
    /// Messages that are rejected, which could not be written down, and why; their lanes wait.
    unwritten: Vec<(Arc<Message>, String)>,
    /// When that is tried again.
    tell_again: Duration,
    /// The span of the try that has ended last, until it is known what comes of it.
    attempt: Option<Span>,
}

/// What people know.
#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    /// That it is in trouble.
    trouble: bool,
    /// That it may not be sent to.
    refused: bool,
}

impl<'a> Work<'a> {
    fn new(sender: &'a Sender) -> Self {
        Self {
            sender,
            lanes: Lanes::default(),
            watch: Stopwatch::start(),
            began: None,
            silence: 0,
            stuck: 0,
            refused: None,
            told: Announced::default(),
            unwritten: Vec::new(),
            tell_again: Duration::ZERO,
            attempt: None,
        }
    }

    /// Takes all that is in the outbox, whose bound is this one's.
    fn take(&mut self) {
        if !self.unwritten.is_empty() && self.watch.elapsed() >= self.tell_again {
            let again = std::mem::take(&mut self.unwritten);
            again.into_iter().for_each(|(message, why)| self.reject(message, why));
        }
        loop {
            let taken = self.sender.outbox.take(TAKEN_AT_ONCE);
            if taken.is_empty() {
                return;
            }
            taken.into_iter().for_each(|message| self.lanes.add(message));
        }
    }

    /// The next message that may be sent now.
    fn next(&mut self) -> Option<Arc<Message>> {
        let now = self.watch.elapsed();
        self.lanes.wake(now);
        if !self.lanes.is_ready() || now < self.may_begin() {
            return None;
        }
        self.began = Some(now);
        self.lanes.next()
    }

    /// How long until [`Work::next`] may have one, if nothing happens before.
    fn pause(&self) -> Option<Duration> {
        let at = if self.lanes.is_ready() { Some(self.may_begin()) } else { self.lanes.next_wake() };
        let tell_again = (!self.unwritten.is_empty()).then_some(self.tell_again);
        at.into_iter().chain(tell_again).min().map(|at| at.saturating_sub(self.watch.elapsed()))
    }

    /// When the next request may begin: a receiver that is silent is not asked for all lanes at once.
    fn may_begin(&self) -> Duration {
        let Settings { gap, silent_gap, .. } = self.sender.settings;
        let gap = if self.silence >= FAILURES_MAX { gap.max(silent_gap) } else { gap };
        self.began.map_or(Duration::ZERO, |began| began + gap)
    }

    /// Goes on from what came of a message.
    fn finish(&mut self, message: Arc<Message>, result: Result<Response, SendError>) {
        match result {
            Ok(response) => self.judge(message, &response),
            Err(SendError::Impossible(why)) => self.give_up(message, why),
            Err(error) => {
                self.silence = self.silence.saturating_add(1);
                let why = format!("{} {error}", address(&self.sender.declared, &message));
                let drops = self.sender.settings.on_ambiguous == OnAmbiguous::Drop;
                if drops && matches!(error, SendError::Unanswered(_)) {
                    let why =
                        format!("{why}; it may have arrived, and on_ambiguous = 'drop' sends nothing twice");
                    return self.give_up(message, why);
                }
                let failures = self.fail(&message, 1, why);
                let wait = self.sender.settings.unanswered.wait(failures, fastrand::f64());
                self.lanes.retry_unanswered(message.lane, self.watch.elapsed() + wait);
            }
        }
    }

    fn judge(&mut self, message: Arc<Message>, response: &Response) {
        if self.silence >= FAILURES_MAX {
            self.lanes.wake_unanswered();
        }
        self.silence = 0;
        let Payload::Request(request) = &message.payload else { return };
        let verdict = together(self.sender.sink.judge(request, message.rows, response));
        if let (DeliveryVerdict::Rejected(why), true) = (&verdict, is_refusal(response.status)) {
            return self.refuse(&message, response, why.clone());
        }
        self.refused = None;
        match verdict {
            DeliveryVerdict::Delivered => {
                self.sender.requests.accepted.increment(1);
                self.end_attempt(&message, "accepted", None);
                self.acknowledge(&message);
            }
            DeliveryVerdict::Rejected(why) => self.give_up(message, why),
            DeliveryVerdict::Retry(asked) => {
                let why = format!("{} answers {}", address(&self.sender.declared, &message), response.status);
                let failures = self.fail(&message, 1, why);
                let longest = self.sender.settings.retry_after_max;
                let asked = asked.or_else(|| retry_after_of(response, longest)).unwrap_or_default();
                let wait = self.sender.settings.backoff.wait(failures, fastrand::f64());
                let wait = wait.max(asked.min(longest));
                self.lanes.retry(message.lane, self.watch.elapsed() + wait);
            }
        }
    }

    /// The receiver says that it may not be sent to: the message waits, as in an outage, and is rejected if that lasts.
    fn refuse(&mut self, message: &Arc<Message>, response: &Response, why: String) {
        let (now, limit) = (self.watch.elapsed(), self.sender.settings.reject_after);
        let since = self.lanes.refuse(message.lane, now).min(*self.refused.get_or_insert(now));
        let left = limit.saturating_sub(now.saturating_sub(since));
        if left.is_zero() {
            return self.give_up(message.clone(), why);
        }
        let told = format!(
            "{} answers {}, and it is tried again for {limit:?}; what it refuses then becomes dead letters",
            address(&self.sender.declared, message),
            response.status
        );
        if !std::mem::replace(&mut self.told.refused, true) {
            self.tell(told.clone());
        }
        let failures = self.fail(message, FAILURES_MAX, told);
        let wait = self.sender.settings.backoff.wait(failures, fastrand::f64());
        let longest = self.sender.settings.retry_after_max;
        let wait = wait.max(retry_after_of(response, longest).unwrap_or_default()).min(left);
        self.lanes.retry(message.lane, now + wait);
    }

    /// Counts a failure of a message, as at least so many, and tells of trouble if it is one too many.
    fn fail(&mut self, message: &Message, least: u32, why: String) -> u32 {
        self.sender.requests.retried.increment(1);
        self.end_attempt(message, "retried", Some(&why));
        self.sender.outbox.note_trouble(&why);
        let (before, failures) = self.lanes.fail(message.lane, least);
        if before < FAILURES_MAX && failures >= FAILURES_MAX {
            self.stuck += 1;
            if !self.told.trouble {
                self.tell(why);
            }
        }
        failures
    }

    fn tell(&mut self, why: String) {
        self.told.trouble = true;
        let rows = self.sender.outbox.rows();
        self.sender.sink.trouble(SinkHealth::Began { why, rows });
    }

    /// A message was tried for the last time.
    fn give_up(&mut self, message: Arc<Message>, why: String) {
        self.sender.requests.rejected.increment(1);
        self.end_attempt(&message, "rejected", Some(&why));
        self.reject(message, why);
    }

    /// It is known what comes of the try that has ended: why it failed, if it did.
    fn end_attempt(&mut self, message: &Message, outcome: &'static str, failed: Option<&str>) {
        if let Some(span) = self.attempt.take() {
            span.end_try(message, outcome, failed, || address(&self.sender.declared, message));
        }
    }

    /// A message becomes a dead letter, now or when that can be written down.
    fn reject(&mut self, message: Arc<Message>, why: String) {
        if self.sender.sink.rejected(&message, &why) {
            return self.acknowledge(&message);
        }
        self.tell_again = self.watch.elapsed() + TELL_AGAIN;
        self.unwritten.push((message, why));
    }

    fn acknowledge(&mut self, message: &Message) {
        crash::point("send.before_settle");
        self.sender.outbox.acknowledge([message]);
        if self.lanes.acknowledge(message.lane) >= FAILURES_MAX {
            self.stuck -= 1;
        }
        // While it refuses everything, what is rejected for it is no sign that it takes anything.
        if self.stuck == 0 && self.refused.is_none() && self.told.trouble {
            self.told = Announced::default();
            self.sender.sink.trouble(SinkHealth::Over);
        }
    }
}

/// Where a message goes, for people.
fn address(declared: &Declared, message: &Message) -> String {
    let filled = match &message.payload {
        Payload::Request(request) => declared.fill(request).ok(),
        _ => None,
    };
    filled.map_or_else(|| "its address".to_owned(), |request| address::shown(&request.url.shown()))
}

/// Whether an answer may be due to a mistake that people mend: a key that is missing or has run out, a proxy that is set up
/// wrongly, an address that was given up.
fn is_refusal(status: u16) -> bool {
    matches!(status, 401 | 403 | 407 | 410)
}

fn retry_after_of(response: &Response, longest: Duration) -> Option<Duration> {
    let (_, value) = response.headers.iter().find(|(name, _)| name == "retry-after")?;
    retry_after(value, clock::now_us(), longest)
}
