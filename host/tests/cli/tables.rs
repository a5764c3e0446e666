//! Tables: joins against a plain program, and versions that change while events come and the process is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use streamgauge_common::clock::Stopwatch;
use tempfile::TempDir;

use crate::{kept::run, outcome, over_views::Draw};

const SOURCE: &str = "CREATE SOURCE s (n BIGINT, model TEXT, tokens BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) \
    WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json', time_format = 'unix_s');\n";

fn prices(format: &str, path: &str) -> String {
    format!(
        "CREATE TABLE prices (model TEXT PRIMARY KEY, usd DOUBLE, team BIGINT, version BIGINT) \
         WITH (connector = 'file', path = '{path}', format = '{format}', reload_interval = '5 ms');\n"
    )
}

fn rows(folder: &Path, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn folder(statements: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("query.sql"), format!("{SOURCE}{statements}")).unwrap();
    folder
}

#[test]
fn joins_equal_a_simple_loop() {
    let statements = format!(
        "{}CREATE TABLE teams (id BIGINT PRIMARY KEY, name TEXT PATH 'about.name') \
             WITH (connector = 'file', path = 'teams.json', format = 'json');
        CREATE SINK one WITH (connector = 'file', path = 'one.jsonl');
        CREATE SINK two WITH (connector = 'file', path = 'two.jsonl');
        CREATE SINK three WITH (connector = 'file', path = 'three.jsonl');
        CREATE VIEW priced AS SELECT s.*, p.usd * tokens AS cost, p.team AS team, t.name
          FROM s LEFT JOIN prices p ON s.model = p.model LEFT JOIN teams t ON p.team = t.id;
        INSERT INTO one SELECT n, cost, team, name FROM priced;
        CREATE VIEW spent AS SELECT window_end, team, count(*) AS requests, sum(cost) AS cost
          FROM TUMBLE(priced, ts, INTERVAL '10' SECOND) WHERE cost > 0 GROUP BY team;
        INSERT INTO two SELECT v.window_end, v.requests, v.cost, t.name FROM spent v JOIN teams t ON v.team = t.id;
        INSERT INTO three SELECT p.team, count(*) AS requests
          FROM TUMBLE(s, ts, INTERVAL '1000' SECOND) r JOIN prices p ON p.model = r.model GROUP BY p.team;",
        prices("csv", "prices.csv")
    );
    let folder = folder(&statements);
    let path = folder.path();
    fs::write(
        path.join("prices.csv"),
        "usd,other,model,team,version\r\n0.5,x,a,1,0\r\n2,\"x, \"\"y\"\"\",\"b\",2,0\r\n,,c,1,0\r\n4,,d,,0\r\n",
    )
    .unwrap();
    fs::write(path.join("teams.json"), "[{\"id\":1,\"about\":{\"name\":\"red\"}},{\"id\":3,\"about\":{}}]")
        .unwrap();
    let table: BTreeMap<&str, (Option<f64>, Option<i64>)> = [
        ("a", (Some(0.5), Some(1))),
        ("b", (Some(2.0), Some(2))),
        ("c", (None, Some(1))),
        ("d", (Some(4.0), None)),
    ]
    .into();
    let team = |id: Option<i64>| (id == Some(1)).then_some("red");
    let mut draw = Draw(7);
    let (mut events, mut one, mut two) = (String::new(), Vec::new(), BTreeMap::new());
    let mut three: BTreeMap<Option<i64>, i64> = BTreeMap::new();
    for n in 0..20_000_i64 {
        let model = draw.one_of(&[Some("a"), Some("b"), Some("c"), Some("d"), Some("e"), None]);
        let (tokens, ts) = (draw.seconds(10), n / 500);
        events.push_str(&format!("{}\n", json!({"n": n, "model": model, "tokens": tokens, "ts": ts})));
        let found = model.and_then(|model| table.get(model));
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let cost = found.and_then(|(usd, _)| usd.map(|usd| usd * tokens as f64));
        let id = found.and_then(|(_, id)| *id);
        one.push(json!({"n": n, "cost": cost, "team": id, "name": team(id)}));
        if let (Some(cost), Some(name)) = (cost.filter(|&cost| cost > 0.0), team(id)) {
            let (requests, sum) = two.entry(ts / 10).or_insert((0_i64, 0.0));
            (*requests, *sum) = (*requests + 1, *sum + cost);
            assert_eq!(name, "red");
        }
        if found.is_some() {
            *three.entry(id).or_default() += 1;
        }
    }
    fs::write(path.join("events.jsonl"), events).unwrap();
    let (exit, _, said) = outcome(&mut run(path, &["--input", "s=events.jsonl"]));
    assert_eq!(exit, 0, "{said}");
    assert_eq!(rows(path, "one.jsonl"), one);
    let two = two.into_iter().map(|(window, (requests, cost))| {
        let end = format!("1970-01-01T00:00:{:02}.000Z", (window + 1) * 10);
        json!({"window_end": end, "requests": requests, "cost": cost, "name": "red"})
    });
    assert_eq!(rows(path, "two.jsonl"), two.collect::<Vec<_>>());
    // NULL is the last key.
    let three = three
        .iter()
        .filter(|(team, _)| team.is_some())
        .chain(three.iter().filter(|(team, _)| team.is_none()));
    let three = three.map(|(team, requests)| json!({"team": team, "requests": requests}));
    assert_eq!(rows(path, "three.jsonl"), three.collect::<Vec<_>>());
}

