//! What the decision log says: everything that a replay could decide otherwise, and everything that is to be sent.
//!
//! Rows of complete windows follow from the partitions alone. What does not: the positions at which an idle partition let
//! windows close, what was too far ahead of a clock, which row made a plugin trap. It is logged, and the rows with it, as the
//! messages that they became: after a crash what was decided is sent as it was, and never decided again.

use std::collections::BTreeMap;

use streamgauge_common::{
    message::{Message, Payload, Record, Request},
    offset::Offset,
    partition::Partition,
};

use super::bytes::{Malformed, Reader, Writer, read_offset, read_partition, write_offset, write_partition};
use crate::{outbox::Acknowledged, table::TableVersion};

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Windows up to this end are closed although some partition's own watermark had not reached it.
    Forced(Forced),
    /// A run of groups of a complete window.
    Closed {
        /// Where the window ends.
        window_end: i64,
        /// Which run of its groups, from 0.
        run: u32,
        /// The rows, as messages.
        sent: Vec<SinkBatch>,
    },
    /// The same of windows over a view.
    OverViewClosed {
        /// Which windows: their id in the names of segments.
        windows: u64,
        /// Where the window ends.
        window_end: i64,
        /// Which run of its groups, from 0.
        run: u32,
        /// The rows, as messages.
        sent: Vec<SinkBatch>,
    },
    /// Rows that are of no window.
    RowsEmitted {
        /// The partition.
        partition: Partition,
        /// The offset behind the last record that was decided.
        next: Offset,
        /// The rows, as messages.
        sent: Vec<SinkBatch>,
    },
    /// A record is a dead letter, for a reason that a replay would not find.
    Verdict {
        /// The partition.
        partition: Partition,
        /// Its offset.
        offset: Offset,
        /// Why.
        verdict: Verdict,
    },
    /// Messages of a query were acknowledged.
    Acknowledged {
        /// The query whose rows they carry.
        query: String,
        /// All that are acknowledged.
        acknowledged: Acknowledged,
    },
    /// From here on another version of a table counts.
    Table(TableVersion),
    /// A checkpoint was captured here. Its sync tells an owner that was replaced, who then must not remove anything.
    Captured,
}

/// A close that a replay must force at the same positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forced {
    /// Windows up to this end are closed.
    pub window_end: i64,
    /// The offset behind the last record folded, of each partition.
    pub offsets: Vec<(Partition, Offset)>,
}

/// Messages of one query's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkBatch {
    /// The query: its rows go to one sink.
    pub query: String,
    /// In the order of their numbers.
    pub messages: Vec<Message>,
}

/// Why a record is a dead letter although it looks well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Further ahead of the clock than it may be.
    Future(String),
    /// A plugin failed for it.
    Plugin(String),
}

const FORCED: u8 = 1;
const CLOSED: u8 = 2;
const PASSED: u8 = 3;
const VERDICT: u8 = 4;
const ACKNOWLEDGED: u8 = 5;
const CAPTURED: u8 = 6;
const OVER_VIEW_CLOSED: u8 = 7;
const TABLE: u8 = 8;

impl Decision {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        match self {
            Self::Forced(Forced { window_end, offsets }) => {
                out.u8(FORCED);
                out.i64(*window_end);
                out.u64(offsets.len() as u64);
                for &(partition, next) in offsets {
                    write_partition(&mut out, partition);
                    write_offset(&mut out, next);
                }
            }
            Self::Closed { window_end, run, sent } => {
                out.u8(CLOSED);
                out.i64(*window_end);
                out.u32(*run);
                write_sent(&mut out, sent);
            }
            Self::OverViewClosed { windows, window_end, run, sent } => {
                out.u8(OVER_VIEW_CLOSED);
                out.u64(*windows);
                out.i64(*window_end);
                out.u32(*run);
                write_sent(&mut out, sent);
            }
            Self::RowsEmitted { partition, next, sent } => {
                out.u8(PASSED);
                write_partition(&mut out, *partition);
                write_offset(&mut out, *next);
                write_sent(&mut out, sent);
            }
            Self::Verdict { partition, offset, verdict } => {
                out.u8(VERDICT);
                write_partition(&mut out, *partition);
                write_offset(&mut out, *offset);
                write_verdict(&mut out, verdict);
            }
            Self::Acknowledged { query, acknowledged } => {
                out.u8(ACKNOWLEDGED);
                out.str(query);
                write_acknowledged(&mut out, acknowledged);
            }
            Self::Table(version) => {
                out.u8(TABLE);
                version.write(&mut out);
            }
            Self::Captured => out.u8(CAPTURED),
        }
        out.into_bytes()
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let decision = match input.u8()? {
            FORCED => {
                let window_end = input.i64()?;
                let count = input.count(12)?;
                let position = |_| Ok((read_partition(&mut input)?, read_offset(&mut input)?));
                let offsets = (0..count).map(position).collect::<Result<_, Malformed>>()?;
                Self::Forced(Forced { window_end, offsets })
            }
            CLOSED => {
                Self::Closed { window_end: input.i64()?, run: input.u32()?, sent: read_sent(&mut input)? }
            }
            OVER_VIEW_CLOSED => Self::OverViewClosed {
                windows: input.u64()?,
                window_end: input.i64()?,
                run: input.u32()?,
                sent: read_sent(&mut input)?,
            },
            PASSED => Self::RowsEmitted {
                partition: read_partition(&mut input)?,
                next: read_offset(&mut input)?,
                sent: read_sent(&mut input)?,
            },
            VERDICT => Self::Verdict {
                partition: read_partition(&mut input)?,
                offset: read_offset(&mut input)?,
                verdict: read_verdict(&mut input)?,
            },
            ACKNOWLEDGED => Self::Acknowledged {
                query: input.str()?.to_owned(),
                acknowledged: read_acknowledged(&mut input)?,
            },
            TABLE => Self::Table(TableVersion::read(&mut input)?),
            CAPTURED => Self::Captured,
            kind => return Err(input.malformed(format!("no entry has kind {kind}"))),
        };
        input.finish()?;
        Ok(decision)
    }
}

