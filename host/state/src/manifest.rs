//! What a checkpoint's manifest says: where a query stands, and which sections of which generations hold its parts.

use std::collections::BTreeMap;

use streamgauge_common::{offset::Offset, partition::Partition, topic_id::TopicId};
use streamgauge_engine::{SegmentId, WindowProgress};

use super::{
    bytes::{Malformed, Reader, Writer, read_offset, read_partition, write_offset, write_partition},
    decision::{Verdict, read_acknowledged, read_verdict, write_acknowledged, write_verdict},
    segment::{read_id, write_id},
};
use crate::outbox::Acknowledged;

/// A partition's way, as far as a query has gone it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The offset behind the last record that was folded.
    pub next: Offset,
    /// Whether nothing more comes.
    pub done: bool,
}

/// Where each partition stands.
pub type Offsets = BTreeMap<Partition, Progress>;

/// How far decisions go: what lies before is not decided again. A replay may still be behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The last run of groups: its window's end and its number.
    pub run: Option<(i64, u32)>,
    /// The last forced close.
    pub forced: Option<i64>,
    /// By partition: the offset behind the last record whose row is of no window.
    pub passed: BTreeMap<Partition, Offset>,
}

/// What was fixed when the query was first started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartBounds {
    /// Windows that start before it are not emitted; none = all are.
    pub emit_from_us: Option<i64>,
    /// The ends to which partitions are read, where the run is bounded.
    pub ends: BTreeMap<Partition, Offset>,
    /// Which topic is read; none = not known, as in states of versions that did not ask, or nothing that has an id.
    pub topic_id: Option<TopicId>,
}

/// Where a query stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointManifest {
    /// What was fixed at its first start.
    pub start_bounds: StartBounds,
    /// Decisions up to this entry of the log are in the state.
    pub log_index: u64,
    /// The first entry of the log that is still needed: a message in it is not acknowledged, or it is behind the state.
    pub log_from: u64,
    /// Which records are folded.
    pub offsets: Offsets,
    /// How far decisions go.
    pub decided: Decided,
    /// The number of the last message of each query.
    pub sequences: BTreeMap<String, u64>,
    /// What has become of the messages.
    pub acknowledged: BTreeMap<String, Acknowledged>,
    /// Verdicts on records that are not folded yet.
    pub verdicts: BTreeMap<(Partition, Offset), Verdict>,
    /// The windows' standing; none where the query has none.
    pub window_progress: Option<WindowProgress>,
    /// The versions of its reducers' states.
    pub versions: Vec<u32>,
    /// The parts that belong to the state.
    pub kept: Vec<SegmentId>,
    /// The operators of the query and of those that read its rows, by the ids that segments have: what each keeps.
    pub operators: BTreeMap<u64, String>,
    /// Whether its input has ended and everything is decided.
    pub finished: bool,
}

impl CheckpointManifest {
    /// Appends it.
    pub fn write(&self, out: &mut Writer) {
        let Self { start_bounds, log_index, log_from, offsets, sequences, acknowledged, verdicts, .. } = self;
        write_optional(out, start_bounds.emit_from_us);
        out.u64(start_bounds.ends.len() as u64);
        for (&partition, &end) in &start_bounds.ends {
            write_partition(out, partition);
            write_offset(out, end);
        }
        out.u64(*log_index);
        out.u64(*log_from);
        out.u64(offsets.len() as u64);
        for (&partition, &Progress { next, done }) in offsets {
            write_partition(out, partition);
            write_offset(out, next);
            out.bool(done);
        }
        self.decided.write(out);
        out.u64(sequences.len() as u64);
        for (query, &sequence) in sequences {
            out.str(query);
            out.u64(sequence);
        }
        out.u64(acknowledged.len() as u64);
        for (query, acknowledged) in acknowledged {
            out.str(query);
            write_acknowledged(out, acknowledged);
        }
        out.u64(verdicts.len() as u64);
        for (&(partition, offset), verdict) in verdicts {
            write_partition(out, partition);
            write_offset(out, offset);
            write_verdict(out, verdict);
        }
        out.bool(self.window_progress.is_some());
        if let Some(WindowProgress { closed, watermark, partitions }) = &self.window_progress {
            out.i64(*closed);
            out.i64(*watermark);
            out.u64(partitions.len() as u64);
            for &(partition, watermark) in partitions {
                write_partition(out, partition);
                out.i64(watermark);
            }
        }
        out.u64(self.versions.len() as u64);
        self.versions.iter().for_each(|&version| out.u32(version));
        out.u64(self.kept.len() as u64);
        self.kept.iter().for_each(|id| write_id(out, id));
        out.bool(self.finished);
    }

