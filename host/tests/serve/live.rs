//! Deployments over a real Kafka while events flow: changed, killed and rolled back, with the rows that a plain program counts.

use std::{collections::BTreeMap, fs, time::Duration};

use serde_json::Value;
use streamgauge_common::clock;
use streamgauge_kafka::{Connection, create_topic};

use crate::{
    host::Host,
    real_broker,
    traffic::{Counted, Traffic, Windows, close},
};

pub(crate) const PARTITIONS: u32 = 2;

pub(crate) struct Scene {
    pub(crate) host: Host,
    pub(crate) brokers: Connection,
    pub(crate) topic: String,
}

impl Scene {
    pub(crate) fn start(name: &str) -> Option<Self> {
        Self::start_with(name, "[allow]\nfile_roots = [\"FILES\"]\n")
    }

    /// With this in the configuration of the host.
    pub(crate) fn start_with(name: &str, config: &str) -> Option<Self> {
        let brokers = real_broker::broker()?;
        let topic = format!("{name}-{}", clock::now_us());
        create_topic(&brokers, &topic, PARTITIONS).unwrap();
        let mut host = Host::new(config);
        host.start();
        Some(Self { host, brokers, topic })
    }

    pub(crate) fn traffic(&self) -> Traffic {
        let plan: Vec<(u32, Duration)> = (0..PARTITIONS).map(|it| (it, Duration::from_millis(3))).collect();
        Traffic::start(&self.brokers, &self.topic, &plan)
    }

    /// Counts the events of each second into a file of its own.
    pub(crate) fn sql(&self, file: &str, condition: &str, having: &str) -> String {
        let (brokers, topic) = (&self.brokers.brokers, &self.topic);
        format!(
            "CREATE SOURCE events (id BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)
             WITH (connector = 'kafka', brokers = '{brokers}', topic = '{topic}', format = 'json', start = 'earliest',
                   time_format = 'unix_ms');
             CREATE SINK rows WITH (connector = 'file', path = '{}/{file}', mode = 'append');
             CREATE VIEW counts AS SELECT window_end, count(*) AS n, sum(id) AS ids
             FROM TUMBLE(events, ts, INTERVAL '1' SECOND) {condition} GROUP BY window_end {having};
             INSERT INTO rows SELECT * FROM counts;",
            self.host.files().display()
        )
    }

    /// The rows of a file by the end of their windows, and how many were there before with the same window.
    pub(crate) fn rows(&self, file: &str) -> (Windows, usize) {
        let (mut found, mut again) = (BTreeMap::new(), 0);
        let text = fs::read_to_string(self.host.files().join(file)).unwrap_or_default();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let end = row["window_end"].as_str().unwrap();
            let end = streamgauge_functions::parse_timestamp(end.as_bytes()).unwrap();
            let counted = Counted { n: row["n"].as_i64().unwrap(), ids: row["ids"].as_i64().unwrap() };
            match found.insert(end / 1000, counted) {
                None => {}
                Some(before) => {
                    assert_eq!(before, counted, "a row that comes again is the same: {line}");
                    again += 1;
                }
            }
        }
        (found, again)
    }

    pub(crate) fn until_rows(&self, file: &str, count: usize) {
        self.host.until(&format!("{count} rows in {file}"), || self.rows(file).0.len() >= count);
    }
}

