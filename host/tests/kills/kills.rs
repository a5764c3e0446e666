//! A run of kills: one stream, one state, many processes; then what they delivered is compared with a process that nobody
//! killed, and with a plain program.

use std::{fmt, path::Path, time::Duration};

use fastrand::Rng;
use streamgauge_common::crash::{PHASES, Phase};
use streamgauge_kafka::{Connection, create_topic};

use crate::{
    host::{Deployment, Kill},
    oracle::{self, Expected},
    receiver::{Manners, Receiver},
    rows::{self, Place, Rows, assert_same},
    traffic::{PARTITIONS, Traffic},
};

/// The longest that a process lives.
const LIFE_MAX: Duration = Duration::from_millis(2_500);
/// How often checkpoints are written: also while a process still does again what another did before.
const CHECKPOINT_INTERVALS: [&str; 4] = ["5ms", "50ms", "200ms", "1s"];
/// How many rows an outbox holds: few, so that complete windows wait for room, or many.
const OUTBOX_ROWS: [&str; 2] = ["outbox_rows=9", "outbox_rows=100000"];
/// From when on a kill waits for its phase, and how long it does. Recovery may be before.
const AIM_FROM: Duration = Duration::from_millis(400);
const AIM_FOR: Duration = Duration::from_secs(3);
/// The phases that must be hit. They are short: chance alone would seldom do it.
const AIMED: [Phase; 4] = [Phase::CheckpointWrite, Phase::LogSync, Phase::Send, Phase::Close];
/// How many more kills there may be until each of them was hit.
const MORE_KILLS_MAX: u32 = 40;
/// How many partitions the sink's topic has.
const ROW_PARTITIONS: u32 = 2;
/// How long the receiver is waited for between two looks at the host.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often each phase was hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) kills: u32,
    pub(crate) hits: [u32; PHASES.len()],
    pub(crate) rows: usize,
}

impl Tally {
    /// Counts a kill and tells it.
    fn count(&mut self, kill: &Kill) {
        self.kills += 1;
        self.hits.iter_mut().zip(kill.inside).for_each(|(hits, hit)| *hits += u32::from(hit));
        let inside = PHASES.iter().zip(kill.inside).filter(|(_, hit)| *hit).map(|(phase, _)| *phase);
        let inside = inside.collect::<Vec<_>>().join(", ");
        let inside = if inside.is_empty() { "nothing" } else { &inside };
        eprintln!("kill {} at {:.3} s: in {inside}", self.kills, kill.at.as_secs_f64());
    }

    /// Adds another run's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.rows += other.rows;
        self.hits.iter_mut().zip(other.hits).for_each(|(hits, more)| *hits += more);
    }

    /// The aimed phase that was hit least, and how often it was.
    fn rarest(&self) -> (Phase, u32) {
        let hits = AIMED.map(|phase| (phase, self.hits[phase as usize]));
        hits.into_iter().min_by_key(|&(_, hits)| hits).expect("there are aimed phases")
    }

    /// Whether another kill is due before the last one.
    fn goes_on(&self, kills: u32) -> bool {
        self.kills + 1 < kills || (self.rarest().1 == 0 && self.kills < kills + MORE_KILLS_MAX)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hits = PHASES.iter().zip(self.hits).map(|(phase, hits)| format!("{phase} {hits}"));
        let phases = hits.collect::<Vec<_>>().join(", ");
        write!(f, "kills={} exact=yes rows={} phases: {phases}", self.kills, self.rows)
    }
}

