//! What a query shows of itself: why it has no rows yet, and how far it is behind.

use std::{collections::BTreeMap, sync::Arc};

use streamgauge::{
    decode::{json, schema::SharedSchema},
    query::{NoRows, QueryProgress},
};
use streamgauge_common::{clock, offset::Offset, partition::SourceIndex};
use streamgauge_state::recovery::RecoveredDecisions;

use crate::{
    events::{COUNT, Scene, as_records, event},
    records::first,
};

const SECOND: i64 = 1_000_000;

/// A query with windows of ten seconds over two partitions.
fn scene() -> Scene {
    let schema = SharedSchema::new(json::FORMAT, 1 << 20);
    let mut scene = Scene::bounded(schema, COUNT, RecoveredDecisions::default(), None, &as_records);
    scene.task.assign_active(first(0), Offset(0));
    scene.task.assign_active(first(1), Offset(0));
    scene
}

fn shown(scene: &Scene) -> Arc<QueryProgress> {
    scene.task.context().subscription.queries().remove(0)
}

/// Why it has no rows now.
fn why(scene: &mut Scene) -> Option<NoRows> {
    scene.task.report(None);
    shown(scene).no_rows()
}

#[test]
fn a_partition_without_an_event_is_named_where_another_one_has_come_to_the_windows_end() {
    assert_eq!(why(&mut scene()), Some(NoRows::Events));
    let mut waits = scene();
    waits.take(0, 0, &[event(1, 3)]);
    let window = NoRows::Window { end_us: 10 * SECOND, watermark_us: i64::MIN };
    assert_eq!(why(&mut waits), Some(window), "the other one has not come so far either");

    let mut held = scene();
    held.take(0, 0, &[event(1, 3), event(1, 12)]);
    let before = clock::now_us();
    let Some(NoRows::Partition { end_us, partition, watermark_us, since_us }) = why(&mut held) else {
        panic!("{:?}", shown(&held).no_rows())
    };
    assert_eq!((end_us, partition, watermark_us), (10 * SECOND, 1, i64::MIN));
    assert!((before..=clock::now_us()).contains(&since_us), "{since_us}");

    held.take(1, 0, &[event(1, 11)]);
    assert_eq!(why(&mut held), None, "there are rows now");
}

#[test]
fn the_lag_is_what_its_partitions_have_behind_its_offsets() {
    let mut scene = scene();
    assert_eq!(shown(&scene).lag(), None, "nobody knows yet");
    scene.take(0, 0, &[event(1, 3), event(1, 4)]);
    let ends = BTreeMap::from([(0, Offset(10)), (1, Offset(5)), (7, Offset(100))]);
    scene.task.set_ends_now(SourceIndex::FIRST, &ends);
    assert_eq!(shown(&scene).lag(), Some(8 + 5), "a partition that it does not read is not counted");
}
