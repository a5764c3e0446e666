//! A process that crashes, and those behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    iter::successors,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use streamgauge_common::clock;
use streamgauge_kafka::{Connection, Producer, Record, create_topic};

use super::table::{Crash, Place, Run, Series};
use crate::{
    host::Deployment,
    oracle::Lost,
    receiver::{Manners, Receiver},
    rows::{self, Rows, assert_same},
    traffic::Events,
};

/// How many files or partitions there are, and how many events each has.
const PARTITIONS: u32 = 2;
const EVENTS: u64 = 20_000;
const SEED: u64 = 7;
/// As `points.sql` says.
const FILE_BYTES_MAX: usize = 32 << 10;
/// What ends a process that aborts.
const SIGABRT: i32 = 6;
/// How long the brokers may take to write.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was delivered.
#[derive(Clone, Debug, Default, PartialEq)]
struct Delivered {
    /// The files, one behind the other, byte for byte.
    lines: String,
    hook: Rows,
    topic: Rows,
    /// By partition and offset, with why.
    dead_letters: BTreeSet<(u32, i64, Lost)>,
}

/// The events, and what an undisturbed process makes of them.
pub(super) struct Runs {
    kafka: Connection,
    folder: PathBuf,
    /// Differs from run to run of the tests.
    name: String,
    calm: BTreeMap<Run, Delivered>,
}

/// One query at work, and who listens to it.
struct Scene {
    deployment: Deployment,
    receiver: Receiver,
    topic: Option<String>,
    lines: PathBuf,
}

impl Runs {
    /// Lays out the events, and runs each kind of query undisturbed.
    pub(super) fn new(kafka: Connection, folder: &Path) -> Self {
        // Two tests of this process may begin in the same microsecond.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("points-{}-{}", clock::now_us(), NUMBER.fetch_add(1, Relaxed));
        let mut runs = Self { kafka, folder: folder.to_owned(), name, calm: BTreeMap::new() };
        runs.write_events();
        for run in [Run::Files, Run::ToKafka, Run::FromKafka] {
            let scene = runs.scene(&format!("{run:?}"), run);
            scene.deployment.start(&[]).drain_and_checkpoint();
            let delivered = runs.delivered(&scene);
            // What is finished is finished.
            scene.deployment.start(&[]).drain_and_checkpoint();
            assert!(
                runs.delivered(&scene) == delivered,
                "{run:?} was finished, and delivered something again"
            );
            runs.calm.insert(run, delivered);
        }
        runs
    }

    /// Crashes a process, lets another one go on, and compares; fails where the point is not hit or anything differs.
    pub(super) fn try_crash(&self, crash: &Crash) {
        // How often some points are passed depends on what is done together.
        let turns = successors(Some(crash.place.turn), |turn| (*turn > 1).then_some(turn / 2));
        let crashes = turns.map(|turn| Crash { place: Place { turn, ..crash.place }, ..*crash });
        let scene = crashes.into_iter().find_map(|crash| self.crashed(&crash));
        let scene = scene.unwrap_or_else(|| panic!("{crash}: the point is not passed"));
        self.go_on(&scene, crash, crash.run);
    }

    /// Lets a thread panic, and its process end or not; then another one goes on, and it compares.
    pub(super) fn try_panic(&self, crash: &Crash, thread: &str) {
        for unwinds in [false, true] {
            let what = format!("{crash}-panics-{unwinds}");
            let scene = self.scene(&what, crash.run);
            let Place { point, turn } = crash.place;
            let place = format!("{point}:{turn}");
            let asked =
                [("RUST_BACKTRACE", "0"), ("STREAMGAUGE_PANIC", place.as_str()), ("STREAMGAUGE_UNWIND", "1")];
            let mut host = scene.deployment.start(if unwinds { &asked } else { &asked[..2] });
            let status = host.end();
            let said = host.said();
            match unwinds {
                false => {
                    assert_eq!(status.signal(), Some(SIGABRT), "{what}: {status}: {said}");
                    assert!(said.contains(&format!(" ends: thread '{thread}")), "{what}: {said}");
                    assert!(said.contains("goes on from there"), "{what}: {said}");
                }
                true => assert_eq!(status.code(), Some(3), "{what}: {status}: {said}"),
            }
            self.go_on(&scene, &what, crash.run);
        }
    }

    /// Crashes processes one after the other, until one finishes instead, and compares. How many crashed.
    pub(super) fn try_series(&self, series: &Series) -> usize {
        let scene = self.scene(&series.to_string(), series.run);
        let crashed = series.places.iter().take_while(|&&place| scene.crash(place)).count();
        self.go_on(&scene, series, series.run);
        crashed
    }

