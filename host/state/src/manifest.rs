//! What a checkpoint's manifest says: where a query stands, and which sections of which generations hold its parts.

mod decided;
mod over_view;
mod window_progress;

use std::collections::BTreeMap;

use streamgauge_common::{offset::Offset, partition::Partition, topic_id::TopicId};
use streamgauge_engine::{SegmentId, WindowProgress};

use super::{
    bytes::{Malformed, Reader, Writer, read_offset, read_partition, write_offset, write_partition},
    decision::{Verdict, read_acknowledged, read_verdict, write_acknowledged, write_verdict},
    segment::{read_id, write_id},
};
use crate::{checkpoint::SectionRef, outbox::Acknowledged, table::TableVersion};

pub use over_view::OverViewProgress;

/// A partition's way, as far as a query has gone it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionProgress {
    /// The offset behind the last record that was folded.
    pub next: Offset,
    /// Whether nothing more comes.
    pub done: bool,
}

/// Where each partition stands.
pub type Offsets = BTreeMap<Partition, PartitionProgress>;

/// How far decisions go: what lies before is not decided again. A replay may still be behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The last run of groups: its window's end and its number.
    pub run: Option<(i64, u32)>,
    /// The last forced close.
    pub forced: Option<i64>,
    /// By partition: the offset behind the last record whose row is of no window.
    pub passed: BTreeMap<Partition, Offset>,
    /// As `run`, of windows over views, by the ids that their segments have.
    pub over_views: BTreeMap<u64, (i64, u32)>,
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

/// Where a query task stands: its own part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskManifest {
    /// What was fixed at its first start.
    pub start_bounds: StartBounds,
    /// Which records are folded.
    pub offsets: Offsets,
    /// How far decisions go.
    pub decided: Decided,
    /// The number of the last message of each query.
    pub sequences: BTreeMap<String, u64>,
    /// Verdicts on records that are not folded yet.
    pub verdicts: BTreeMap<(Partition, Offset), Verdict>,
    /// The windows' standing; none where the query has none.
    pub window_progress: Option<WindowProgress>,
    /// The versions of its reducers' states.
    pub versions: Vec<u32>,
    /// The parts that belong to the state.
    pub kept: Vec<SegmentId>,
    /// The operators and windows over views of the queries that read its rows, by the ids that segments have: what each keeps.
    pub operators: BTreeMap<u64, String>,
    /// Of those the windows over views.
    pub over_views: BTreeMap<u64, OverViewProgress>,
    /// The versions of tables that records behind these offsets meet, or rows of later windows; in the order in which they were met.
    pub tables: Vec<TableVersion>,
    /// Whether its input has ended and everything is decided.
    pub finished: bool,
}

/// Where the decision log stood when a checkpoint was taken: the log's part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPosition {
    /// Decisions up to this entry of the log are in the state.
    pub index: u64,
    /// The first entry of the log that is still needed: a message in it is not acknowledged, or it is behind the state.
    pub needed_from: u64,
    /// What has become of the messages.
    pub acknowledged: BTreeMap<String, Acknowledged>,
}

/// What a checkpoint says of a query: where its task and its decision log stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckpointManifest {
    /// The task's part.
    pub task: TaskManifest,
    /// The log's part.
    pub log: LogPosition,
}

