//! A sink whose component is lost with a fault while it encodes: queries that share it deliver each row once.

use std::{fs, sync::Arc, thread, time::Duration};

use streamgauge::{
    decode::{json, schema::SharedSchema},
    deliver::{
        encode::{Encode, Requests},
        key::Keys,
    },
    deploy::{DeploymentEnd, HostResources, Runtime, RuntimeEvent, Wired},
    logging::{LogFormat, dispatch},
    pipeline::Pipeline,
};
use streamgauge_common::{
    message::{Message, Payload},
    partition::SourceIndex,
    wakeup::Stop,
};
use streamgauge_component::{
    limits::Limits,
    runtime,
    sink::{SinkComponent, SinkInstance},
};
use streamgauge_sql::manifest::Manifest;
use streamgauge_state::{
    outbox::{Bounds, Outbox},
    recovery::RecoveredDecisions,
};
use tracing::{Level, dispatcher::with_default};

use crate::{
    events::{ROWS, Scene, event},
    guests::{self, ENCODED},
    records::file_source,
};

const TOTALS: &str = "SELECT sum(n) AS total FROM TUMBLE(s, ts, INTERVAL '10' SECOND);";
/// Several batches, ten windows.
const EVENTS: i64 = 20_000;
const EVENTS_A_WINDOW: i64 = 2000;
/// The values of the first column, which is of numbers, become the body of the request.
const NUMBERS: &str = "
    (i32.store (i32.const 1052) (i32.load offset=8 (i32.load offset=32 (local.get $arguments))))
    (i32.store (i32.const 1056)
        (i32.shl (i32.load offset=12 (i32.load offset=32 (local.get $arguments))) (i32.const 3)))";
const TRAP: &str = "unreachable";
/// Faults that may be chance, and what they are called.
const CHANCE: [(&str, &str); 2] = [
    ("(loop $on (br $on))", "ran longer than 100 ms"),
    (
        "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))",
        "wanted more than 1 GiB of memory",
    ),
];
/// There is no state here.
const GOES_BACK: &str = "it goes back to its beginning";
const AGAIN: &str = "it is started again and called again with the same rows";

/// A sink that does something before it encodes.
fn sink(before: &str) -> SinkInstance {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(100), ..Limits::default() };
    let runtime = runtime::Runtime::with_limits(limits).unwrap();
    let encode = format!("{before} {NUMBERS} {ENCODED}");
    let guest = guests::sink(&guests::Sink { encode: &encode, ..guests::Sink::default() });
    SinkComponent::new(&runtime, "probe", &guest).unwrap().start().unwrap()
}

/// A fault at the call of an instance with this number. An instance begins with 0 at 200.
fn at_call(number: u32, fault: &str) -> String {
    format!(
        "(i32.store (i32.const 200) (i32.add (i32.load (i32.const 200)) (i32.const 1)))
         (if (i32.eq (i32.load (i32.const 200)) (i32.const {number})) (then {fault}))"
    )
}

/// A request: its number, its key, and the numbers of its rows.
type Sent = (u64, String, Vec<i64>);

/// What a run has left: the requests of each statement.
struct Run {
    end: DeploymentEnd,
    sent: Vec<Vec<Sent>>,
    letters: String,
    told: Vec<String>,
}

impl Run {
    /// How many messages say this.
    fn says(&self, text: &str) -> usize {
        self.told.iter().filter(|line| line.contains(text)).count()
    }
}