/// A process that is given events one by one.
struct Running {
    child: Child,
}

const STATE: [&str; 6] = ["--input", "s=-", "--state", "state", "--checkpoint-interval", "50ms"];

impl Running {
    /// Goes on with a state. What it has read before it passes over.
    fn start(folder: &Path, given: i64, crash: Option<&str>) -> Self {
        let mut command = run(folder, &STATE);
        if let Some(crash) = crash {
            command.env("STREAMGAUGE_CRASH", crash);
        }
        let said = fs::File::options().create(true).append(true).open(folder.join("said")).unwrap();
        let mut child = command.stdin(Stdio::piped()).stderr(said).spawn().unwrap();
        let events: String = (1..=given).map(event).collect();
        let _killed = child.stdin.as_mut().unwrap().write_all(events.as_bytes());
        Self { child }
    }

    fn give(&mut self, n: i64) {
        let _killed = self.child.stdin.as_mut().unwrap().write_all(event(n).as_bytes());
    }

    /// Waits until something is so; false where the process has ended before.
    fn wait_until(&mut self, is_so: impl Fn() -> bool) -> bool {
        let since = Stopwatch::start();
        while !is_so() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "it does not come");
        }
        true
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn event(n: i64) -> String {
    format!("{}\n", json!({"n": n, "model": "a", "tokens": 1, "ts": n}))
}

/// Puts another file in the place of the table's, as a whole.
fn swap(folder: &Path, text: &str) {
    fs::write(folder.join("next.csv"), text).unwrap();
    fs::rename(folder.join("next.csv"), folder.join("prices.csv")).unwrap();
}

fn version(number: i64) -> String {
    format!("model,usd,team,version\na,1.5,1,{number}\n")
}

fn last_row(folder: &Path) -> (i64, i64) {
    let row = rows(folder, "row.jsonl").pop().unwrap_or_default();
    let number = |name: &str| row.get(name).and_then(Value::as_i64).unwrap_or_default();
    (number("n"), number("version"))
}

const CHANGING: &str = "CREATE SINK row WITH (connector = 'file', path = 'row.jsonl');
    CREATE SINK window_ WITH (connector = 'file', path = 'window.jsonl');
    CREATE SINK behind WITH (connector = 'file', path = 'behind.jsonl');
    INSERT INTO row SELECT n, p.version FROM s JOIN prices p ON s.model = p.model;
    CREATE VIEW v AS SELECT window_end, model, p.version AS version, count(*) AS events, min(n) AS first, max(n) AS last
      FROM HOP(s, ts, INTERVAL '3' SECOND, INTERVAL '12' SECOND) r LEFT JOIN prices p ON r.model = p.model
      GROUP BY r.model, p.version;
    INSERT INTO window_ SELECT * FROM v;
    INSERT INTO behind SELECT v.window_end, v.version AS met, p.version FROM v LEFT JOIN prices p ON v.model = p.model;";

