//! A runtime as a program drives it: deployments over one real Kafka topic come and go while events flow, and none notices another.
//! The oracle is a plain program that counts the events that it writes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "what does not hold here fails the test"
)]

#[path = "../common/real_broker.rs"]
mod real_broker;
#[path = "../stalls/traffic.rs"]
#[expect(dead_code, reason = "the tests of stalls use the others")]
mod traffic;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use streamgauge::{
    deploy::{
        Binding, Connectors, DeployError, Deployment, DeploymentEnd, HostCatalog, HostResources, Runtime,
        RuntimeError, RuntimeEvent, State, Status,
    },
    limits::Limits,
    logging::{LogFormat, dispatch},
    timings::Timings,
};
use streamgauge_common::{
    clock::{self, Stopwatch},
    wakeup::Stop,
};
use streamgauge_component::plugins::Plugins;
use streamgauge_kafka::{Connection, Depth, create_topic};
use streamgauge_sql::{Program, SourceText, compile};
use streamgauge_state::store::Store;
use tracing::{Level, dispatcher::with_default};

use self::traffic::{Counted, Traffic, Windows, close};

const PARTITIONS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(60);

/// A runtime over a topic of its own into which events flow.
struct Scene {
    folder: tempfile::TempDir,
    brokers: Connection,
    topic: String,
    plugins: Arc<Plugins>,
    runtime: Runtime,
    stop: Stop,
    /// Deployments that have ended, and how.
    ended: Arc<Mutex<BTreeMap<String, DeploymentEnd>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn start(name: &str) -> Option<Self> {
        let brokers = real_broker::broker()?;
        let topic = format!("{name}-{}", clock::now_us());
        create_topic(&brokers, &topic, PARTITIONS).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = told.clone();
        let dispatch = dispatch(Level::INFO, LogFormat::Text, move |line| heard.lock().unwrap().push(line));
        let (stop, ended) = (Stop::default(), Arc::new(Mutex::new(BTreeMap::new())));
        let heard = ended.clone();
        let tell = move |RuntimeEvent::Ended(name, end)| _ = heard.lock().unwrap().insert(name, end);
        let runtime = with_default(&dispatch, || {
            Runtime::start(Arc::new(tell), stop.clone(), HostResources::default())
        })
        .unwrap();
        let engine = streamgauge_component::runtime::Runtime::new().unwrap();
        let plugins = Arc::new(Plugins::embedded(engine));
        let folder = tempfile::tempdir().unwrap();
        Some(Self { folder, brokers, topic, plugins, runtime, stop, ended, told })
    }

    fn traffic(&self) -> Traffic {
        let plan: Vec<(u32, Duration)> = (0..PARTITIONS).map(|it| (it, Duration::from_millis(3))).collect();
        Traffic::start(&self.brokers, &self.topic, &plan)
    }

    /// A program that counts the events of each second into a file, and does something else as well.
    fn program(&self, name: &str, other: &str) -> Program {
        let (brokers, topic, rows) = (&self.brokers.brokers, &self.topic, self.rows_of(name));
        let text = format!(
            "CREATE SOURCE events (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
             WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', start = 'earliest',
                   time_format = 'unix_ms');
             CREATE SINK rows WITH (connector = 'file', path = '{}');
             INSERT INTO rows SELECT window_end, count(*) AS n, sum(id) AS ids
             FROM TUMBLE(events, ts, INTERVAL '1' SECOND) GROUP BY window_end;
             {other}",
            rows.display()
        );
        let text = SourceText { name: format!("{name}.sql"), text };
        {
            let connectors = Connectors::default();
            let catalog =
                HostCatalog { plugins: &self.plugins, connectors: &connectors, depth: Depth::Quick };
            compile(&[text], &catalog).unwrap().program
        }
    }

    fn rows_of(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(format!("{name}.jsonl"))
    }

    fn deploy(&self, name: &str, other: &str, keeps_state: bool) {
        self.deploy_in(&self.runtime, name, other, keeps_state);
    }

    fn deploy_in(&self, runtime: &Runtime, name: &str, other: &str, keeps_state: bool) {
        let program = self.program(name, other);
        let state = keeps_state.then(|| {
            Store::open(self.folder.path().join(format!("{name}-state")).to_str().unwrap()).unwrap()
        });
        let (connectors, timings) = (Connectors::default(), Arc::new(Timings::default()));
        let deployment = Deployment {
            state,
            checkpoint_interval: Duration::from_millis(200),
            ..Deployment::new(name, &program, &self.plugins, &connectors, &timings)
        };
        runtime.deploy(&deployment).unwrap();
    }

    fn status(&self, name: &str) -> Option<Status> {
        let status = self.runtime.status().unwrap();
        status.deployments.into_iter().find(|status| status.name == name)
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let since = Stopwatch::start();
        while !holds() {
            let told = || self.told.lock().unwrap().join("\n");
            assert!(since.elapsed() < PATIENCE, "{what}: {:?}\n{}", self.runtime.status(), told());
            clock::pause(Duration::from_millis(10));
        }
    }

    fn rows(&self, name: &str) -> Windows {
        rows(&self.rows_of(name))
    }

    fn until_rows(&self, name: &str, count: usize) {
        self.until(&format!("{count} rows of {name}"), || self.rows(name).len() >= count);
    }
}