/// Runs statements that share a sink, each with a reader of its own.
fn run(statements: &[&str], sink: &SinkInstance) -> Run {
    let encode = |manifest: &Manifest| -> Box<dyn Encode> {
        let encoder = Arc::new(sink.open(&[], &manifest.name, &manifest.output).unwrap());
        Box::new(Requests { encoder, keys: Keys::new(7, &manifest.name), in_one_lane: false })
    };
    let scene = |statement: &&str| {
        let (schema, decisions) = (SharedSchema::new(json::FORMAT, 1 << 20), RecoveredDecisions::default());
        Scene::bounded(schema, statement, decisions, Some(Bounds::default()), &encode)
    };
    let lines: String = (0..EVENTS).map(|n| event(n, n * 10 / EVENTS_A_WINDOW) + "\n").collect();
    let (mut pipelines, mut outboxes, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    for Scene { task, outbox, schema, folder, .. } in statements.iter().map(scene) {
        let path = folder.path().join("events");
        fs::write(&path, &lines).unwrap();
        let source = Arc::new(file_source(path, schema, Arc::default()));
        let reader = (source.open)(&task.read_from(SourceIndex::FIRST)).unwrap();
        pipelines.push(Pipeline { source, reader, tasks: vec![task] });
        outboxes.push(outbox);
        folders.push(folder);
    }
    let (tell, lines_told) = crossbeam_channel::unbounded();
    let (end, ended) = crossbeam_channel::unbounded();
    let lines = dispatch(Level::INFO, LogFormat::Text, move |line| drop(tell.send(line)));
    let ends = move |RuntimeEvent::Ended(_, of)| drop(end.send(of));
    let runtime =
        with_default(&lines, || Runtime::start(Arc::new(ends), Stop::default(), HostResources::default()))
            .unwrap();
    // The name of the deployment that scenes are of.
    runtime.run("", Wired { pipelines, workers: None, control: Arc::default() }).unwrap();
    let mut sent = vec![Vec::new(); outboxes.len()];
    let end = loop {
        let ended = ended.try_recv();
        sent.iter_mut().zip(&outboxes).for_each(|(sent, outbox)| sent.extend(deliver_all(outbox)));
        if let Ok(end) = ended {
            break end;
        }
        thread::yield_now();
    };
    let letters = folders.iter().map(|folder| fs::read_to_string(folder.path().join("letters")).unwrap());
    Run { end, sent, letters: letters.collect(), told: lines_told.try_iter().collect() }
}

fn deliver_all(outbox: &Outbox) -> Vec<Sent> {
    let taken = outbox.take(usize::MAX);
    outbox.acknowledge(taken.iter().map(|message| &**message));
    taken.iter().map(|message| sent(message)).collect()
}

fn sent(message: &Message) -> Sent {
    let Payload::Request(request) = &message.payload else { panic!("{message:?}") };
    let (numbers, rest) = request.body.as_chunks();
    assert!(rest.is_empty() && numbers.len() == message.rows as usize, "{message:?}");
    (message.sequence, message.key.clone(), numbers.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect())
}

/// The numbers of all rows, in their order.
fn numbers(sent: &[Sent]) -> Vec<i64> {
    sent.iter().flat_map(|(_, _, numbers)| numbers.iter().copied()).collect()
}

fn totals() -> Vec<i64> {
    let total = |window: i64| (window * EVENTS_A_WINDOW..(window + 1) * EVENTS_A_WINDOW).sum();
    (0..EVENTS / EVENTS_A_WINDOW).map(total).collect()
}

#[test]
fn queries_whose_sink_is_lost_once_send_what_they_send_where_it_is_not() {
    for (statement, rows, call) in [(TOTALS, totals(), 6), (ROWS, (0..EVENTS).collect(), 4)] {
        let healthy = run(&[statement], &sink(""));
        let [sent] = healthy.sent.as_slice() else { panic!("{:?}", healthy.sent) };
        assert_eq!(numbers(sent), rows);
        assert!(
            (call..2 * call).contains(&(sent.len() as u32)),
            "one instance is lost: {} calls",
            sent.len()
        );
        let mut faults = vec![(TRAP, "trapped", GOES_BACK)];
        faults.extend(CHANCE.map(|(fault, why)| (fault, why, AGAIN)));
        for (fault, why, then) in faults {
            let run = run(&[statement], &sink(&at_call(call, fault)));
            assert_eq!(run.end.failures, [], "{:?}", run.told);
            assert_eq!(run.sent, healthy.sent, "{why}");
            assert_eq!(run.letters, "");
            let lost: Vec<_> = run.told.iter().filter(|line| line.contains("sink `probe`")).collect();
            assert!(
                matches!(lost.as_slice(), [once] if once.contains(why) && once.contains(then)),
                "{lost:?}"
            );
        }
    }
}

#[test]
fn a_row_that_always_makes_a_sink_trap_fails_its_query_and_no_other_one() {
    let total = totals()[4];
    // The first number is the total of the fifth window.
    let trap = format!(
        "(if (i64.eq (i64.load (i32.load offset=8 (i32.load offset=32 (local.get $arguments))))
            (i64.const {total})) (then unreachable))"
    );
    let run = run(&[TOTALS, ROWS], &sink(&trap));
    let [totals_sent, rows_sent] = run.sent.as_slice() else { panic!("{:?}", run.sent) };
    assert_eq!(numbers(rows_sent), Vec::from_iter(0..EVENTS), "the other one is exact: {:?}", run.told);
    assert_eq!(numbers(totals_sent), &totals()[..4], "what was decided before is sent once");
    let [(_, why)] = run.end.failures.as_slice() else { panic!("{:?}", run.end.failures) };
    assert!(why.starts_with("sink `probe` trapped"), "{why}");
    assert_eq!((run.says(GOES_BACK), run.letters.as_str()), (3, ""), "{:?}", run.told);
}
