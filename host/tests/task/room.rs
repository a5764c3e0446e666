//! Complete windows that wait for room in the outbox: none is lost, and none takes rows that come after its close was logged.

use std::{thread, time::Duration};

use serde_json::Value;
use streamgauge::{
    decode::{json, schema::SharedSchema},
    pipeline::{Drain, Input},
};
use streamgauge_common::{message::Payload, offset::Offset, wakeup::Stop};
use streamgauge_state::{
    outbox::{Bounds, Outbox},
    recovery::RecoveredDecisions,
};

use crate::{
    events::{Scene, as_records, event},
    records::first,
};

const HOUR: Duration = Duration::from_secs(3600);
const BY_NUMBER: &str =
    "SELECT window_end, n, count(*) AS c FROM TUMBLE(s, ts, INTERVAL '10' SECOND) GROUP BY window_end, n;";
/// Windows, and the groups of each.
const WINDOWS: i64 = 10;
const GROUPS: i64 = 5;

fn scene(statement: &str, rows_max: usize) -> Scene {
    let bounds = Bounds { rows_max, ..Bounds::default() };
    let schema = SharedSchema::new(json::FORMAT, 1 << 20);
    Scene::bounded(schema, statement, RecoveredDecisions::default(), Some(bounds), &as_records)
}

/// Acknowledges what is in the outbox: the window ends, in seconds, and the counts of the rows.
fn acknowledge_all(outbox: &Outbox) -> Vec<(String, i64)> {
    let taken = outbox.take(usize::MAX);
    outbox.acknowledge(taken.iter().map(|message| &**message));
    let row = |payload: &Payload| {
        let Payload::Record(record) = payload else { panic!("rows go as records") };
        let row: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        let end = row.get("window_end").and_then(Value::as_str).unwrap();
        (end.get(17..19).unwrap().to_owned(), row.get("c").and_then(Value::as_i64).unwrap())
    };
    taken.iter().map(|message| row(&message.payload)).collect()
}

/// Events of ten windows with five groups each, in one batch.
fn events() -> Vec<String> {
    (0..WINDOWS * GROUPS).map(|n| event(n % GROUPS, n * 10 / GROUPS)).collect()
}

#[test]
fn at_the_end_of_its_input_a_query_decides_all_windows_however_small_its_outbox_is() {
    for rows_max in [1, 5, 7, 1000] {
        let mut scene = scene(BY_NUMBER, rows_max);
        scene.task.assign_active(first(0), Offset(0));
        scene.take(0, 0, &events());
        scene.task.end(first(0));
        let Scene { task, outbox, .. } = scene;
        let (ends, rows) = thread::scope(|scope| {
            let drains = scope.spawn(|| {
                let drain = Drain { timeout: HOUR, input: Input::Ended };
                drain.run(vec![task], &Stop::default(), &|_| {})
            });
            let mut rows = Vec::new();
            while !drains.is_finished() {
                rows.extend(acknowledge_all(&outbox));
                thread::yield_now();
            }
            (drains.join().unwrap(), rows)
        });
        let [end] = &ends[..] else { panic!("{ends:?}") };
        assert!(end.failures.is_empty(), "{ends:?}");
        assert_eq!(rows.len() as i64, WINDOWS * GROUPS, "an outbox of {rows_max} rows");
    }
}

#[test]
fn windows_that_there_is_no_room_for_in_time_are_told() {
    let mut scene = scene(BY_NUMBER, 5);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, &events());
    scene.task.end(first(0));
    let drain = Drain { timeout: Duration::from_millis(1), input: Input::Ended };
    let ends = drain.run(vec![scene.task], &Stop::default(), &|_| {});
    let [end] = &ends[..] else { panic!("{ends:?}") };
    let told: Vec<&str> = end.failures.iter().map(|(_, why)| why.as_str()).collect();
    let undecided =
        "its sink took no more rows within 1ms, so the rows of the last windows were not made; they are lost";
    assert!(told.iter().any(|why| why.starts_with(undecided)), "{told:?}");
    assert!(told.iter().any(|why| why.contains("rows not delivered within 1ms: 5")), "{told:?}");
}

