//! Actors on real threads: order, bounds, fairness, failures and the end.

use std::{
    collections::BTreeSet,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    },
    thread::{self, ThreadId},
};

use super::*;

/// What a test's actor is told.
enum Told {
    Number(usize),
    /// Waits until the test says that it may go on; says before that it has begun.
    Wait(SyncSender<()>, Receiver<()>),
    Panic,
    Fail,
}

/// Gives the numbers that it is told, in groups of one.
struct Probe {
    numbers: Sender<usize>,
    /// Whether some thread runs it.
    running: AtomicBool,
    seen_on: Arc<Mutex<BTreeSet<String>>>,
}

/// Messages that wait for a probe.
const WAITING_MAX: usize = 8;

impl Actor for Probe {
    type Message = Told;
    const GROUP_MAX: usize = 1;

    fn waiting_max(&self) -> usize {
        WAITING_MAX
    }

    fn handle(&mut self, messages: Vec<Told>) -> Result<(), String> {
        assert!(!self.running.swap(true, SeqCst), "one thread at a time");
        assert_eq!(messages.len(), 1, "a group is bounded");
        let name = thread::current().name().unwrap_or_default().to_owned();
        self.seen_on.lock().unwrap().insert(name);
        for message in messages {
            match message {
                Told::Number(number) => self.numbers.send(number).unwrap(),
                Told::Wait(begun, go_on) => {
                    begun.send(()).unwrap();
                    go_on.recv().unwrap();
                }
                Told::Panic => panic!("asked for"),
                Told::Fail => return Err("the disk is full".to_owned()),
            }
        }
        self.running.store(false, SeqCst);
        Ok(())
    }
}

struct Scene {
    mailbox: Mailbox<Probe>,
    numbers: Receiver<usize>,
    failure: Receiver<ActorFailure>,
    seen_on: Arc<Mutex<BTreeSet<String>>>,
}

fn probe(threads: &Threads) -> Scene {
    let (sender, numbers) = channel();
    let (told, failure) = channel();
    let seen_on = Arc::<Mutex<BTreeSet<String>>>::default();
    let actor = Probe { numbers: sender, running: AtomicBool::new(false), seen_on: seen_on.clone() };
    let mailbox = Mailbox::new(threads, actor, move |why| told.send(why).unwrap());
    Scene { mailbox, numbers, failure, seen_on }
}

/// An actor that a thread runs until the returned sender is used or dropped.
fn busy(scene: &Scene) -> SyncSender<()> {
    let (begun, has_begun) = sync_channel(0);
    let (go_on, waits) = sync_channel(0);
    assert_eq!(scene.mailbox.send(Told::Wait(begun, waits)), Ok(()));
    has_begun.recv().unwrap();
    go_on
}

#[test]
fn a_message_that_comes_while_the_actor_runs_is_handled_after() {
    let threads = Threads::start("test", 2).unwrap();
    let scene = probe(&threads);
    let go_on = busy(&scene);
    for number in 0..3 {
        assert_eq!(scene.mailbox.try_send(Told::Number(number)), Ok(()));
    }
    assert!(scene.numbers.try_recv().is_err(), "a second thread does not take it meanwhile");
    go_on.send(()).unwrap();
    assert_eq!(scene.numbers.iter().take(3).collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn no_message_is_lost_between_the_last_look_and_idleness() {
    let threads = Threads::start("test", 2).unwrap();
    let scene = probe(&threads);
    // Each is sent when the one before was handled, which is when its thread is about to give the actor back.
    for number in 0..20_000 {
        assert_eq!(scene.mailbox.send(Told::Number(number)), Ok(()));
        assert_eq!(scene.numbers.recv(), Ok(number));
    }
}

#[test]
fn hundreds_of_actors_on_four_threads_each_keep_their_order() {
    const ACTORS: usize = 400;
    const NUMBERS: usize = 50;
    let threads = Threads::start("test", 4).unwrap();
    let scenes: Vec<Scene> = (0..ACTORS).map(|_| probe(&threads)).collect();
    for number in 0..NUMBERS {
        for scene in &scenes {
            assert_eq!(scene.mailbox.send(Told::Number(number)), Ok(()));
        }
    }
    let mut names = BTreeSet::new();
    for Scene { mailbox, numbers, failure, seen_on } in scenes {
        drop(mailbox);
        assert_eq!(numbers.iter().collect::<Vec<_>>(), (0..NUMBERS).collect::<Vec<_>>());
        assert!(failure.recv().is_err(), "none failed");
        names.append(&mut seen_on.lock().unwrap());
    }
    let all: BTreeSet<String> = (0..4).map(|number| format!("test-{number}")).collect();
    assert!(names.is_subset(&all), "{names:?}");
}

#[test]
fn an_actor_with_much_to_do_lets_others_run_between_its_turns() {
    let threads = Threads::start("test", 1).unwrap();
    let (greedy, other) = (probe(&threads), probe(&threads));
    let go_on = busy(&greedy);
    for number in 0..8 {
        assert_eq!(greedy.mailbox.try_send(Told::Number(number)), Ok(()));
    }
    let waits = busy_later(&other);
    go_on.send(()).unwrap();
    waits.0.recv().unwrap();
    // The other one runs, on the only thread, before all that waited for the first one is done.
    let before: Vec<usize> = greedy.numbers.try_iter().collect();
    assert_eq!(before, (0..GROUPS_A_TURN - 1).collect::<Vec<_>>());
    waits.1.send(()).unwrap();
    assert_eq!(greedy.numbers.iter().take(5).collect::<Vec<_>>(), (GROUPS_A_TURN - 1..8).collect::<Vec<_>>());
}

/// As [`busy`], without waiting for a thread.
fn busy_later(scene: &Scene) -> (Receiver<()>, SyncSender<()>) {
    let (begun, has_begun) = sync_channel(0);
    let (go_on, waits) = sync_channel(0);
    assert_eq!(scene.mailbox.try_send(Told::Wait(begun, waits)), Ok(()));
    (has_begun, go_on)
}

#[test]
fn a_full_mailbox_refuses_or_lets_the_sender_wait() {
    let threads = Threads::start("test", 1).unwrap();
    let scene = probe(&threads);
    let go_on = busy(&scene);
    for number in 0..WAITING_MAX {
        assert_eq!(scene.mailbox.try_send(Told::Number(number)), Ok(()));
    }
    assert_eq!(scene.mailbox.try_send(Told::Number(99)), Err(Refused::Full));
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            assert_eq!(scene.mailbox.send(Told::Number(WAITING_MAX)), Ok(()));
            sent.store(1, SeqCst);
        });
        assert_eq!(sent.load(SeqCst), 0, "nothing has made room");
        go_on.send(()).unwrap();
        sender.join().unwrap();
    });
    let numbers: Vec<usize> = scene.numbers.iter().take(WAITING_MAX + 1).collect();
    assert_eq!(numbers, (0..=WAITING_MAX).collect::<Vec<_>>());
}

