//! Who waits for an outbox wakes when it changes: with time-outs of an hour, nobody else would end these tests.

use std::{
    fs::{self, File},
    io::Write as _,
    sync::Arc,
    thread,
    time::Duration,
};

use crossbeam_channel::{Receiver, unbounded};
use rustix::fs::{CWD, Mode, mkfifoat};
use streamgauge::{
    decode::{json, schema::SharedSchema},
    pipeline::{Drain, Input, Pipeline, PipelineEvent, Source},
    query::{Control, QueryTask, TaskEnd, Wanted},
};
use streamgauge_common::{
    clock::Stopwatch,
    offset::Offset,
    partition::SourceIndex,
    wakeup::{Stop, Wakeup},
};
use streamgauge_state::{
    outbox::{Bounds, Outbox},
    recovery::RecoveredDecisions,
};

use crate::{
    events::{ROWS, Scene, as_records, event},
    records::{file_source, first},
};

const HOUR: Duration = Duration::from_secs(3600);
/// More than one batch.
const EVENTS: usize = 10_000;

fn scene(rows_max: usize) -> Scene {
    let bounds = Bounds { rows_max, ..Bounds::default() };
    Scene::bounded(
        SharedSchema::new(json::FORMAT, 1 << 20),
        ROWS,
        RecoveredDecisions::default(),
        Some(bounds),
        &as_records,
    )
}

fn deliver_all(outbox: &Outbox) -> usize {
    let taken = outbox.take(usize::MAX);
    outbox.acknowledge(taken.iter().map(|message| &**message));
    taken.iter().map(|message| message.rows as usize).sum()
}

/// Drains a task whose outbox holds rows while `change` happens to it: how it ended, and how many tasks were detached.
fn drain_while(change: &(dyn Fn(&Outbox) + Sync), stop: &Stop) -> (Vec<TaskEnd>, usize) {
    let mut scene = scene(100);
    scene.task.assign_active(first(0), Offset(0));
    scene.take(0, 0, &[event(1, 1), event(2, 2)]);
    assert_eq!(scene.task.log().unacknowledged_rows(), 2);
    let (tell, told) = unbounded();
    let Scene { task, outbox, .. } = scene;
    let ends = thread::scope(|scope| {
        let drains = scope.spawn(|| {
            let drain = Drain { timeout: HOUR, input: Input::Ended };
            drain.run(vec![task], stop, &|event| drop(tell.send(event)))
        });
        change(&outbox);
        drains.join().unwrap()
    });
    let detached = told.try_iter().filter(|event| matches!(event, PipelineEvent::Detached(_)));
    (ends, detached.count())
}

#[test]
fn a_drain_ends_with_the_last_acknowledgement() {
    let deliver_both = |outbox: &Outbox| {
        for _ in 0..2 {
            let taken = outbox.take(1);
            outbox.acknowledge(taken.iter().map(|message| &**message));
        }
    };
    let (ends, detached) = drain_while(&deliver_both, &Stop::default());
    let [end] = &ends[..] else { panic!("{ends:?}") };
    assert!(end.failures.is_empty() && detached == 0, "{ends:?}");
}

#[test]
fn a_drain_ends_when_nobody_reads_the_rows_any_more() {
    let (ends, detached) = drain_while(&Outbox::abandon, &Stop::default());
    let [end] = &ends[..] else { panic!("{ends:?}") };
    assert!(end.failures.is_empty() && end.subscription.is_unread() && detached == 0);
}

#[test]
fn a_drain_does_not_wait_for_an_outbox_that_has_failed() {
    let fail = |outbox: &Outbox| outbox.fail("its disk is gone".to_owned());
    let (ends, detached) = drain_while(&fail, &Stop::default());
    assert_eq!((ends.len(), detached), (0, 1));
}

/// A pipeline whose only task has an outbox that one batch fills, while somebody does something when it is at its bound.
struct Blocked {
    outbox: Outbox,
    control: Arc<Control>,
    stop: Stop,
}

