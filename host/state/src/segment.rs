//! Segments of a query's state as bytes: a section of a checkpoint holds those of one partition, or of one shard of operators.

use streamgauge_common::{column::Texts, partition::SourceIndex};
use streamgauge_engine::{
    FoldSegment, OperatorSegment, SegmentId, SegmentKind, SliceNumber, StateSegment, ViewSegment,
    WindowNumber,
};

use super::bytes::{Malformed, Reader, Writer, read_partition, write_partition};

const SLICE: u8 = 1;
const LATE: u8 = 2;
const COUNTED: u8 = 3;
const OPERATOR: u8 = 4;
const VIEW: u8 = 5;
const MOMENTS: u8 = 6;
const SESSIONS: u8 = 7;
const LATE_FOR_LAST: u8 = 8;

/// Parts one behind the other.
pub fn encode(parts: &[&StateSegment]) -> Vec<u8> {
    let texts = |part: &&StateSegment| {
        part.states
            .iter()
            .chain([&part.keys])
            .map(|texts| texts.bytes.len() + 4 * texts.len() + 16)
            .sum::<usize>()
    };
    // Sections are large: grown step by step they would be copied again and again.
    let mut out = Writer::with_capacity(8 + parts.iter().map(|part| 40 + texts(part)).sum::<usize>());
    out.u64(parts.len() as u64);
    for StateSegment { id, whole, keys, states } in parts {
        write_id(&mut out, id);
        out.bool(*whole);
        write_texts(&mut out, keys);
        out.u64(states.len() as u64);
        states.iter().for_each(|states| write_texts(&mut out, states));
    }
    out.into_bytes()
}

/// Parts from bytes that [`encode`] gave.
pub fn decode(bytes: &[u8]) -> Result<Vec<StateSegment>, Malformed> {
    let mut input = Reader::new(bytes);
    let count = input.count(30)?;
    let parts = (0..count).map(|_| {
        let (id, whole) = (read_id(&mut input)?, input.bool()?);
        let keys = read_texts(&mut input)?;
        let calls = input.count(16)?;
        let states = (0..calls).map(|_| read_texts(&mut input)).collect::<Result<_, _>>()?;
        Ok(StateSegment { id, whole, keys, states })
    });
    let parts = parts.collect::<Result<_, Malformed>>()?;
    input.finish()?;
    Ok(parts)
}

/// The partition, or the number of the shard as if it were one of the first source, then the kind and what names the segment within it.
pub(super) fn write_id(out: &mut Writer, id: &SegmentId) {
    match *id {
        SegmentId::Fold(FoldSegment { partition, kind }) => {
            write_partition(out, partition);
            write_kind(out, kind);
        }
        SegmentId::Operator(OperatorSegment { operator, shard }) => {
            write_partition(out, SourceIndex::FIRST.partition(shard));
            out.u8(OPERATOR);
            out.u64(operator);
        }
        SegmentId::View(ViewSegment { windows, shard, kind }) => {
            write_partition(out, SourceIndex::FIRST.partition(shard));
            out.u8(VIEW);
            out.u64(windows);
            write_kind(out, kind);
        }
    }
}

fn write_kind(out: &mut Writer, kind: SegmentKind) {
    match kind {
        SegmentKind::Slice(slice) => {
            out.u8(SLICE);
            out.i64(slice.0);
        }
        SegmentKind::Late { window, slice } => {
            out.u8(LATE);
            out.i64(window.0);
            out.i64(slice.0);
        }
        SegmentKind::LateForLast { window, slice } => {
            out.u8(LATE_FOR_LAST);
            out.i64(window.0);
            out.i64(slice.0);
        }
        SegmentKind::Counted(slice) => {
            out.u8(COUNTED);
            out.i64(slice.0);
        }
        SegmentKind::Moments(slice) => {
            out.u8(MOMENTS);
            out.i64(slice.0);
        }
        SegmentKind::Sessions => out.u8(SESSIONS),
    }
}

pub(super) fn read_id(input: &mut Reader<'_>) -> Result<SegmentId, Malformed> {
    let partition = read_partition(input)?;
    let (shard, is_first) = (partition.number, partition.source == SourceIndex::FIRST);
    Ok(match input.u8()? {
        OPERATOR if is_first => SegmentId::Operator(OperatorSegment { operator: input.u64()?, shard }),
        VIEW if is_first => {
            let windows = input.u64()?;
            let kind = input.u8()?;
            SegmentId::View(ViewSegment { windows, shard, kind: read_kind(kind, input)? })
        }
        kind => SegmentId::Fold(FoldSegment { partition, kind: read_kind(kind, input)? }),
    })
}