#[test]
fn changes_and_kills_under_load_lose_nothing_and_repeat_only_what_was_rolled_back() {
    let Some(mut scene) = Scene::start("changes") else { return };
    let traffic = scene.traffic();
    let names: Vec<String> = (0..8).map(|number| format!("d{number}")).collect();
    let file = |name: &str| format!("{name}.jsonl");
    for name in &names {
        scene.host.put(name, "", &scene.sql(&file(name), "", "")).is(201);
    }
    scene.until_rows("d7.jsonl", 2);
    // HAVING may change, and what it leaves is as before here.
    let having = scene.sql("d1.jsonl", "", "HAVING count(*) > 0");
    let plan = scene.host.put("d1", "?plan=true", &having).is(200).json();
    assert_eq!(plan["queries"][0]["action"], "keep");
    scene.host.put("d1", "?wait=true", &having).is(200);
    scene.host.kill();
    scene.host.start();
    scene.host.ask("POST", "/v1/deployments/d2/pause", "").is(200);
    scene.host.ask("POST", "/v1/deployments/d3/savepoint", "").is(200);
    // Another WHERE: its state is reset, and all that Kafka has is read again into another file.
    let changed = scene.sql("d4-again.jsonl", "WHERE id > 0", "");
    scene.host.put("d4", "", &changed).is(409);
    scene.host.put("d4", "?reset=counts&wait=true", &changed).is(200);
    let before = scene.rows("d5.jsonl").0.len();
    scene.until_rows("d5.jsonl", before + 2);
    scene.host.put("d5", "?wait=true", &scene.sql("d5.jsonl", "", "HAVING count(*) >= 1")).is(200);
    let before = scene.rows("d5.jsonl").0.len();
    scene.until_rows("d5.jsonl", before + 2);
    scene.host.ask("POST", "/v1/deployments/d5/rollback", "").is(200);
    assert_eq!(scene.host.deployment("d5")["version"], 3);
    scene.host.kill();
    scene.host.start();
    assert_eq!(scene.host.state_of("d2"), "paused", "it stays so");
    scene.host.ask("POST", "/v1/deployments/d2/resume", "").is(200);
    scene.host.ask("DELETE", "/v1/deployments/d6", "").is(204);
    assert!(scene.host.end().success());
    scene.host.start();
    let dropped = scene.rows("d6.jsonl").0;

    let events = traffic.finish();
    close(&scene.brokers, &scene.topic, PARTITIONS, &events);
    let expected = events.windows();
    for name in names.iter().filter(|name| *name != "d6" && *name != "d4") {
        scene.until_rows(&file(name), expected.len());
        let (rows, again) = scene.rows(&file(name));
        assert_eq!(&rows, expected, "{name}");
        match name.as_str() {
            "d5" => assert!(again >= 2, "what was rolled back comes again"),
            _ => assert_eq!(again, 0, "{name}"),
        }
    }
    scene.until_rows("d4-again.jsonl", expected.len());
    assert_eq!(scene.rows("d4-again.jsonl"), (expected.clone(), 0));
    let prefix: Windows =
        expected.iter().take(dropped.len()).map(|(&end, &counted)| (end, counted)).collect();
    assert_eq!(dropped, prefix);
    let list = scene.host.get("/v1/deployments").json();
    let states: Vec<&str> =
        list["deployments"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(
        states,
        ["running", "running", "running", "running", "running", "running", "dropped", "running"]
    );
}

/// Kills the host at random moments, also in the middle of changes, `kills` times; the rows of every deployment are those of the oracle.
fn kills_at_random(name: &str, kills: usize) {
    let Some(mut scene) = Scene::start(name) else { return };
    let traffic = scene.traffic();
    let names: Vec<String> = (0..8).map(|number| format!("d{number}")).collect();
    let file = |name: &str| format!("{name}.jsonl");
    for name in &names {
        scene.host.put(name, "", &scene.sql(&file(name), "", "")).is(201);
    }
    scene.until_rows("d7.jsonl", 1);
    for kill in 0..kills {
        let changed = names[kill % names.len()].clone();
        let having = format!("HAVING count(*) > 0 AND count(*) < {}", 1_000_000 + kill);
        let (sql, address) = (scene.sql(&file(&changed), "", &having), scene.host.address().to_owned());
        // Who is killed does not answer.
        let change = std::thread::spawn(move || {
            let put = format!(
                "PUT /v1/deployments/{changed} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                sql.len()
            );
            let stream = std::net::TcpStream::connect(&address);
            drop(stream.map(|mut stream| {
                use std::io::{Read as _, Write as _};
                drop(stream.write_all(put.as_bytes()).and_then(|()| stream.write_all(sql.as_bytes())));
                drop(stream.read_to_end(&mut Vec::new()));
            }));
        });
        clock::pause(Duration::from_millis(fastrand::u64(0..1500)));
        scene.host.kill();
        change.join().unwrap();
        scene.host.start();
    }
    let events = traffic.finish();
    close(&scene.brokers, &scene.topic, PARTITIONS, &events);
    for name in &names {
        scene.until_rows(&file(name), events.windows().len());
        assert_eq!(scene.rows(&file(name)), (events.windows().clone(), 0), "{name}");
    }
    let log = scene.host.log();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn kills_in_the_middle_of_changes_lose_and_repeat_nothing() {
    kills_at_random("kills", 4);
}

#[test]
#[ignore = "takes a minute and a half: make soak"]
fn a_hundred_kills_in_the_middle_of_changes_lose_and_repeat_nothing() {
    kills_at_random("hundred-kills", 100);
}
