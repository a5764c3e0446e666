//! A format of tests: a record is any number of JSON objects with bars between them, each of them an event.

use std::sync::Arc;

use streamgauge::decode::{
    Batch, Reject, RejectScope, RowIndex, RowMap,
    format::{Decode, Format},
    json,
};
use streamgauge_common::{
    chunk::{Chunk, RecordIndex},
    reason::Reason,
};

pub(crate) const FORMAT: Format = Format {
    name: "bundles",
    decoder: |layout, record_bytes_max| {
        Arc::new(Bundles { json: json::Decoder::new(layout, record_bytes_max) })
    },
};

/// A record that is no bundle.
pub(crate) const BROKEN: &str = "!";
/// A record without events.
pub(crate) const EMPTY: &str = "|";

struct Bundles {
    json: json::Decoder,
}

impl Decode for Bundles {
    fn decode(&self, chunk: Chunk) -> Batch {
        let mut events = Chunk { bytes: chunk.bytes.clone(), ..Chunk::default() };
        let (mut records, mut broken) = (Vec::new(), Vec::new());
        for (record, &(start, _)) in (0..).map(RecordIndex).zip(&chunk.spans) {
            let bytes = chunk.record(record.index());
            if bytes == BROKEN.as_bytes() {
                let (scope, message) = (RejectScope::Record(record), "this is no bundle".to_owned());
                broken.push(Reject { scope, column: None, reason: Reason::Malformed, message });
                continue;
            }
            let mut at = start;
            for event in bytes.split(|&byte| byte == b'|') {
                let end = at + event.len() as u32;
                if !event.is_empty() {
                    events.spans.push((at, end));
                    records.push(record);
                }
                at = end + 1;
            }
        }
        let rows = RowMap::of_records(records, chunk.len()).unwrap();
        let mut batch = self.json.decode(events);
        for reject in &mut batch.rejects {
            if let RejectScope::Record(event) = reject.scope {
                reject.scope = RejectScope::Row(RowIndex(event.0));
            }
        }
        batch.rejects.extend(broken);
        Batch { chunk, rows, ..batch }
    }
}