impl CheckpointManifest {
    /// Its bytes, with those that say where the sections of the state are.
    pub fn encode(&self, sections: &[SectionRef]) -> Vec<u8> {
        let mut writer = Writer::new();
        let out = &mut writer;
        let Self { task, log } = self;
        write_optional(out, task.start_bounds.emit_from_us);
        write_map(out, &task.start_bounds.ends, |out, &partition, &end| {
            write_partition(out, partition);
            write_offset(out, end);
        });
        out.u64(log.index);
        out.u64(log.needed_from);
        write_map(out, &task.offsets, |out, &partition, &PartitionProgress { next, done }| {
            write_partition(out, partition);
            write_offset(out, next);
            out.bool(done);
        });
        task.decided.write(out);
        write_map(out, &task.sequences, |out, query, &sequence| {
            out.str(query);
            out.u64(sequence);
        });
        write_map(out, &log.acknowledged, |out, query, acknowledged| {
            out.str(query);
            write_acknowledged(out, acknowledged);
        });
        write_map(out, &task.verdicts, |out, &(partition, offset), verdict| {
            write_partition(out, partition);
            write_offset(out, offset);
            write_verdict(out, verdict);
        });
        window_progress::write(out, task.window_progress.as_ref());
        out.u64(task.versions.len() as u64);
        task.versions.iter().for_each(|&version| out.u32(version));
        out.u64(task.kept.len() as u64);
        task.kept.iter().for_each(|id| write_id(out, id));
        out.bool(task.finished);
        out.u64(sections.len() as u64);
        sections.iter().for_each(|section| section.encode(out));
        out.u128(task.start_bounds.topic_id.map_or(0, TopicId::bits));
        // What was written before there were operators, windows over views, or tables, keeps its bytes.
        let has_tables = !task.tables.is_empty();
        let has_over_views = !task.over_views.is_empty() || !task.decided.over_views.is_empty() || has_tables;
        if !task.operators.is_empty() || has_over_views {
            write_map(out, &task.operators, |out, &id, meaning| {
                out.u64(id);
                out.str(meaning);
            });
        }
        if has_over_views {
            over_view::write(out, task);
        }
        if has_tables {
            out.u64(task.tables.len() as u64);
            task.tables.iter().for_each(|version| version.write(out));
        }
        writer.into_bytes()
    }

    /// The manifest in these bytes, and where the sections of its state are. The first manifests ended behind the sections, later
    /// ones behind the topic's id, or behind the operators, or behind windows over views.
    pub fn decode(bytes: &[u8]) -> Result<(Self, Vec<SectionRef>), Malformed> {
        let mut reader = Reader::new(bytes);
        let input = &mut reader;
        let emit_from_us = if input.bool()? { Some(input.i64()?) } else { None };
        let ends = map(input, 12, |input| Ok((read_partition(input)?, read_offset(input)?)))?;
        let (index, needed_from) = (input.u64()?, input.u64()?);
        let offsets = map(input, 13, |input| {
            Ok((read_partition(input)?, PartitionProgress { next: read_offset(input)?, done: input.bool()? }))
        })?;
        let mut decided = Decided::read(input)?;
        let sequences = map(input, 16, |input| Ok((input.str()?.to_owned(), input.u64()?)))?;
        let acknowledged = map(input, 24, |input| Ok((input.str()?.to_owned(), read_acknowledged(input)?)))?;
        let verdicts = map(input, 21, |input| {
            Ok(((read_partition(input)?, read_offset(input)?), read_verdict(input)?))
        })?;
        let window_progress = window_progress::read(input)?;
        let versions = list(input, 4, Reader::u32)?;
        let kept = list(input, 5, read_id)?;
        let finished = input.bool()?;
        let sections = list(input, SectionRef::BYTES, SectionRef::decode)?;
        let topic_id = if input.left() > 0 { TopicId::new(input.u128()?) } else { None };
        let operators = match input.left() {
            0 => BTreeMap::new(),
            _ => map(input, 16, |input| Ok((input.u64()?, input.str()?.to_owned())))?,
        };
        let over_views = match input.left() {
            0 => BTreeMap::new(),
            _ => {
                let progress = map(input, 17, over_view::read)?;
                decided.over_views =
                    map(input, 20, |input| Ok((input.u64()?, (input.i64()?, input.u32()?))))?;
                progress
            }
        };
        let tables = match input.left() {
            0 => Vec::new(),
            _ => list(input, 40, TableVersion::read)?,
        };
        reader.finish()?;
        let task = TaskManifest {
            start_bounds: StartBounds { emit_from_us, ends, topic_id },
            offsets,
            decided,
            sequences,
            verdicts,
            window_progress,
            versions,
            kept,
            operators,
            over_views,
            tables,
            finished,
        };
        Ok((Self { task, log: LogPosition { index, needed_from, acknowledged } }, sections))
    }
}