fn read_kind(kind: u8, input: &mut Reader<'_>) -> Result<SegmentKind, Malformed> {
    Ok(match kind {
        SLICE => SegmentKind::Slice(SliceNumber(input.i64()?)),
        LATE => SegmentKind::Late { window: WindowNumber(input.i64()?), slice: SliceNumber(input.i64()?) },
        LATE_FOR_LAST => {
            SegmentKind::LateForLast { window: WindowNumber(input.i64()?), slice: SliceNumber(input.i64()?) }
        }
        COUNTED => SegmentKind::Counted(SliceNumber(input.i64()?)),
        MOMENTS => SegmentKind::Moments(SliceNumber(input.i64()?)),
        SESSIONS => SegmentKind::Sessions,
        kind => return Err(input.malformed(format!("no part has kind {kind}"))),
    })
}

fn write_texts(out: &mut Writer, texts: &Texts) {
    out.u64(texts.ends.len() as u64);
    texts.ends.iter().for_each(|&end| out.u32(end));
    out.bytes(&texts.bytes);
}

fn read_texts(input: &mut Reader<'_>) -> Result<Texts, Malformed> {
    let count = input.count(4)?;
    let ends = (0..count).map(|_| input.u32()).collect::<Result<Vec<_>, _>>()?;
    let bytes = input.bytes()?.to_vec();
    let last = ends.last().map_or(0, |&end| end as usize);
    if !ends.is_sorted() || last != bytes.len() {
        return Err(input.malformed("a list whose ends do not fit its bytes"));
    }
    Ok(Texts { ends, bytes })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bytes::tests::partitions;

    fn texts() -> impl Strategy<Value = Texts> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..5).prop_map(|all| {
            let mut texts = Texts::default();
            all.iter().for_each(|text| texts.push(text));
            texts
        })
    }

    fn parts() -> impl Strategy<Value = Vec<StateSegment>> {
        let kind = prop_oneof![
            any::<i64>().prop_map(|slice| SegmentKind::Slice(SliceNumber(slice))),
            any::<(i64, i64)>().prop_map(|(window, slice)| SegmentKind::Late {
                window: WindowNumber(window),
                slice: SliceNumber(slice),
            }),
            any::<(i64, i64)>().prop_map(|(window, slice)| SegmentKind::LateForLast {
                window: WindowNumber(window),
                slice: SliceNumber(slice),
            }),
            any::<i64>().prop_map(|slice| SegmentKind::Counted(SliceNumber(slice))),
            any::<i64>().prop_map(|slice| SegmentKind::Moments(SliceNumber(slice))),
            Just(SegmentKind::Sessions),
        ];
        let view = (any::<u64>(), 0..1_u32 << 31, kind.clone())
            .prop_map(|(windows, shard, kind)| SegmentId::View(ViewSegment { windows, shard, kind }));
        let folded = (partitions(), kind)
            .prop_map(|(partition, kind)| SegmentId::Fold(FoldSegment { partition, kind }));
        let operator = (any::<u64>(), 0..1_u32 << 31)
            .prop_map(|(operator, shard)| SegmentId::Operator(OperatorSegment { operator, shard }));
        let id = prop_oneof![folded, operator, view];
        let part = (id, any::<bool>(), texts(), prop::collection::vec(texts(), 0..3));
        let part = part.prop_map(|(id, whole, keys, states)| StateSegment { id, whole, keys, states });
        prop::collection::vec(part, 0..5)
    }

    proptest! {
        #[test]
        fn parts_come_back(parts in parts()) {
            let bytes = encode(&parts.iter().collect::<Vec<_>>());
            prop_assert_eq!(decode(&bytes), Ok(parts));
            (0..bytes.len()).for_each(|length| assert!(decode(&bytes[..length]).is_err()));
        }

        #[test]
        fn other_bytes_are_refused_or_mean_what_they_say(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(parts) = decode(&bytes) {
                prop_assert_eq!(encode(&parts.iter().collect::<Vec<_>>()), bytes);
            }
        }
    }
}