/// The rows of a file, by the end of their windows; each is there once.
fn rows(path: &Path) -> Windows {
    let mut found = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let end =
            streamgauge_functions::parse_timestamp(row["window_end"].as_str().unwrap().as_bytes()).unwrap();
        let counted = Counted { n: row["n"].as_i64().unwrap(), ids: row["ids"].as_i64().unwrap() };
        assert_eq!(found.insert(end / 1000, counted), None, "twice: {line}");
    }
    found
}

#[test]
fn three_deployments_share_a_reader_and_none_notices_what_happens_to_another() {
    let Some(scene) = Scene::start("three") else { return };
    let traffic = scene.traffic();
    scene.deploy("dropped", "", false);
    scene.until_rows("dropped", 2);
    scene.deploy("paused", "", true);
    scene.deploy("failing", "CREATE SINK full WITH (connector = 'file', path = '/dev/full', mode = 'append'); INSERT INTO full SELECT id FROM events;", false);
    let failed = || scene.status("failing").is_some_and(|status| !status.failures.is_empty());
    scene.until("the third fails in part", failed);
    scene.until("one reader serves all", || scene.runtime.status().unwrap().readers == 1);

    let end = scene.runtime.drop_deployment("dropped").unwrap();
    assert_eq!((end.failures, end.counts.late), (vec![], 0));
    let dropped = scene.rows("dropped");
    assert_eq!(scene.status("dropped"), None);

    scene.runtime.pause("paused").unwrap();
    assert_eq!(scene.status("paused").unwrap().state, State::Paused);
    assert!(matches!(scene.runtime.pause("paused"), Err(RuntimeError::Wrong { state: State::Paused, .. })));
    let (paused, others) = (scene.rows("paused").len(), scene.rows("failing").len());
    scene.until_rows("failing", others + 3);
    assert!(scene.rows("paused").len() <= paused + 1, "what was decided leaves, nothing else");
    scene.runtime.resume("paused").unwrap();
    scene.until_rows("paused", scene.rows("failing").len());
    scene.until("one reader serves both", || scene.runtime.status().unwrap().readers == 1);

    let events = traffic.finish();
    close(&scene.brokers, &scene.topic, PARTITIONS, &events);
    let expected = events.windows();
    for name in ["paused", "failing"] {
        scene.until_rows(name, expected.len());
        let end = scene.runtime.drop_deployment(name).unwrap();
        assert_eq!(end.counts.late, 0, "{name}");
        assert_eq!(&scene.rows(name), expected, "{name}");
        let failures: Vec<&str> = end.failures.iter().map(|(who, _)| who.as_str()).collect();
        assert_eq!(failures, if name == "failing" { vec!["query 'insert_full_1'"] } else { vec![] });
    }
    let prefix: Windows =
        expected.iter().take(dropped.len()).map(|(&end, &counted)| (end, counted)).collect();
    assert_eq!(dropped, prefix, "what it had decided when it was dropped");
    scene.runtime.shut_down().unwrap();
}

#[test]
fn a_deployment_that_was_dropped_goes_on_from_its_state_when_it_is_deployed_again() {
    let Some(scene) = Scene::start("again") else { return };
    let traffic = scene.traffic();
    scene.deploy("one", "", true);
    scene.until_rows("one", 2);
    scene.runtime.pause("one").unwrap();
    scene.runtime.drop_deployment("one").unwrap();
    let rows_before = scene.rows("one");
    scene.deploy("one", "", true);
    scene.until_rows("one", rows_before.len() + 2);
    let events = traffic.finish();
    close(&scene.brokers, &scene.topic, PARTITIONS, &events);
    scene.until_rows("one", events.windows().len());
    scene.runtime.shut_down().unwrap();
    assert_eq!(&rows(&scene.folder.path().join("one.jsonl")), events.windows());
}