fn write_optional(out: &mut Writer, number: Option<i64>) {
    out.bool(number.is_some());
    number.iter().for_each(|&number| out.i64(number));
}

fn write_map<K, V>(out: &mut Writer, entries: &BTreeMap<K, V>, write: impl Fn(&mut Writer, &K, &V)) {
    out.u64(entries.len() as u64);
    entries.iter().for_each(|(key, value)| write(out, key, value));
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
    use streamgauge_engine::{
        FoldSegment, OperatorSegment, SegmentKind, SliceNumber, ViewSegment, WindowNumber,
    };

    fn first(number: u32) -> Partition {
        SourceIndex::FIRST.partition(number)
    }

    fn other(number: u32) -> Partition {
        SourceIndex(2).partition(number)
    }

    const SECTION: SectionRef = SectionRef { generation: 3, offset: 64, length: 9, checksum: 5 };

    fn with(topic_id: Option<TopicId>, operators: BTreeMap<u64, String>) -> CheckpointManifest {
        let start_bounds = StartBounds { topic_id, ..StartBounds::default() };
        let task = TaskManifest { start_bounds, operators, ..TaskManifest::default() };
        CheckpointManifest { task, log: LogPosition::default() }
    }

    #[test]
    fn manifests_of_earlier_versions_have_no_topic_and_no_operators() {
        let operators = BTreeMap::from([(7, "'n': row_number of each (model TEXT)".to_owned())]);
        let third = with(TopicId::new(7), operators);
        let mut newest = third.clone();
        newest.task.over_views.insert(7, OverViewProgress { versions: vec![2], emit_from_us: Some(-1) });
        newest.task.decided.over_views.insert(7, (60, 1));
        let (newest_bytes, third_bytes) = (newest.encode(&[SECTION]), third.encode(&[SECTION]));
        assert!(
            newest_bytes.starts_with(&third_bytes),
            "a state without windows over views has the bytes that it had"
        );
        assert_eq!(CheckpointManifest::decode(&newest_bytes), Ok((newest, vec![SECTION])));
        assert_eq!(CheckpointManifest::decode(&third_bytes), Ok((third, vec![SECTION])));
        let newest = newest_bytes;
        let second = with(TopicId::new(7), BTreeMap::new()).encode(&[SECTION]);
        assert!(newest.starts_with(&second), "a state without operators has the bytes that it had");
        let (manifest, sections) = CheckpointManifest::decode(&second).unwrap();
        assert_eq!((manifest, sections), (with(TopicId::new(7), BTreeMap::new()), vec![SECTION]));
        let first = &second[..second.len() - 16];
        let (manifest, sections) = CheckpointManifest::decode(first).unwrap();
        assert_eq!((manifest, sections), (with(None, BTreeMap::new()), vec![SECTION]));
        let earlier = [first.len(), second.len(), third_bytes.len()];
        for length in (0..newest.len()).filter(|length| !earlier.contains(length)) {
            assert!(CheckpointManifest::decode(&newest[..length]).is_err(), "cut at {length}");
        }
    }

    fn prices() -> TableVersion {
        let (table, offsets) = ("prices".into(), [(first(1), Offset(40))].into());
        TableVersion { table, number: 3, digest: 7 << 100, offsets, after_window_end: -60 }
    }

    /// How long a manifest was in earlier versions.
    fn earlier_lengths(mut manifest: CheckpointManifest) -> [usize; 4] {
        manifest.task.tables.clear();
        let without_tables = manifest.encode(&[SECTION, SECTION]).len();
        manifest.task.over_views.clear();
        manifest.task.decided.over_views.clear();
        let without_over_views = manifest.encode(&[SECTION, SECTION]).len();
        manifest.task.operators.clear();
        let without_operators = manifest.encode(&[SECTION, SECTION]).len();
        [without_operators - 16, without_operators, without_over_views, without_tables]
    }

    #[test]
    fn what_is_saved_comes_back_and_every_cut_is_an_error() {
        let task = TaskManifest {
            start_bounds: StartBounds {
                emit_from_us: Some(-5),
                ends: [(first(3), Offset(17)), (other(3), Offset(4))].into(),
                topic_id: TopicId::new(11),
            },
            offsets: [
                (first(0), PartitionProgress { next: Offset(4), done: false }),
                (first(3), PartitionProgress { next: Offset(17), done: true }),
                (other(3), PartitionProgress { next: Offset(3), done: true }),
            ]
            .into(),
            decided: Decided {
                run: Some((60, 2)),
                forced: Some(-1),
                passed: [(first(0), Offset(3)), (other(0), Offset(2))].into(),
                over_views: [(6, (120, 0))].into(),
            },
            sequences: [("insert_a_1".into(), 12)].into(),
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
                    kind: SegmentKind::Late { window: WindowNumber(-1), slice: SliceNumber(7) },
                }),
                SegmentId::Fold(FoldSegment {
                    partition: other(3),
                    kind: SegmentKind::Slice(SliceNumber(7)),
                }),
                SegmentId::Operator(OperatorSegment { operator: 5, shard: 63 }),
                SegmentId::View(ViewSegment {
                    windows: 6,
                    shard: 1,
                    kind: SegmentKind::Slice(SliceNumber(-2)),
                }),
            ],
            operators: BTreeMap::from([(5, "'n': row_number".to_owned())]),
            over_views: [(6, OverViewProgress { versions: vec![1, 4], emit_from_us: None })].into(),
            tables: vec![prices()],
            finished: true,
        };
        let acknowledged = Acknowledged { upto: 3, beyond: [(5, 5), (7, 9)].into() };
        let log = LogPosition {
            index: 9,
            needed_from: 4,
            acknowledged: [("insert_a_1".into(), acknowledged)].into(),
        };
        for manifest in [CheckpointManifest { task, log }, CheckpointManifest::default()] {
            let bytes = manifest.encode(&[SECTION, SECTION]);
            let earlier = earlier_lengths(manifest.clone());
            assert_eq!(CheckpointManifest::decode(&bytes), Ok((manifest, vec![SECTION, SECTION])));
            for length in (0..bytes.len()).filter(|length| !earlier.contains(length)) {
                assert!(CheckpointManifest::decode(&bytes[..length]).is_err(), "cut at {length}");
            }
        }
    }

    #[test]
    fn partitions_of_the_first_source_have_the_bytes_that_they_had_before_there_were_others() {
        let task = TaskManifest {
            start_bounds: StartBounds { ends: [(first(3), Offset(17))].into(), ..StartBounds::default() },
            offsets: [(first(3), PartitionProgress { next: Offset(4), done: true })].into(),
            decided: Decided { passed: [(first(3), Offset(4))].into(), ..Decided::default() },
            verdicts: [((first(3), Offset(8)), Verdict::Plugin("no".into()))].into(),
            window_progress: Some(WindowProgress {
                closed: 1,
                watermark: 2,
                partitions: vec![(first(3), 5)],
            }),
            kept: vec![SegmentId::Fold(FoldSegment {
                partition: first(3),
                kind: SegmentKind::Slice(SliceNumber(7)),
            })],
            ..TaskManifest::default()
        };
        let bytes = CheckpointManifest { task, log: LogPosition::default() }.encode(&[]);
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
            number(0),
            vec![0; 16],
        ];
        assert_eq!(bytes, expected.concat());
    }
}