fn run_blocked(change: &dyn Fn(&Blocked)) -> (Vec<TaskEnd>, Receiver<PipelineEvent>) {
    let scene = scene(10);
    let path = scene.folder.path().join("events");
    let lines: String = (0..EVENTS as i64).map(|n| event(n, 1) + "\n").collect();
    fs::write(&path, lines).unwrap();
    let source = file_source(path, scene.schema.clone(), Arc::default());
    let source = Arc::new(Source { checkpoint_interval: HOUR, drain_timeout: Duration::ZERO, ..source });
    let reader = (source.open)(&scene.task.read_from(SourceIndex::FIRST)).unwrap();
    let blocked = Blocked {
        outbox: scene.outbox.clone(),
        control: scene.task.context().subscription.control.clone(),
        stop: Stop::default(),
    };
    let (tell, told) = unbounded();
    let pipeline = Pipeline { source, reader, tasks: vec![scene.task] };
    let ends = thread::scope(|scope| {
        let runs = scope.spawn(|| pipeline.run(&blocked.stop, &|event| drop(tell.send(event))));
        change(&blocked);
        runs.join().unwrap()
    });
    (ends, told)
}

impl Blocked {
    /// Waits until the outbox is at its bound.
    fn wait(&self) {
        while self.outbox.has_room() {
            thread::yield_now();
        }
    }
}

#[test]
fn a_pipeline_reads_on_when_rows_are_acknowledged() {
    let (ends, _) = run_blocked(&|Blocked { outbox, .. }| {
        let mut delivered = 0;
        while delivered < EVENTS {
            delivered += deliver_all(outbox);
            thread::yield_now();
        }
    });
    assert_eq!(ends.iter().map(|end| end.counts.rows).sum::<u64>(), EVENTS as u64);
}

#[test]
fn a_pipeline_at_the_bound_stops() {
    let (ends, _) = run_blocked(&|blocked| {
        blocked.wait();
        blocked.stop.set();
    });
    let [end] = &ends[..] else { panic!("{ends:?}") };
    assert!(end.counts.rows < EVENTS as u64, "it was at its bound");
    assert!(end.failures.iter().any(|(_, why)| why.contains("rows not delivered")), "{end:?}");
}

#[test]
fn a_pipeline_at_the_bound_lets_go_of_a_task_that_is_not_wanted() {
    let (ends, told) = run_blocked(&|blocked| {
        blocked.wait();
        blocked.control.want(Wanted::Dropped);
    });
    let unwanted: Vec<QueryTask> = told
        .try_iter()
        .filter_map(|event| match event {
            PipelineEvent::Unwanted(tasks) => Some(tasks),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!((ends.len(), unwanted.len()), (0, 1));
}

#[test]
fn a_pipeline_looks_after_its_tasks_seldom_while_nothing_happens() {
    let scene = scene(100);
    let path = scene.folder.path().join("events");
    mkfifoat(CWD, &path, Mode::RWXU).unwrap();
    // Open for both ways, so that it waits for nobody and has no end.
    let mut pipe = File::options().read(true).write(true).open(&path).unwrap();
    writeln!(pipe, "{}", event(1, 1)).unwrap();
    let source = file_source(path, scene.schema.clone(), Arc::default());
    let source = Arc::new(Source { checkpoint_interval: HOUR, drain_timeout: Duration::ZERO, ..source });
    let reader = (source.open)(&scene.task.read_from(SourceIndex::FIRST)).unwrap();
    let (subscription, stop) = (scene.task.context().subscription.clone(), Stop::default());
    let pipeline = Pipeline { source, reader, tasks: vec![scene.task] };
    let progress = &subscription.progress;
    let took = thread::scope(|scope| {
        let runs = scope.spawn(|| pipeline.run(&stop, &|_| {}));
        while progress.events() == 0 && !runs.is_finished() {
            thread::yield_now();
        }
        let (since, before) = (Stopwatch::start(), progress.looks());
        while progress.looks() < before + 8 && !runs.is_finished() {
            thread::yield_now();
        }
        let took = since.elapsed();
        stop.set();
        assert_eq!(runs.join().unwrap().len(), 1);
        took
    });
    // On a busy machine it takes longer.
    assert!(took > Duration::from_secs(1), "the loop turned 8 times in {took:?}");
}

#[test]
fn whoever_listens_to_a_task_hears_of_its_outbox_and_of_what_is_wanted() {
    let scene = scene(10);
    let wakeup = Arc::new(Wakeup::default());
    scene.task.add_listener(&wakeup);
    let subscription = scene.task.context().subscription.clone();
    let changes: [&(dyn Fn() + Sync); 3] =
        [&|| subscription.control.want(Wanted::Paused), &|| subscription.abandon(), &|| {
            scene.outbox.fail("its disk is gone".to_owned());
        }];
    for change in changes {
        let mut looks = 0;
        // The change comes behind the first look: without a notification there is no second one.
        assert!(wakeup.wait_until(HOUR, || {
            looks += 1;
            if looks == 1 {
                change();
            }
            looks == 2
        }));
    }
}