    /// Lets a process go on to the end, and compares.
    fn go_on(&self, scene: &Scene, crash: &dyn fmt::Display, run: Run) {
        scene.deployment.start(&[]).drain_and_checkpoint();
        let (delivered, calm) = (self.delivered(scene), &self.calm[&run]);
        let (found, expected) = (&delivered.lines, &calm.lines);
        assert!(found == expected, "{crash}: the file differs: {}", differs(found, expected));
        assert_same(&format!("{crash}: the receiver"), &delivered.hook, &calm.hook);
        assert_same(&format!("{crash}: the topic"), &delivered.topic, &calm.topic);
        assert_eq!(delivered.dead_letters, calm.dead_letters, "{crash}: the dead letters");
    }

    /// A query whose process has crashed; none where it did not pass the point so often.
    fn crashed(&self, crash: &Crash) -> Option<Scene> {
        let scene = self.scene(&crash.to_string(), crash.run);
        if let Some(before) = crash.before {
            assert!(scene.crash(before), "{crash}: the point before it is not passed");
        }
        scene.crash(crash.place).then_some(scene)
    }

    /// A query of its own, and those who listen.
    fn scene(&self, name: &str, run: Run) -> Scene {
        let receiver = Receiver::start(Manners::Good, SEED);
        let folder = self.folder.join(name);
        let lines = folder.join("rows.jsonl");
        let topic = (run == Run::ToKafka).then(|| {
            let topic = format!("{}-{name}", self.name);
            create_topic(&self.kafka, &topic, PARTITIONS).unwrap();
            topic
        });
        let inserts = match run {
            Run::Files => {
                "INSERT INTO lines SELECT *, row_number() OVER (ORDER BY window_end) AS line FROM numbered;\n\
                 INSERT INTO hook SELECT * FROM traffic WHERE model IN ('m00', 'm01');"
            }
            Run::ToKafka => "INSERT INTO rows SELECT * FROM numbered;",
            Run::FromKafka => "INSERT INTO lines SELECT * FROM traffic;",
        };
        let sql = include_str!("points.sql")
            .replace("$BROKERS", &self.kafka.brokers)
            .replace("$EVENTS", &self.name)
            .replace("$LINES", &lines.display().to_string())
            .replace("$URL", &receiver.url())
            .replace("$ROWS", topic.as_deref().unwrap_or("none"));
        // The dead letters do not fit into one file, but into two.
        let arguments = ["--checkpoint-interval", "1ms", "--dead-letters-max-bytes", "100KiB"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        match run {
            Run::FromKafka => arguments.push("--bounded".to_owned()),
            _ => arguments.extend((0..PARTITIONS).flat_map(|partition| {
                ["--input".to_owned(), format!("events={}", self.events(partition).display())]
            })),
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let deployment = Deployment::new(folder, &format!("{sql}\n{inserts}\n"), &arguments);
        Scene { deployment, receiver, topic, lines }
    }

    fn events(&self, partition: u32) -> PathBuf {
        self.folder.join(format!("events_{partition}.jsonl"))
    }

    /// The same events as files and as a topic.
    fn write_events(&self) {
        create_topic(&self.kafka, &self.name, PARTITIONS).unwrap();
        let producer = Producer::new(&self.kafka, &self.name).unwrap();
        for partition in 0..PARTITIONS {
            let mut events = Events::new(SEED + u64::from(partition));
            let events: Vec<String> = (0..EVENTS).map(|_| events.next().1).collect();
            fs::write(self.events(partition), events.join("\n")).unwrap();
            for event in &events {
                let value = Some(event.as_bytes());
                let time_us = Some(clock::now_us());
                producer.send(&Record { partition: Some(partition), key: None, value, time_us }).unwrap();
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    fn delivered(&self, scene: &Scene) -> Delivered {
        let topic = scene.topic.as_ref().map(|topic| rows::of_topic(&self.kafka, topic));
        Delivered {
            lines: rows::of_files(&scene.lines, FILE_BYTES_MAX),
            hook: scene.receiver.receipts().rows(),
            topic: topic.unwrap_or_default(),
            dead_letters: scene.deployment.dead_letters(),
        }
    }
}

impl Scene {
    /// Runs a process that aborts at a point; whether it did, and did not end by itself before.
    fn crash(&self, place: Place) -> bool {
        let Place { point, turn } = place;
        let mut host = self.deployment.start(&[("STREAMGAUGE_CRASH", &format!("{point}:{turn}"))]);
        let status = host.end();
        assert!(status.success() || status.signal() == Some(SIGABRT), "{status}: {}", host.said());
        !status.success()
    }
}

/// Where two files differ first.
fn differs(found: &str, expected: &str) -> String {
    let lines = |text: &str| text.lines().count();
    let first = found.lines().zip(expected.lines()).enumerate().find(|(_, (left, right))| left != right);
    format!("{} lines instead of {}, first: {first:?}", lines(found), lines(expected))
}