    /// Takes it from the front of bytes.
    pub fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let emit_from_us = if input.bool()? { Some(input.i64()?) } else { None };
        let ends = map(input, 12, |input| Ok((read_partition(input)?, read_offset(input)?)))?;
        Ok(Self {
            // Behind the sections: see `StartBounds::read_topic`.
            start_bounds: StartBounds { emit_from_us, ends, topic_id: None },
            log_index: input.u64()?,
            log_from: input.u64()?,
            offsets: map(input, 13, |input| {
                Ok((read_partition(input)?, Progress { next: read_offset(input)?, done: input.bool()? }))
            })?,
            decided: Decided::read(input)?,
            sequences: map(input, 16, |input| Ok((input.str()?.to_owned(), input.u64()?)))?,
            acknowledged: map(input, 24, |input| Ok((input.str()?.to_owned(), read_acknowledged(input)?)))?,
            verdicts: map(input, 21, |input| {
                Ok(((read_partition(input)?, read_offset(input)?), read_verdict(input)?))
            })?,
            window_progress: if input.bool()? {
                let (closed, watermark) = (input.i64()?, input.i64()?);
                let partitions = list(input, 12, |input| Ok((read_partition(input)?, input.i64()?)))?;
                Some(WindowProgress { closed, watermark, partitions })
            } else {
                None
            },
            versions: list(input, 4, Reader::u32)?,
            kept: list(input, 13, read_id)?,
            // At the end, see `CheckpointManifest::read_operators`.
            operators: BTreeMap::new(),
            finished: input.bool()?,
        })
    }
}

impl CheckpointManifest {
    /// Appends its operators, if there are any: what was written before there were operators is read as it was.
    pub fn write_operators(&self, out: &mut Writer) {
        if !self.operators.is_empty() {
            out.u64(self.operators.len() as u64);
            for (&id, meaning) in &self.operators {
                out.u64(id);
                out.str(meaning);
            }
        }
    }

    /// Takes its operators from the end of a manifest.
    pub fn read_operators(&mut self, input: &mut Reader<'_>) -> Result<(), Malformed> {
        if input.left() > 0 {
            self.operators = map(input, 16, |input| Ok((input.u64()?, input.str()?.to_owned())))?;
        }
        Ok(())
    }
}

impl StartBounds {
    /// Appends which topic is read.
    pub fn write_topic(&self, out: &mut Writer) {
        out.u128(self.topic_id.map_or(0, TopicId::bits));
    }

    /// Takes which topic is read from the end of a manifest; manifests of the first version do not say.
    pub fn read_topic(&mut self, input: &mut Reader<'_>) -> Result<(), Malformed> {
        if input.left() > 0 {
            self.topic_id = TopicId::new(input.u128()?);
        }
        Ok(())
    }
}

impl Decided {
    fn write(&self, out: &mut Writer) {
        out.bool(self.run.is_some());
        if let Some((window_end, run)) = self.run {
            out.i64(window_end);
            out.u32(run);
        }
        write_optional(out, self.forced);
        out.u64(self.passed.len() as u64);
        for (&partition, &next) in &self.passed {
            write_partition(out, partition);
            write_offset(out, next);
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let run = if input.bool()? { Some((input.i64()?, input.u32()?)) } else { None };
        let forced = if input.bool()? { Some(input.i64()?) } else { None };
        Ok(Self {
            run,
            forced,
            passed: map(input, 12, |input| Ok((read_partition(input)?, read_offset(input)?)))?,
        })
    }
}

fn write_optional(out: &mut Writer, number: Option<i64>) {
    out.bool(number.is_some());
    number.iter().for_each(|&number| out.i64(number));
}

fn list<'a, T>(
    input: &mut Reader<'a>,
    bytes_each_min: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let count = input.count(bytes_each_min)?;
    (0..count).map(|_| read(input)).collect()
}

