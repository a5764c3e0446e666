//! What the host does, as spans of OpenTelemetry: batches, closes, checkpoints and deliveries.
//!
//! A share of the work is traced, `trace_sample_ratio`: the draw is made where a trace begins, and all of its spans follow it. What fails
//! is sent whatever the draw was, alone. A span is handed to the [`exporter`] when it ends; a queue that is full loses it, which is counted,
//! and nobody waits. Where nothing is traced a batch costs one branch.
//!
//! ```text
//! batch ─┬─ decode                      a trace for each batch of a reader
//!        └─ fold (of a query) ── close  the windows that the batch made complete
//! close                                 windows that no batch made complete: their partitions were idle, or there was no room
//! checkpoint ─┬─ capture
//!             └─ write
//! deliver                               one try of a sink
//! ```

mod exporter;
mod settings;
mod delivery;
mod batch;

use std::{
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use opentelemetry::{
    KeyValue, Value,
    trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData};
use streamgauge_common::clock;

use self::exporter::Exporter;
use crate::metrics::SpanMetrics;

pub use self::{
    batch::TracedBatch,
    delivery::Attempts,
    exporter::StartError,
    settings::{Destination, Header, WrongEndpoint},
};

/// Where spans go. A clone is the same place.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracer>>);

struct Tracer {
    exporter: Exporter,
    /// The share of traces that are sent.
    ratio: f64,
    ids: RandomIdGenerator,
}

/// How long a process that ends waits for its last spans to arrive.
pub const LAST_SPANS: Duration = Duration::from_secs(3);

/// What a span is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within {
    trace: TraceId,
    span: SpanId,
    is_sampled: bool,
}

/// Work that has begun. It is sent when it ends or fails, and not at all if it is dropped.
pub struct Span {
    tracer: Arc<Tracer>,
    name: &'static str,
    kind: SpanKind,
    itself: Within,
    parent: SpanId,
    began_us: i64,
    attributes: Vec<KeyValue>,
}

impl Traces {
    /// Sends spans there from now on: a share of all traces, from 0 to 1.
    ///
    /// # Errors
    /// What is needed for it cannot be made.
    pub fn start(destination: &Destination, ratio: f64) -> Result<Self, StartError> {
        let (exporter, ids) =
            (Exporter::start(destination, SpanMetrics::of_process())?, RandomIdGenerator::default());
        Ok(Self(Some(Arc::new(Tracer { exporter, ratio, ids }))))
    }

    /// Begins a trace; none where nothing is traced.
    #[inline]
    pub fn begin(&self, name: &'static str) -> Option<Span> {
        let tracer = self.0.as_ref()?;
        let is_sampled = fastrand::f64() < tracer.ratio;
        let trace = tracer.ids.new_trace_id();
        Some(tracer.span(name, trace, SpanId::INVALID, is_sampled))
    }

    /// Begins a part of other work, or a trace where there is none.
    #[inline]
    pub fn begin_within(&self, name: &'static str, within: Option<Within>) -> Option<Span> {
        let Some(within) = within else { return self.begin(name) };
        Some(self.0.as_ref()?.span(name, within.trace, within.span, within.is_sampled))
    }

    /// Sends what has ended and waits for that, no longer than this; nothing is traced afterwards.
    pub fn shut_down(&self, patience: Duration) {
        self.0.iter().for_each(|tracer| tracer.exporter.shut_down(patience));
    }
}

impl Tracer {
    fn span(self: &Arc<Self>, name: &'static str, trace: TraceId, parent: SpanId, is_sampled: bool) -> Span {
        let itself = Within { trace, span: self.ids.new_span_id(), is_sampled };
        let (tracer, kind, attributes) = (self.clone(), SpanKind::Internal, Vec::new());
        Span { tracer, name, kind, itself, parent, began_us: clock::now_us(), attributes }
    }
}

impl Span {
    /// The same, of a request to another system.
    #[must_use]
    pub fn of_client(self) -> Self {
        Self { kind: SpanKind::Client, ..self }
    }

    /// What its parts are within.
    pub fn within(&self) -> Within {
        self.itself
    }

    /// When it began, in microseconds since the epoch.
    pub fn began_us(&self) -> i64 {
        self.began_us
    }

    /// Adds what is known of it.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) {
        self.attributes.push(KeyValue::new(name, value));
    }

    /// It is done; `describe` adds what is known of it, where it is sent.
    pub fn end(mut self, describe: impl FnOnce(&mut Self)) {
        if self.itself.is_sampled {
            describe(&mut self);
            self.send(clock::now_us(), Status::Ok);
        }
    }

    /// It has failed; why, for people. It is sent in any case: alone where its trace is not.
    pub fn fail(mut self, why: &str, describe: impl FnOnce(&mut Self)) {
        describe(&mut self);
        if !self.itself.is_sampled {
            self.parent = SpanId::INVALID;
        }
        self.send(clock::now_us(), Status::error(why.to_owned()));
    }

    /// Sends a part of it that is over.
    pub fn part(&self, name: &'static str, began_us: i64, ended_us: i64) {
        if self.itself.is_sampled {
            let Within { trace, span, is_sampled } = self.itself;
            let mut part = self.tracer.span(name, trace, span, is_sampled);
            part.began_us = began_us;
            part.send(ended_us, Status::Unset);
        }
    }

    fn send(self, ended_us: i64, status: Status) {
        let Self { tracer, name, kind, itself, parent, began_us, attributes } = self;
        let (flags, state) = (TraceFlags::SAMPLED, TraceState::default());
        tracer.exporter.send(SpanData {
            span_context: SpanContext::new(itself.trace, itself.span, flags, false, state),
            parent_span_id: parent,
            parent_span_is_remote: false,
            span_kind: kind,
            name: Cow::Borrowed(name),
            start_time: time(began_us),
            // A clock may be set back.
            end_time: time(ended_us.max(began_us)),
            attributes,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status,
            instrumentation_scope: exporter::scope(),
        });
    }
}

fn time(time_us: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(time_us.max(0).cast_unsigned())
}

/// A number as an attribute has it.
pub fn number(number: impl TryInto<i64>) -> Value {
    number.try_into().unwrap_or(i64::MAX).into()
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Traces").field(&self.0.is_some()).finish()
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, itself, attributes, .. } = self;
        f.debug_struct("Span")
            .field("name", name)
            .field("itself", itself)
            .field("attributes", attributes)
            .finish_non_exhaustive()
    }
}