#[test]
fn a_stop_ends_a_paused_deployment_as_it_ends_one_that_runs() {
    let Some(scene) = Scene::start("stopped") else { return };
    let traffic = scene.traffic();
    for name in ["runs", "paused"] {
        scene.deploy(name, "", true);
    }
    scene.until_rows("runs", 2);
    scene.until_rows("paused", 2);
    scene.runtime.pause("paused").unwrap();
    scene.stop.set();
    scene.until("both have ended", || scene.ended.lock().unwrap().len() == 2);
    assert_eq!(scene.runtime.status().unwrap().deployments, []);
    for name in ["runs", "paused"] {
        let end = scene.ended.lock().unwrap().remove(name).unwrap();
        assert_eq!(end.failures, [], "{name}");
        assert!(end.counts.events > 0, "{name}: {:?}", end.counts);
        assert_eq!(
            end.counts.rows,
            scene.rows(name).len() as u64,
            "{name}: all that it decided was delivered"
        );
    }
    let events = traffic.finish();
    close(&scene.brokers, &scene.topic, PARTITIONS, &events);
    let next = Runtime::start(Arc::new(|_| {}), Stop::default(), HostResources::default()).unwrap();
    for name in ["runs", "paused"] {
        scene.deploy_in(&next, name, "", true);
        scene.until_rows(name, events.windows().len());
    }
    next.shut_down().unwrap();
    for name in ["runs", "paused"] {
        assert_eq!(&scene.rows(name), events.windows(), "{name} goes on from its last checkpoint");
    }
}

#[test]
fn a_runtime_says_what_it_does_not_do() {
    let runtime = Runtime::start(Arc::new(|_| {}), Stop::default(), HostResources::default()).unwrap();
    assert_eq!(runtime.pause("none"), Err(RuntimeError::Unknown("none".into())));
    assert_eq!(runtime.resume("none").unwrap_err().to_string(), "there is no deployment 'none'");
    assert!(runtime.drop_deployment("none").is_err());
    assert_eq!(runtime.status().unwrap().deployments, []);
    runtime.shut_down().unwrap();
}

#[test]
fn a_deployment_with_other_numbers_of_state_threads_than_its_runtime_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let engine = streamgauge_component::runtime::Runtime::new().unwrap();
    let (plugins, connectors) = (Arc::new(Plugins::embedded(engine)), Connectors::default());
    let text = "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');
                CREATE SINK rows WITH (connector = 'console');
                INSERT INTO rows SELECT n FROM s;";
    let text = SourceText { name: "query.sql".into(), text: text.into() };
    let catalog = HostCatalog { plugins: &plugins, connectors: &connectors, depth: Depth::Quick };
    let program = compile(&[text], &catalog).unwrap().program;
    let timings = Arc::new(Timings::default());
    let runtime_limits = Limits { log_threads: 8, ..Limits::DEFAULT };
    let resources = HostResources::new(&runtime_limits);
    let runtime = Runtime::start(Arc::new(|_| {}), Stop::default(), resources).unwrap();
    let deploy = |name: &str, limits: &Limits, keeps_state: bool| {
        let (path, bind) = (folder.path().join(name), folder.path().join(format!("{name}.jsonl")));
        let state = keeps_state.then(|| Store::open(path.to_str().unwrap()).unwrap());
        let outputs = [Binding { name: "rows".into(), path: bind }];
        let new = Deployment::new(name, &program, &plugins, &connectors, &timings);
        runtime.deploy(&Deployment { limits, state, outputs: &outputs, ..new })
    };
    deploy("equal", &runtime_limits, true).unwrap();
    deploy("without-state", &Limits::DEFAULT, false).unwrap();
    let Err(DeployError::Usage(why)) = deploy("other", &Limits::DEFAULT, true) else {
        panic!("it is deployed");
    };
    let expected = "error: deployment 'other' has log_threads=4, checkpoint_threads=2, and its runtime has log_threads=8, \
                    checkpoint_threads=2\nhelp: ";
    assert!(why.starts_with(expected), "{why}");
    assert_eq!(runtime.status().unwrap().deployments.len(), 2);
    runtime.shut_down().unwrap();
}