#[test]
fn a_panic_or_an_error_ends_its_actor_alone_and_the_thread_goes_on() {
    let threads = Threads::start("test", 1).unwrap();
    let other = probe(&threads);
    let cases = [
        (Told::Panic, ActorFailure::Panic("it panicked, which is a bug: asked for".into())),
        (Told::Fail, ActorFailure::Error("the disk is full".into())),
    ];
    for (told, failure) in cases {
        let scene = probe(&threads);
        let go_on = busy(&scene);
        assert_eq!(scene.mailbox.try_send(told), Ok(()));
        for number in 1..WAITING_MAX {
            assert_eq!(scene.mailbox.try_send(Told::Number(number)), Ok(()));
        }
        thread::scope(|scope| {
            // Who waits for room is told as well.
            let sender = scope.spawn(|| scene.mailbox.send(Told::Number(7)));
            go_on.send(()).unwrap();
            assert_eq!(scene.failure.recv(), Ok(failure));
            // It may have found room while the message before was handled; what waited is dropped then.
            assert!(matches!(sender.join().unwrap(), Ok(()) | Err(Refused::Ended)));
        });
        assert!(scene.numbers.recv().is_err(), "what waited is dropped with the actor");
        assert_eq!(scene.mailbox.send(Told::Number(8)), Err(Refused::Ended));
        assert_eq!(other.mailbox.send(Told::Number(1)), Ok(()));
        assert_eq!(other.numbers.recv(), Ok(1), "the thread runs others");
    }
}

#[test]
fn what_was_sent_before_the_last_handle_went_is_handled_and_then_all_ends() {
    let threads = Threads::start("test", 2).unwrap();
    let Scene { mailbox, numbers, .. } = probe(&threads);
    for number in 0..WAITING_MAX {
        assert_eq!(mailbox.send(Told::Number(number)), Ok(()));
    }
    let weak = WeakMailbox { handle: Arc::downgrade(&mailbox.handle) };
    drop(threads);
    drop(mailbox);
    // The sender of the numbers is the actor's: the channel ends when the actor is dropped.
    assert_eq!(numbers.iter().collect::<Vec<_>>(), (0..WAITING_MAX).collect::<Vec<_>>());
    assert_eq!(weak.try_send(Told::Number(1)), Err(Refused::Ended));
}

#[test]
fn threads_end_with_the_last_handle() {
    /// Tells, when it is dropped, on which thread.
    struct OnEnd(Sender<ThreadId>);
    impl Drop for OnEnd {
        fn drop(&mut self) {
            // Nobody may listen any more.
            let _ = self.0.send(thread::current().id());
        }
    }
    thread_local! { static END: std::cell::RefCell<Option<OnEnd>> = const { std::cell::RefCell::new(None) } }
    struct Marks(Sender<ThreadId>);
    impl Actor for Marks {
        type Message = ();
        const GROUP_MAX: usize = 1;
        fn waiting_max(&self) -> usize {
            1
        }
        fn handle(&mut self, _: Vec<()>) -> Result<(), String> {
            END.with(|end| *end.borrow_mut() = Some(OnEnd(self.0.clone())));
            Ok(())
        }
    }
    let (told, ended) = channel();
    let threads = Threads::start("test", 1).unwrap();
    let mailbox = Mailbox::new(&threads, Marks(told), |_| ());
    assert_eq!(mailbox.send(()), Ok(()));
    drop(threads);
    assert!(ended.try_recv().is_err(), "a handle to an actor keeps the threads");
    drop(mailbox);
    assert!(ended.recv().is_ok(), "the thread ends");
    assert!(ended.recv().is_err(), "and so does the actor");
}