#[test]
fn windows_that_are_not_made_because_the_run_is_stopped_are_told() {
    // Where rows are acknowledged sooner than windows are made, all are made.
    let tries = 1_000;
    assert!((0..tries).any(|_| !stopped_while_windows_wait()), "in {tries} runs no window waited for room");
}

/// Stops a run at once, while its rows are acknowledged. Whether all windows were made; those that were not are told.
fn stopped_while_windows_wait() -> bool {
    let mut scene = scene(BY_NUMBER, 5);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, &events());
    scene.task.end(first(0));
    let stop = Stop::default();
    stop.set();
    // What is decided is still delivered.
    let Scene { task, outbox, .. } = scene;
    let (ends, rows) = thread::scope(|scope| {
        let drains = scope.spawn(|| {
            let drain = Drain { timeout: HOUR, input: Input::Ended };
            drain.run(vec![task], &stop, &|_| {})
        });
        let mut rows = 0;
        while !drains.is_finished() {
            rows += acknowledge_all(&outbox).len();
            thread::yield_now();
        }
        (drains.join().unwrap(), rows + acknowledge_all(&outbox).len())
    });
    let [end] = &ends[..] else { panic!("{ends:?}") };
    let told: Vec<&str> = end.failures.iter().map(|(_, why)| why.as_str()).collect();
    let are_made = rows == usize::try_from(WINDOWS * GROUPS).unwrap();
    match &told[..] {
        [] => assert!(are_made, "{rows} rows"),
        [undecided] => assert!(
            !are_made
                && undecided
                    .starts_with("it was stopped before its sink took all rows, so the rows of the last"),
            "{rows} rows: {told:?}"
        ),
        _ => panic!("{told:?}"),
    }
    are_made
}

/// Partition 1 is idle, so windows close by partition 0 alone; then it wakes with an event of such a window. What is late must not
/// depend on whether there was room.
#[test]
fn a_window_takes_nothing_that_comes_after_its_close_was_logged_although_its_rows_wait_for_room() {
    let count = "SELECT window_end, count(*) AS c FROM TUMBLE(s, ts, INTERVAL '10' SECOND);";
    let mut all = Vec::new();
    for rows_max in [1000, 1] {
        let mut scene = scene(count, rows_max);
        [0, 1].into_iter().for_each(|partition| scene.task.assign_active(first(partition), Offset(0)));
        scene.take(1, 0, &[event(1, 1)]);
        scene.take(0, 0, &[event(1, 2), event(1, 12), event(1, 22), event(1, 35)]);
        let engine = scene.task.engine_mut().unwrap();
        engine.set_idle_baseline();
        engine.idle(&[first(1)], 0);
        scene.task.close();
        let mut rows = Vec::new();
        // These are late for [10, 20) and [20, 30), which were closed while partition 1 was idle.
        scene.take(1, 1, &[event(1, 13), event(1, 23), event(1, 36)]);
        while scene.task.log().unacknowledged_rows() > 0 {
            rows.extend(acknowledge_all(&scene.outbox));
            scene.task.close();
        }
        [0, 1].into_iter().for_each(|partition| scene.task.end(first(partition)));
        while scene.task.log().unacknowledged_rows() > 0 || scene.task.has_undecided() {
            rows.extend(acknowledge_all(&scene.outbox));
            scene.task.close();
        }
        all.push((rows, scene.task.context().counts.late));
    }
    let rows = [("10", 2), ("20", 1), ("30", 1), ("40", 2)].map(|(end, c)| (end.to_owned(), c));
    assert_eq!(all.first(), Some(&(rows.to_vec(), 2)));
    assert_eq!(all.first(), all.last(), "with room for one row");
}
