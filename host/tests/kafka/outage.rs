//! The sink and a broker of its own, which is killed, halted and set up otherwise than usual.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use streamgauge_kafka::{Transactions, WriteError, create_topic};

use super::{
    broker::broker,
    sink::{Running, signal},
    transactions::{assert_exact, control, message, messages, numbers, patiently, sized},
    *,
};

/// Brokers in a folder of their own, gone when dropped.
pub(crate) struct Brokers {
    folder: tempfile::TempDir,
    pub(crate) connection: Connection,
}

/// Runs `.ci/kafka.sh`; what it prints.
pub(crate) fn kafka(arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.ci/kafka.sh");
    // A broker outlives the script and would keep its error output open.
    let output = Command::new(script).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Brokers {
    /// One broker, or a cluster; none where tests without Kafka are allowed.
    pub(crate) fn start(count: u32) -> Option<Self> {
        broker()?;
        let folder = tempfile::tempdir().unwrap();
        let mut brokers = Self { folder, connection: Connection::default() };
        brokers.connection.brokers = match count {
            1 => kafka(&["start", &brokers.path("")]),
            _ => kafka(&["start-cluster", &brokers.path(""), &count.to_string()]),
        };
        Some(brokers)
    }

    fn path(&self, node: &str) -> String {
        self.folder.path().join(node).to_str().unwrap().to_owned()
    }

    pub(crate) fn topic(&self, name: &str, partitions: u32, settings: &[&str]) -> String {
        let node = if self.folder.path().join("nodes").exists() { "1" } else { "" };
        let partitions = partitions.to_string();
        let (path, mut arguments) = (self.path(node), vec!["topic"]);
        arguments.extend([path.as_str(), name, &partitions]);
        settings.iter().for_each(|setting| arguments.extend(["--config", setting]));
        kafka(&arguments);
        name.to_owned()
    }

    /// Sends a signal to a broker.
    pub(crate) fn signal(&self, node: &str, name: &str) {
        let pid = fs::read_to_string(self.folder.path().join(node).join("pid")).unwrap();
        signal(pid.trim().parse().unwrap(), name);
    }

    /// Starts a broker that was killed.
    pub(crate) fn restart(&self, node: &str) {
        kafka(&["start", &self.path(node)]);
    }
}

impl Drop for Brokers {
    fn drop(&mut self) {
        kafka(&["stop", &self.path("")]);
    }
}

#[test]
fn a_broker_that_is_killed_again_and_again_costs_no_row() {
    let Some(brokers) = Brokers::start(1) else { return };
    let topic = brokers.topic("rows", 3, &[]);
    let worker = Running::start(&brokers.connection, &topic, Some(control(&topic)));
    let mut next = 1;
    for _ in 0..3 {
        // Killed in the midst of transactions: of the last its worker cannot know whether it was committed.
        let upto = worker.outbox.acknowledged().upto + fastrand::u64(50..400);
        while worker.outbox.acknowledged().upto < upto {
            worker.outbox.push([message(next)]);
            next += 1;
            worker.wait("room", |worker| worker.outbox.rows() < 200);
        }
        worker.outbox.push(messages(next..=next + 99));
        next += 100;
        let before = worker.told.lines().len();
        brokers.signal("", "KILL");
        // Also where all else was delivered before the kill: a worker that has nothing to send notices no outage.
        worker.outbox.push([message(next)]);
        next += 1;
        worker.wait("notice", |worker| worker.told.lines().len() > before);
        brokers.restart("");
        worker.wait("delivery", |worker| worker.outbox.is_empty());
    }
    let told = worker.drain();
    assert_eq!(told.len(), 6, "each outage is told once, and its end: {told:?}");
    assert_exact(&brokers.connection, &topic, next - 1);
}

#[test]
fn a_commit_that_nobody_answered_is_looked_up() {
    let Some(brokers) = Brokers::start(1) else { return };
    let topic = brokers.topic("rows", 2, &[]);
    let control = control(&topic);
    let (mut writer, _) = Transactions::open(&brokers.connection, &topic, &control, &patiently).unwrap();
    writer.write(&messages(1..=10), &patiently).unwrap();
    brokers.signal("", "STOP");
    let error = writer.write(&messages(11..=20), &patiently).unwrap_err();
    assert!(matches!(error, WriteError::Away(_)), "{error}");
    brokers.signal("", "CONT");
    let delivered = writer.reopen(&patiently).unwrap();
    assert!([10, 20].contains(&delivered), "{delivered}");
    writer.write(&messages(delivered + 1..=30), &patiently).unwrap();
    assert_exact(&brokers.connection, &topic, 30);
}

#[test]
fn the_last_number_survives_compaction() {
    let Some(brokers) = Brokers::start(1) else { return };
    let topic = brokers.topic("rows", 1, &[]);
    let control = control(&topic);
    let settings = ["cleanup.policy=compact", "segment.ms=100", "min.cleanable.dirty.ratio=0.01"];
    brokers.topic(&control.topic, 1, &settings);
    let (mut writer, _) = Transactions::open(&brokers.connection, &topic, &control, &patiently).unwrap();
    let mut next = 1;
    let written = |next| {
        let mut source = open(&brokers.connection, Reading { bounded: true, ..reading(&control.topic) });
        let seen = read_until(&mut source, |seen| seen.done.len() == 1);
        (seen.count() as u64, next)
    };
    // Until most of what was written has gone.
    loop {
        (0..20).for_each(|_| {
            writer.write(&[message(next)], &patiently).unwrap();
            next += 1;
        });
        let (kept, written) = written(next);
        if kept < written / 2 {
            break;
        }
        assert!(next < 20_000, "it is never compacted");
    }
    drop(writer);
    let (_, delivered) = Transactions::open(&brokers.connection, &topic, &control, &patiently).unwrap();
    assert_eq!(delivered, next - 1);
    assert_exact(&brokers.connection, &topic, next - 1);
}

#[test]
fn a_row_that_the_broker_does_not_take_is_found_among_the_others() {
    let Some(brokers) = Brokers::start(1) else { return };
    for (name, with_control) in [("with", true), ("without", false)] {
        let topic = brokers.topic(name, 2, &["max.message.bytes=20000"]);
        let worker = Running::start(&brokers.connection, &topic, with_control.then(|| control(&topic)));
        let size = |sequence| if [3, 77, 78, 300].contains(&sequence) { 30_000 } else { 10 };
        worker.outbox.push((1..=300).map(|sequence| sized(sequence, size(sequence))));
        let told = worker.drain();
        let why = "MessageSizeTooLarge (Broker: Message size too large)";
        assert_eq!(told, [3, 77, 78, 300].map(|sequence| format!("rejected {sequence}: {why}")));
        let mut seen = numbers(&brokers.connection, &topic, "read_committed");
        seen.sort_unstable();
        assert_eq!(seen, (1..=300).filter(|sequence| size(*sequence) == 10).collect::<Vec<_>>());
    }
}

#[test]
fn what_a_source_lacks_is_told_one_by_one() {
    let Some(brokers) = Brokers::start(1) else { return };
    brokers.signal("", "KILL");
    let mut source = open(&brokers.connection, reading("later"));
    let Event::Waiting { message } = next(&mut source) else { panic!("nobody is there") };
    assert!(message.starts_with("Kafka does not answer: "), "{message}");
    brokers.restart("");
    let Event::Waiting { message } = next(&mut source) else { panic!("it is missing") };
    assert_eq!(message, "topic 'later' does not exist; waiting for it");
    assert_quiet(&mut source, Duration::from_secs(3), "all was told");
    create_topic(&brokers.connection, "later", 1).unwrap();
    assert!(matches!(next(&mut source), Event::Started(_)));
    assert!(matches!(next(&mut source), Event::Resumed));
}
