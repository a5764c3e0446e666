//! The worker that delivers an outbox, in this process and in others that are killed.

use std::{
    env,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use streamgauge::deliver::kafka::{DeliveryEvents, KafkaSink};
use streamgauge_common::{message::Message, wakeup::Stop};
use streamgauge_kafka::{Control, create_topic};
use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};

use super::{
    broker::{broker, topic},
    transactions::{assert_exact, control, message, messages, numbers, sized},
    *,
};

/// What a worker says.
#[derive(Clone, Default)]
pub(crate) struct Told {
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl Told {
    fn add(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

impl DeliveryEvents for Told {
    fn rejected(&self, message: &Message, why: &str) -> bool {
        self.add(format!("rejected {}: {why}", message.sequence));
        true
    }

    fn down(&self, why: &str) {
        self.add(format!("down: {why}"));
    }

    fn back(&self) {
        self.add("back".into());
    }
}

/// A worker on a thread of its own.
pub(crate) struct Running {
    pub(crate) outbox: Outbox,
    pub(crate) told: Told,
    stop: Stop,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(connection: &Connection, topic: &str, control: Option<Control>) -> Self {
        let sink = KafkaSink { connection: connection.clone(), topic: topic.into(), control };
        let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
        let (told, stop) = (Told::default(), Stop::default());
        let thread = thread::spawn({
            let (outbox, told, stop) = (outbox.clone(), told.clone(), stop.clone());
            move || sink.deliver(&outbox, &stop, &told)
        });
        Self { outbox, told, stop, thread: Some(thread) }
    }

    /// Waits until something is so.
    pub(crate) fn wait(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let ticks = crossbeam_channel::tick(Duration::from_millis(10));
        for _ in 0..4 * PATIENCE.as_millis() / 10 {
            if so(self) {
                return;
            }
            assert_eq!(self.outbox.failure(), None);
            ticks.recv().unwrap();
        }
        panic!("no {what} in time: {} rows wait, {:?}", self.outbox.rows(), self.told.lines());
    }

    pub(crate) fn says(&self, start: &str) -> bool {
        self.told.lines().iter().any(|line| line.starts_with(start))
    }

    /// Closes the outbox and waits for the worker to end.
    pub(crate) fn drain(mut self) -> Vec<String> {
        self.outbox.close();
        self.thread.take().unwrap().join().unwrap();
        assert_eq!(self.outbox.failure(), None);
        assert!(self.outbox.is_drained());
        self.told.lines()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A process that delivers messages 1, 2, ..., as one does that has forgotten all that it did.
pub(crate) struct Process {
    command: Command,
}

impl Process {
    pub(crate) fn new(connection: &Connection, topic: &str, control: Option<&Control>, last: u64) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "sink::in_a_process_of_its_own", "--nocapture"]);
        let control = control.map_or(String::new(), |control| format!("{} {}", control.topic, control.id));
        command.env("SINK", format!("{}\n{topic}\n{last}\n{control}", connection.brokers));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Self { command }
    }

    pub(crate) fn spawn(mut self) -> Child {
        self.command.spawn().unwrap()
    }

    /// Runs until it has passed a point.
    pub(crate) fn crash(mut self, point: &str) {
        self.command.env("STREAMGAUGE_CRASH", point);
        let status = self.command.output().unwrap().status;
        assert_eq!(status.signal(), Some(6), "{point} was not passed: {status}");
    }

    /// Runs to its end.
    pub(crate) fn run(mut self) {
        let output = self.command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Sends a signal to a process that a test has started.
pub(crate) fn signal(pid: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().unwrap();
    assert!(sent.success());
}

/// The other process: a test that passes unless it is asked for.
#[test]
fn in_a_process_of_its_own() {
    let Ok(asked) = env::var("SINK") else { return };
    let [brokers, topic, last, control] = asked.split('\n').collect::<Vec<_>>()[..] else {
        panic!("{asked}")
    };
    let connection = Connection { brokers: brokers.into(), ..Connection::default() };
    let control = control.split_once(' ').map(|(topic, id)| Control { topic: topic.into(), id: id.into() });
    let worker = Running::start(&connection, topic, control);
    let mut next = 1;
    let last: u64 = last.parse().unwrap();
    while next <= last {
        // Transactions of different lengths.
        let upto = (next + next % 97).min(last);
        worker.outbox.push(messages(next..=upto));
        worker.wait("delivery", |worker| worker.outbox.is_empty());
        next = upto + 1;
    }
    worker.drain();
}

#[test]
fn a_process_that_dies_anywhere_delivers_each_row_once() {
    let Some(connection) = broker() else { return };
    for point in [
        "kafka.after_fence",
        "kafka.before_begin",
        "kafka.before_commit",
        "kafka.after_commit",
        "kafka.before_settle",
    ] {
        let topic = topic(&connection, "dies", 3);
        let control = control(&topic);
        let process = || Process::new(&connection, &topic, Some(&control), 400);
        process().crash(point);
        if point != "kafka.after_fence" {
            process().crash(&format!("{point}:3"));
        }
        process().run();
        assert_exact(&connection, &topic, 400);
    }
}

#[test]
fn a_process_that_is_killed_at_any_moment_delivers_each_row_once() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "killed", 3);
    let control = control(&topic);
    let last = 20_000;
    for kill in 0..10 {
        let mut child = Process::new(&connection, &topic, Some(&control), last).spawn();
        let life = Duration::from_millis(20 + fastrand::u64(0..60) * (1 + kill));
        crossbeam_channel::after(life).recv().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    Process::new(&connection, &topic, Some(&control), last).run();
    assert_exact(&connection, &topic, last);
}

#[test]
fn a_process_that_was_asleep_while_another_took_over_ends_and_says_why() {
    let Some(connection) = broker() else { return };
    let topic = topic(&connection, "asleep", 3);
    let control = control(&topic);
    let last = 5_000;
    let sleeper = Process::new(&connection, &topic, Some(&control), last).spawn();
    let ticks = crossbeam_channel::tick(Duration::from_millis(20));
    while numbers(&connection, &topic, "read_committed").is_empty() {
        ticks.recv().unwrap();
    }
    signal(sleeper.id(), "STOP");
    Process::new(&connection, &topic, Some(&control), last).run();
    signal(sleeper.id(), "CONT");
    let output = sleeper.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(told.contains("another streamgauge with this state writes to topic"), "{told}");
    assert_exact(&connection, &topic, last);
}

#[test]
fn a_hundred_thousand_rows_are_delivered_once() {
    let Some(connection) = broker() else { return };
    for with_control in [true, false] {
        let topic = topic(&connection, "many", 4);
        let worker = Running::start(&connection, &topic, with_control.then(|| control(&topic)));
        worker.wait("topic", |worker| {
            worker.outbox.push([message(1)]);
            true
        });
        worker.wait("delivery", |worker| worker.outbox.is_empty());
        let watch = Stopwatch::start();
        for chunk in messages(2..=100_000).chunks(500) {
            worker.wait("room", |worker| worker.outbox.has_room());
            worker.outbox.push(chunk.iter().cloned());
        }
        assert_eq!(worker.drain(), [""; 0]);
        eprintln!("100,000 rows, control {with_control}: {:?}", watch.elapsed());
        assert_exact(&connection, &topic, 100_000);
    }
}

#[test]
fn rows_of_the_wrong_size_are_rejected_and_no_others() {
    let Some(connection) = broker() else { return };
    for with_control in [true, false] {
        let topic = topic(&connection, "size", 2);
        let worker = Running::start(&connection, &topic, with_control.then(|| control(&topic)));
        let size = |sequence| if [3, 50, 100].contains(&sequence) { 2 << 20 } else { 10 };
        worker.outbox.push((1..=100).map(|sequence| sized(sequence, size(sequence))));
        let told = worker.drain();
        let why = "Message production error: MessageSizeTooLarge (Broker: Message size too large)";
        assert_eq!(told, [3, 50, 100].map(|sequence| format!("rejected {sequence}: {why}")));
        let mut seen = numbers(&connection, &topic, "read_committed");
        seen.sort_unstable();
        assert_eq!(seen, (1..=100).filter(|sequence| size(*sequence) == 10).collect::<Vec<_>>());
    }
}

#[test]
fn a_topic_that_is_missing_is_waited_for() {
    let Some(connection) = broker() else { return };
    for with_control in [true, false] {
        let name = topic(&connection, "sink", 1) + "-later";
        let worker = Running::start(&connection, &name, with_control.then(|| control(&name)));
        worker.outbox.push(messages(1..=5));
        worker.wait("notice", |worker| worker.says("down"));
        create_topic(&connection, &name, 1).unwrap();
        let told = worker.drain();
        assert_eq!(told, [format!("down: topic '{name}' does not exist; waiting for it"), "back".into()]);
        assert_exact(&connection, &name, 5);
    }
}

#[test]
fn a_worker_that_waits_in_vain_stops_when_it_is_told_to() {
    let connection = Connection { brokers: "127.0.0.1:1".into(), ..Connection::default() };
    for with_control in [true, false] {
        let worker = Running::start(&connection, "t", with_control.then(|| control("t")));
        worker.outbox.push(messages(1..=5));
        worker.wait("notice", |worker| worker.says("down"));
        assert!(!worker.outbox.is_empty());
        drop(worker);
    }
}