fn map<'a, K: Ord, V>(
    input: &mut Reader<'a>,
    bytes_each_min: usize,
    read: impl Fn(&mut Reader<'a>) -> Result<(K, V), Malformed>,
) -> Result<BTreeMap<K, V>, Malformed> {
    Ok(list(input, bytes_each_min, read)?.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_common::partition::SourceIndex;
    use streamgauge_engine::{FoldSegment, OperatorSegment, SegmentKind, SliceNumber, WindowNumber};

    fn first(number: u32) -> Partition {
        SourceIndex::FIRST.partition(number)
    }

    fn other(number: u32) -> Partition {
        SourceIndex(2).partition(number)
    }

    #[test]
    fn the_topic_comes_back_and_an_earlier_version_does_not_say_it() {
        for topic_id in [None, TopicId::new(7)] {
            let mut out = Writer::new();
            StartBounds { topic_id, ..StartBounds::default() }.write_topic(&mut out);
            let mut start_bounds = StartBounds::default();
            start_bounds.read_topic(&mut Reader::new(out.as_bytes())).unwrap();
            assert_eq!(start_bounds.topic_id, topic_id);
            assert!(start_bounds.read_topic(&mut Reader::new(&out.as_bytes()[..9])).is_err());
        }
        let mut start_bounds = StartBounds::default();
        start_bounds.read_topic(&mut Reader::new(&[])).unwrap();
        assert_eq!(start_bounds, StartBounds::default());
    }

    #[test]
    fn operators_come_back_and_a_manifest_without_them_has_none() {
        let operators = BTreeMap::from([(7, "'n': row_number of each (model TEXT)".to_owned())]);
        let mut out = Writer::new();
        CheckpointManifest { operators: operators.clone(), ..CheckpointManifest::default() }
            .write_operators(&mut out);
        let mut manifest = CheckpointManifest::default();
        manifest.read_operators(&mut Reader::new(out.as_bytes())).unwrap();
        assert_eq!(manifest.operators, operators);
        (1..out.as_bytes().len()).for_each(|length| {
            assert!(manifest.read_operators(&mut Reader::new(&out.as_bytes()[..length])).is_err());
        });
        let mut none = Writer::new();
        CheckpointManifest::default().write_operators(&mut none);
        assert!(none.as_bytes().is_empty(), "a state without operators has the bytes that it had");
    }

    #[test]
    fn what_is_saved_comes_back_and_every_cut_is_an_error() {
        let manifest = CheckpointManifest {
            start_bounds: StartBounds {
                emit_from_us: Some(-5),
                ends: [(first(3), Offset(17)), (other(3), Offset(4))].into(),
                topic_id: None,
            },
            log_index: 9,
            log_from: 4,
            offsets: [
                (first(0), Progress { next: Offset(4), done: false }),
                (first(3), Progress { next: Offset(17), done: true }),
                (other(3), Progress { next: Offset(3), done: true }),
            ]
            .into(),
            decided: Decided {
                run: Some((60, 2)),
                forced: Some(-1),
                passed: [(first(0), Offset(3)), (other(0), Offset(2))].into(),
            },
            sequences: [("insert_a_1".into(), 12)].into(),
            acknowledged: [("insert_a_1".into(), Acknowledged { upto: 3, beyond: [(5, 5), (7, 9)].into() })]
                .into(),
            verdicts: [
                ((first(0), Offset(8)), Verdict::Plugin("trapped".into())),
                ((other(0), Offset(9)), Verdict::Future("far".into())),
            ]
            .into(),
            window_progress: Some(WindowProgress {
                closed: 1,
                watermark: 2,
                partitions: vec![(first(0), 5), (first(3), i64::MAX), (other(0), -5)],
            }),
            versions: vec![1, 2],
            kept: vec![
                SegmentId::Fold(FoldSegment {
                    partition: first(3),
                    place: SegmentKind::Late { window: WindowNumber(-1), slice: SliceNumber(7) },
                }),
                SegmentId::Fold(FoldSegment {
                    partition: other(3),
                    place: SegmentKind::Slice(SliceNumber(7)),
                }),
                SegmentId::Operator(OperatorSegment { operator: 5, shard: 63 }),
            ],
            operators: BTreeMap::new(),
            finished: true,
        };
        for manifest in [manifest, CheckpointManifest::default()] {
            let mut out = Writer::new();
            manifest.write(&mut out);
            let bytes = out.into_bytes();
            let mut input = Reader::new(&bytes);
            assert_eq!(CheckpointManifest::read(&mut input), Ok(manifest));
            assert_eq!(input.left(), 0);
            (0..bytes.len()).for_each(|length| {
                assert!(
                    CheckpointManifest::read(&mut Reader::new(&bytes[..length])).is_err(),
                    "cut at {length}"
                );
            });
        }
    }

    #[test]
    fn partitions_of_the_first_source_have_the_bytes_that_they_had_before_there_were_others() {
        let manifest = CheckpointManifest {
            start_bounds: StartBounds { ends: [(first(3), Offset(17))].into(), ..StartBounds::default() },
            offsets: [(first(3), Progress { next: Offset(4), done: true })].into(),
            decided: Decided { passed: [(first(3), Offset(4))].into(), ..Decided::default() },
            verdicts: [((first(3), Offset(8)), Verdict::Plugin("no".into()))].into(),
            window_progress: Some(WindowProgress {
                closed: 1,
                watermark: 2,
                partitions: vec![(first(3), 5)],
            }),
            kept: vec![SegmentId::Fold(FoldSegment {
                partition: first(3),
                place: SegmentKind::Slice(SliceNumber(7)),
            })],
            ..CheckpointManifest::default()
        };
        let mut out = Writer::new();
        manifest.write(&mut out);
        let number = |number: u8| [&[number][..], &[0; 7]].concat();
        let three = || vec![3, 0, 0, 0];
        let expected = [
            vec![0],
            [number(1), three(), number(17)].concat(),
            [number(0), number(0)].concat(),
            [number(1), three(), number(4), vec![1]].concat(),
            [vec![0, 0], number(1), three(), number(4)].concat(),
            [number(0), number(0)].concat(),
            [number(1), three(), number(8), vec![2], number(2), b"no".to_vec()].concat(),
            [vec![1], number(1), number(2), number(1), three(), number(5)].concat(),
            number(0),
            [number(1), three(), vec![1], number(7)].concat(),
            vec![0],
        ];
        assert_eq!(out.as_bytes(), expected.concat());
    }
}