#[test]
fn a_record_meets_one_version_whatever_becomes_of_the_process() {
    let statements = prices("csv", "prices.csv") + CHANGING;
    let folder = folder(&statements.replace("SELECT window_end, model,", "SELECT window_end, r.model,"));
    let path = folder.path();
    swap(path, &version(0));
    let mut draw = Draw(11);
    let (mut n, mut running) = (0, Running::start(path, 0, None));
    for change in 1..=7_i64 {
        let wrong = format!("{}a,2,1,{}\n", version(1000 + change), 1000 + change);
        if change % 3 == 0 {
            swap(path, &wrong);
        } else {
            swap(path, &version(change));
        }
        if change % 3 == 1 {
            running.kill();
            running = Running::start(path, n, Some("table.content_kept:1"));
        }
        // Until the version is there; a version that is wrong never is.
        for _ in 0..10 {
            n += 1;
            running.give(n);
            let has_come = draw.below(8) != 0 && running.wait_until(|| last_row(path).0 >= n);
            let gone = running.child.try_wait().unwrap().is_some();
            if gone || draw.below(10) == 0 {
                running.kill();
                running = Running::start(path, n, None);
            }
            if has_come && last_row(path).1 == change {
                break;
            }
        }
    }
    swap(path, &version(99));
    running.kill();
    running = Running::start(path, n, None);
    while last_row(path).1 != 99 {
        n += 1;
        running.give(n);
        assert!(running.wait_until(|| last_row(path).0 >= n));
    }
    running.end();
    check(path, n);
    // While it runs or when it starts.
    let said = fs::read_to_string(path.join("said")).unwrap();
    assert!(said.contains(TWICE), "{said}");
}

/// Why a content with a key twice is refused.
const TWICE: &str = "the file 'prices.csv': row 2: the key 'a' of `model` is already that of row 1";

