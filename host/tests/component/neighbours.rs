//! A query whose reducer fails, ends; its neighbour on the same source is exact, and the host goes on.

use std::{
    fs,
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Duration,
};

use streamgauge::{
    component::{limits::Limits, plugins::Plugins, runtime::Runtime},
    decode::json::Decoder,
    deliver::output::Output,
    engine::{Accumulators, Settings, WindowQuery},
    pipeline::{Ended, Pipeline, Progress, feed},
    query::{Context, Counts, RunningQuery, Windows},
    timings::Timings,
};
use streamgauge_sql::{Program, SourceText, compile, manifest::TimeFormat};

use crate::guests::{Reducer, open};

const PROGRAM: &str = "
CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts)
WITH (connector = 'kafka', brokers = 'b:1', topic = 't', format = 'json', time_format = 'unix_s');
SELECT window_end, count(*) AS n, sum(n) AS total FROM TUMBLE(s, ts, INTERVAL '10' SECOND);
SELECT window_end, count(*) AS n FROM TUMBLE(s, ts, INTERVAL '10' SECOND);
";

fn program(plugins: &Plugins) -> Program {
    let text = SourceText { name: "test.sql".into(), text: PROGRAM.into() };
    compile(&[text], plugins).unwrap().program
}

/// Runs the program's queries over 100,000 events, the second with a guest that does `body` instead of counting.
fn run(body: &str) -> (Ended, String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let (events, rows) = (folder.path().join("events.jsonl"), folder.path().join("rows.jsonl"));
    let lines: String = (0..100_000).map(|n| format!("{{\"n\":{n},\"ts\":{}}}\n", n / 1000)).collect();
    fs::write(&events, lines).unwrap();

    let plugins = Plugins::embedded(Runtime::new().unwrap());
    let program = program(&plugins);
    let schema = &program.sources.first().unwrap().columns;
    let output = Arc::new(Output::to_file(&rows, fs::File::create(&rows).unwrap()));
    let limits = Limits { plugin_call_timeout: Duration::from_millis(100), ..Limits::default() };
    let mut queries = Vec::new();
    for (number, query) in program.queries.iter().enumerate() {
        let manifest = query.plan.manifest.clone();
        let window = manifest.window.as_ref().unwrap();
        let accumulators = window.aggregates.iter().map(|aggregate| -> Box<dyn Accumulators> {
            if number == 1 {
                return Box::new(open(limits, &Reducer { accumulate: body, ..Reducer::default() }).unwrap());
            }
            Box::new(plugins.open(aggregate).unwrap())
        });
        let accumulators = accumulators.collect();
        let engine = WindowQuery::new(window, Settings::default(), []).unwrap();
        let place = |name: &str| schema.iter().position(|column| column.name == name).unwrap();
        let columns = manifest.columns.iter().map(|column| place(&column.name)).collect();
        let mut running = RunningQuery::new(manifest, None, Some(Windows { engine, accumulators }), columns);
        running.send_to(output.clone());
        queries.push(running);
    }
    let timings = Arc::new(Timings::default());
    let decoder = Decoder::new(schema, TimeFormat::UnixSeconds, false, 1 << 20);
    let pipeline = Pipeline {
        feed: feed::files(&[events], decoder, 1 << 20, timings.clone()).unwrap(),
        queries,
        context: Context {
            source: "s".into(),
            dead_letters: None,
            counts: Counts::default(),
            timings,
            wrote: false,
            broken: None,
            unread: false,
        },
        idle_timeout: Duration::from_secs(10),
        future: None,
        progress: Arc::new(Progress::default()),
    };
    let told = Mutex::new(Vec::new());
    let ended = pipeline.run(&AtomicBool::new(false), &|text| told.lock().unwrap().push(text.to_owned()));
    (ended, fs::read_to_string(rows).unwrap(), told.into_inner().unwrap())
}

/// Ten windows of 10,000 events each, with the sums of their numbers.
fn expected() -> String {
    let row = |window: i64| {
        let total: i64 = (window * 10_000..(window + 1) * 10_000).sum();
        let end = (window + 1) * 10;
        let end = format!("1970-01-01T00:{:02}:{:02}.000Z", end / 60, end % 60);
        format!("{{\"window_end\":\"{end}\",\"n\":10000,\"total\":{total}}}\n")
    };
    (0..10).map(row).collect()
}

#[test]
fn a_trap_and_a_loop_fail_their_own_query_alone() {
    for (body, why) in [
        ("unreachable", "reducer `probe` trapped"),
        ("(loop $on (br $on)) unreachable", "reducer `probe` ran longer than 100 ms"),
    ] {
        let (ended, rows, told) = run(body);
        assert_eq!(rows, expected(), "the neighbour is exact");
        let [(who, what)] = ended.failures.as_slice() else { panic!("{:?}", ended.failures) };
        assert_eq!(who, "query 'select_2'");
        assert!(what.starts_with(why), "{what}");
        let [told] = told.as_slice() else { panic!("{told:?}") };
        assert!(told.starts_with(&format!("query 'select_2' failed: {why}")), "{told}");
        assert_eq!((ended.counts.events, ended.counts.rows), (100_000, 10));
    }
}