pub(super) fn write_verdict(out: &mut Writer, verdict: &Verdict) {
    let (kind, why) = match verdict {
        Verdict::Future(why) => (1, why),
        Verdict::Plugin(why) => (2, why),
    };
    out.u8(kind);
    out.str(why);
}

pub(super) fn read_verdict(input: &mut Reader<'_>) -> Result<Verdict, Malformed> {
    let kind = input.u8()?;
    let why = input.str()?.to_owned();
    match kind {
        1 => Ok(Verdict::Future(why)),
        2 => Ok(Verdict::Plugin(why)),
        kind => Err(input.malformed(format!("no verdict has kind {kind}"))),
    }
}

pub(super) fn write_acknowledged(out: &mut Writer, acknowledged: &Acknowledged) {
    out.u64(acknowledged.upto);
    out.u64(acknowledged.beyond.len() as u64);
    for (&first, &last) in &acknowledged.beyond {
        out.u64(first);
        out.u64(last);
    }
}

pub(super) fn read_acknowledged(input: &mut Reader<'_>) -> Result<Acknowledged, Malformed> {
    let upto = input.u64()?;
    let count = input.count(16)?;
    let (mut beyond, mut end) = (BTreeMap::new(), upto);
    for _ in 0..count {
        let (first, last) = (input.u64()?, input.u64()?);
        if first <= end.saturating_add(1) || last < first {
            return Err(input.malformed("runs of numbers that do not rise"));
        }
        beyond.insert(first, last);
        end = last;
    }
    Ok(Acknowledged { upto, beyond })
}

fn write_sent(out: &mut Writer, sent: &[SinkBatch]) {
    out.u64(sent.len() as u64);
    for SinkBatch { query, messages } in sent {
        out.str(query);
        out.u64(messages.len() as u64);
        messages.iter().for_each(|message| write_message(out, message));
    }
}

fn read_sent(input: &mut Reader<'_>) -> Result<Vec<SinkBatch>, Malformed> {
    let count = input.count(16)?;
    let sent = (0..count).map(|_| {
        let query = input.str()?.to_owned();
        let count = input.count(30)?;
        let messages = (0..count).map(|_| read_message(input)).collect::<Result<_, _>>()?;
        Ok(SinkBatch { query, messages })
    });
    sent.collect()
}

fn write_message(out: &mut Writer, message: &Message) {
    let Message { sequence, key, lane, rows, payload } = message;
    out.u64(*sequence);
    out.str(key);
    out.u64(*lane);
    out.u32(*rows);
    match payload {
        Payload::Lines(lines) => {
            out.u8(1);
            out.bytes(lines);
        }
        Payload::Record(Record { key, value, headers }) => {
            out.u8(2);
            write_optional(out, key.as_deref());
            write_optional(out, value.as_deref());
            out.u64(headers.len() as u64);
            for (name, value) in headers {
                out.str(name);
                out.bytes(value);
            }
        }
        Payload::Request(Request { method, url, headers, body }) => {
            out.u8(3);
            out.str(method);
            out.str(url);
            out.u64(headers.len() as u64);
            for (name, value) in headers {
                out.str(name);
                out.str(value);
            }
            out.bytes(body);
        }
        Payload::Rows(rows) => {
            out.u8(4);
            out.bytes(rows);
        }
    }
}

fn read_message(input: &mut Reader<'_>) -> Result<Message, Malformed> {
    let (sequence, key) = (input.u64()?, input.str()?.to_owned());
    let (lane, rows) = (input.u64()?, input.u32()?);
    let payload = match input.u8()? {
        1 => Payload::Lines(input.bytes()?.to_vec()),
        2 => {
            let (key, value) = (read_optional(input)?, read_optional(input)?);
            let count = input.count(16)?;
            let header = |_| Ok((input.str()?.to_owned(), input.bytes()?.to_vec()));
            let headers = (0..count).map(header).collect::<Result<_, Malformed>>()?;
            Payload::Record(Record { key, value, headers })
        }
        3 => {
            let (method, url) = (input.str()?.to_owned(), input.str()?.to_owned());
            let count = input.count(16)?;
            let header = |_| Ok((input.str()?.to_owned(), input.str()?.to_owned()));
            let headers = (0..count).map(header).collect::<Result<_, Malformed>>()?;
            Payload::Request(Request { method, url, headers, body: input.bytes()?.to_vec() })
        }
        4 => Payload::Rows(input.bytes()?.to_vec()),
        kind => return Err(input.malformed(format!("no message has kind {kind}"))),
    };
    Ok(Message { sequence, key, lane, rows, payload })
}