#[test]
fn a_version_that_cannot_be_read_leaves_the_one_before() {
    let folder = folder(
        &(prices("csv", "prices.csv")
            + "CREATE SINK row WITH (connector = 'file', path = 'row.jsonl');
               INSERT INTO row SELECT n, p.version FROM s JOIN prices p ON s.model = p.model;"),
    );
    let path = folder.path();
    swap(path, &version(0));
    let mut running = Running::start(path, 0, None);
    running.give(1);
    assert!(running.wait_until(|| last_row(path) == (1, 0)));
    swap(path, &format!("{}a,2,1,1001\n", version(1001)));
    let refused = format!("a new version is not used, the old one stays: {TWICE}");
    assert!(running.wait_until(|| fs::read_to_string(path.join("said")).unwrap().contains(&refused)));
    running.give(2);
    assert!(running.wait_until(|| last_row(path) == (2, 0)));
    swap(path, &version(2));
    let mut n = 2;
    while last_row(path).1 != 2 {
        n += 1;
        running.give(n);
        assert!(running.wait_until(|| last_row(path).0 >= n));
    }
    running.end();
    let versions = rows(path, "row.jsonl");
    assert!(versions.iter().all(|row| row["version"] != 1001), "{versions:?}");
}

/// Whether the rows are those of versions that began at some record each, one after the other, and of all `count` events.
fn check(folder: &Path, count: i64) {
    let number =
        |row: &Value, name: &str| row.get(name).and_then(Value::as_i64).unwrap_or_else(|| panic!("{row}"));
    let singles = rows(folder, "row.jsonl");
    let seen: Vec<i64> = singles.iter().map(|row| number(row, "n")).collect();
    assert_eq!(seen, (1..=count).collect::<Vec<_>>(), "each event once");
    let versions: Vec<i64> = singles.iter().map(|row| number(row, "version")).collect();
    assert!(versions.is_sorted() && versions.iter().all(|&version| version < 1000), "{versions:?}");
    assert!(versions.iter().collect::<BTreeSet<_>>().len() > 2, "{versions:?}");
    let mut met: BTreeMap<i64, i64> = BTreeMap::new();
    let mut windows: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    for row in rows(folder, "window.jsonl") {
        let (first, last) = (number(&row, "first"), number(&row, "last"));
        assert_eq!(number(&row, "events"), last - first + 1, "one version follows the other: {row}");
        let end = row.get("window_end").and_then(Value::as_str).unwrap().to_owned();
        for n in first..=last {
            assert!(windows.entry(end.clone()).or_default().insert(n), "{n} is twice in {end}");
            let version = *met.entry(n).or_insert(number(&row, "version"));
            assert_eq!(version, number(&row, "version"), "event {n} met two versions");
        }
    }
    assert_eq!(met.keys().copied().collect::<Vec<_>>(), (1..=count).collect::<Vec<_>>());
    assert!(met.values().is_sorted(), "{met:?}");
    for (end, events) in &windows {
        let (first, last) = (events.first().unwrap(), events.last().unwrap());
        assert_eq!(i64::try_from(events.len()).unwrap(), last - first + 1, "{end} has all of its events");
    }
    let behind = rows(folder, "behind.jsonl");
    let of_windows: Vec<(&str, i64)> = behind
        .iter()
        .map(|row| (row.get("window_end").and_then(Value::as_str).unwrap(), number(row, "version")))
        .collect();
    assert_eq!(behind.len(), rows(folder, "window.jsonl").len());
    for pair in of_windows.windows(2) {
        let [(end, version), (next_end, next)] = pair else { unreachable!() };
        assert!(version <= next && (end != next_end || version == next), "{of_windows:?}");
    }
}

#[test]
fn a_table_that_cannot_be_read_refuses_the_start() {
    let statements =
        prices("csv", "prices.csv") + "SELECT n, p.usd FROM s LEFT JOIN prices p ON s.model = p.model;";
    let folder = folder(&statements);
    let path = folder.path();
    fs::write(path.join("events.jsonl"), event(1)).unwrap();
    let contents = [
        (None, "the file 'prices.csv' cannot be read"),
        (Some(""), "it is empty; its first line names the columns"),
        (Some("model,usd,team\na,1,1\n"), "its first line names no column `version`: model, usd, team"),
        (Some("model,usd,team,version\na,1,1\n"), "row 1: it has 3 fields, and the first line names 4"),
        (Some("model,usd,team,version\na,1,1,1\nb,x,1,1\n"), "row 2: `usd` is 'x', which is no DOUBLE"),
        (Some("model,usd,team,version\na,inf,1,1\n"), "row 1: `usd` is 'inf'"),
        (Some("model,usd,team,version\n,1,1,1\n"), "row 1: the key `model` is NULL"),
        (Some("model,usd,team,version\n\"a,1,1,1\n"), "row 1: a field in quotes has no end"),
        (
            Some("model,usd,team,version\na,1,1,1\na,1,1,1\n"),
            "row 2: the key 'a' of `model` is already that of row 1",
        ),
    ];
    for (content, expected) in contents {
        content.into_iter().for_each(|content| fs::write(path.join("prices.csv"), content).unwrap());
        let (exit, printed, said) = outcome(&mut run(path, &["--input", "s=events.jsonl"]));
        assert_eq!((exit, printed.as_str()), (1, ""), "{said}");
        assert!(said.contains("table 'prices'") && said.contains(expected), "{expected}: {said}");
    }
    fs::write(path.join("prices.csv"), version(1) + &"x".repeat(2000)).unwrap();
    let limit = ["--input", "s=events.jsonl", "--limit", "max_table_bytes=1KiB"];
    let (exit, _, said) = outcome(&mut run(path, &limit));
    assert!(exit == 1 && said.contains("is longer than max_table_bytes (1024)"), "{said}");
}
