//! The span of a batch: from its decoding until all queries of its reader have taken it.

use streamgauge_common::clock;

use super::{Span, Traces, Within, number};
use crate::decode::Batch;

/// The span of a batch.
#[derive(Debug)]
pub struct TracedBatch {
    span: Span,
    decoding_us: (i64, i64),
}

impl TracedBatch {
    /// Decodes, and begins the span of what comes of it; none where nothing is traced.
    #[inline]
    pub fn decode(traces: &Traces, decode: impl FnOnce() -> Batch) -> (Batch, Option<Box<Self>>) {
        let Some(span) = traces.begin("batch") else { return (decode(), None) };
        let began_us = clock::now_us();
        let batch = decode();
        (batch, Some(Box::new(Self { span, decoding_us: (began_us, clock::now_us()) })))
    }

    /// What its parts are within.
    pub fn within(&self) -> Within {
        self.span.within()
    }

    /// All queries have taken it.
    pub fn end(self, source: &str, batch: &Batch) {
        let (began_us, ended_us) = self.decoding_us;
        self.span.part("decode", began_us, ended_us);
        self.span.end(|span| {
            span.set("streamgauge.source", source.to_owned());
            span.describe(batch);
        });
    }
}

impl Span {
    /// Adds what is known of a batch.
    pub fn describe(&mut self, batch: &Batch) {
        self.set("messaging.destination.partition.id", batch.chunk.partition.to_string());
        let offsets = &batch.chunk.offsets;
        if let (Some(first), Some(last)) = (offsets.first(), offsets.last()) {
            self.set("streamgauge.first_offset", first.0);
            self.set("streamgauge.last_offset", last.0);
        }
        self.set("streamgauge.records", number(batch.chunk.len()));
        self.set("streamgauge.events", number(batch.events()));
        self.set("streamgauge.rejects", number(batch.rejects.len()));
    }
}