fn write_optional(out: &mut Writer, bytes: Option<&[u8]>) {
    out.bool(bytes.is_some());
    bytes.iter().for_each(|bytes| out.bytes(bytes));
}

fn read_optional(input: &mut Reader<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    Ok(if input.bool()? { Some(input.bytes()?.to_vec()) } else { None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgauge_common::partition::SourceIndex;

    use super::*;
    use crate::bytes::tests::partitions;

    fn offsets() -> impl Strategy<Value = Offset> {
        any::<i64>().prop_map(Offset)
    }

    fn payload() -> impl Strategy<Value = Payload> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20);
        let pairs = prop::collection::vec((".{0,5}", ".{0,5}"), 0..3);
        prop_oneof![
            bytes().prop_map(Payload::Lines),
            bytes().prop_map(Payload::Rows),
            (
                prop::option::of(bytes()),
                prop::option::of(bytes()),
                prop::collection::vec((".{0,5}", bytes()), 0..3)
            )
                .prop_map(|(key, value, headers)| Payload::Record(Record {
                    key,
                    value,
                    headers
                })),
            (".{0,5}", ".{0,9}", pairs, bytes()).prop_map(|(method, url, headers, body)| Payload::Request(
                Request { method, url, headers, body }
            )),
        ]
    }

    fn sent() -> impl Strategy<Value = Vec<SinkBatch>> {
        let message = (any::<u64>(), ".{0,4}", any::<u64>(), any::<u32>(), payload())
            .prop_map(|(sequence, key, lane, rows, payload)| Message { sequence, key, lane, rows, payload });
        let sent = (".{0,4}", prop::collection::vec(message, 0..4))
            .prop_map(|(query, messages)| SinkBatch { query, messages });
        prop::collection::vec(sent, 0..3)
    }

    fn decisions() -> impl Strategy<Value = Decision> {
        let verdict = prop_oneof![".{0,9}".prop_map(Verdict::Future), ".{0,9}".prop_map(Verdict::Plugin)];
        prop_oneof![
            (any::<i64>(), prop::collection::vec((partitions(), offsets()), 0..5))
                .prop_map(|(window_end, offsets)| Decision::Forced(Forced { window_end, offsets })),
            (any::<i64>(), any::<u32>(), sent()).prop_map(|(window_end, run, sent)| Decision::Closed {
                window_end,
                run,
                sent
            }),
            (partitions(), offsets(), sent()).prop_map(|(partition, next, sent)| Decision::RowsEmitted {
                partition,
                next,
                sent
            }),
            (partitions(), offsets(), verdict).prop_map(|(partition, offset, verdict)| Decision::Verdict {
                partition,
                offset,
                verdict
            }),
            Just(Decision::Captured),
            (".{0,4}", 0..100_u64, prop::collection::vec(0..200_u64, 0..20)).prop_map(
                |(query, upto, others)| {
                    let mut acknowledged = Acknowledged { upto, ..Acknowledged::default() };
                    others.into_iter().for_each(|sequence| acknowledged.add(sequence));
                    Decision::Acknowledged { query, acknowledged }
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn decisions_come_back(decision in decisions()) {
            prop_assert_eq!(Decision::decode(&decision.encode()), Ok(decision));
        }

        #[test]
        fn other_bytes_are_refused_or_mean_what_they_say(
            decision in decisions(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = decision.encode();
            let length = bytes.len();
            prop_assert!(Decision::decode(&bytes[..cut.index(length)]).is_err());
            bytes[at.index(length)] = byte;
            if let Ok(other) = Decision::decode(&bytes) {
                prop_assert_eq!(other.encode(), bytes);
            }
        }
    }

    #[test]
    fn decisions_on_the_first_source_have_the_bytes_that_they_had_before_there_were_others() {
        let partition = SourceIndex::FIRST.partition(3);
        let (offset, next) = (Offset(5), Offset(6));
        let zeros = [0; 7];
        let number = |number: u8| [&[number], &zeros[..]].concat();
        let forced = Decision::Forced(Forced { window_end: 9, offsets: vec![(partition, next)] });
        assert_eq!(forced.encode(), [&[1], &number(9)[..], &number(1), &[3, 0, 0, 0], &number(6)].concat());
        let passed = Decision::RowsEmitted { partition, next, sent: Vec::new() };
        assert_eq!(passed.encode(), [&[3, 3, 0, 0, 0], &number(6)[..], &number(0)].concat());
        let verdict = Decision::Verdict { partition, offset, verdict: Verdict::Plugin("no".to_owned()) };
        assert_eq!(verdict.encode(), [&[4, 3, 0, 0, 0], &number(5)[..], &[2], &number(2), b"no"].concat());
    }
}