/// Kills a host so many times and compares what was delivered. `name` is part of its topics' names.
pub(crate) fn run(kafka: &Connection, folder: &Path, name: &str, seed: u64, kills: u32) -> Tally {
    let topic = |what: &str, partitions: u32| {
        let topic = format!("kills-{name}-{what}");
        create_topic(kafka, &topic, partitions).unwrap();
        topic
    };
    let (events, killed_rows) = (topic("events", PARTITIONS), topic("rows", ROW_PARTITIONS));
    let receiver = Receiver::start(Manners::Bad, seed);
    let settings = ["--drain-timeout", "60s"];
    let killed =
        Deployment::of_kills(folder.join("killed"), kafka, &events, &receiver, &killed_rows, &settings);

    let traffic = Traffic::start(kafka, &events, seed);
    let mut random = Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally.goes_on(kills) {
        let aim = match tally.kills % 6 {
            2 => Some(Phase::Recovery),
            0 | 4 if tally.kills + 1 < kills => None,
            _ => Some(tally.rarest().0),
        };
        tally.count(&kill(&killed, &mut random, aim));
    }
    let written = traffic.finish();
    // All is written, not all is delivered.
    tally.count(&kill(&killed, &mut random, None));

    let expected = oracle::expect(&rows::records(kafka, &events));
    eprintln!("{written} events, {} rows, {} events late", expected.len(), expected.late);
    deliver_all(kafka, &killed, &receiver, &killed_rows, expected.len());
    let calm = calm(kafka, folder, &events, &topic("calm", ROW_PARTITIONS), &expected);
    compare(kafka, &killed, &receiver, &killed_rows, &calm, &expected);
    assert!(tally.rarest().1 > 0, "a phase was never hit: {tally}");
    Tally { rows: expected.len(), ..tally }
}

/// Starts a host and kills it: in a phase, or at a random moment.
fn kill(killed: &Deployment, random: &mut Rng, aim: Option<Phase>) -> Kill {
    let interval = CHECKPOINT_INTERVALS[random.usize(..CHECKPOINT_INTERVALS.len())];
    let outbox_rows = OUTBOX_ROWS[random.usize(..OUTBOX_ROWS.len())];
    let host = killed.start_with(&["--checkpoint-interval", interval, "--limit", outbox_rows], &[]);
    let life = LIFE_MAX.mul_f64(random.f64());
    match aim {
        Some(Phase::Recovery) => host.kill_in(Phase::Recovery, Duration::ZERO, AIM_FOR),
        Some(phase) => host.kill_in(phase, AIM_FROM.max(life / 2), AIM_FROM.max(life / 2) + AIM_FOR),
        None => host.kill_at(life),
    }
}

/// Lets a host live until everything is delivered.
fn deliver_all(kafka: &Connection, killed: &Deployment, receiver: &Receiver, topic: &str, rows: usize) {
    let mut host = killed.start(&[]);
    host.until("all is accepted", || receiver.wait_for(rows, LOOK_EVERY));
    host.until("all rows are in the topic", || rows::count(kafka, topic) >= rows);
    host.until("all rows are in the files", || killed.file_rows().len() >= rows);
    host.interrupt();
}

/// What a host delivers that nobody kills: the receiver's rows and the topic's, which are the same.
fn calm(kafka: &Connection, folder: &Path, events: &str, topic: &str, expected: &Expected) -> Rows {
    let receiver = Receiver::start(Manners::Good, 0);
    let settings = ["--bounded", "--drain-timeout", "60s"];
    let calm = Deployment::of_kills(folder.join("calm"), kafka, events, &receiver, topic, &settings);
    calm.start(&[]).drain_and_checkpoint();
    let closed = |rows: Rows| -> Rows {
        rows.into_iter().filter(|(Place { end, .. }, _)| *end <= expected.closed_upto).collect()
    };
    let received = closed(receiver.receipts().rows());
    expected.check("a receiver whose host lived", &received);
    assert_same("the topic of a host that lived", &closed(rows::of_topic(kafka, topic)), &received);
    assert_same("the files of a host that lived", &closed(calm.file_rows()), &received);
    assert_eq!(calm.dead_letters(), expected.dead_letters, "dead letters of a host that lived");
    received
}

/// Everything that was delivered in spite of the kills equals what was delivered without.
fn compare(
    kafka: &Connection,
    killed: &Deployment,
    receiver: &Receiver,
    topic: &str,
    calm: &Rows,
    expected: &Expected,
) {
    let receipts = receiver.receipts();
    let received = receipts.rows();
    eprintln!("{} requests read for {} rows", receipts.len(), received.len());
    expected.check("the receiver", &received);
    assert_same("the receiver", &received, calm);
    assert_same("the topic", &rows::of_topic(kafka, topic), calm);
    assert_same("the files", &killed.file_rows(), calm);
    assert_eq!(killed.dead_letters(), expected.dead_letters, "dead letters");
}
