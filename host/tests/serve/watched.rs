//! The page of metrics of a host, compared with what is known of its deployments.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use streamgauge_common::clock::{self, Stopwatch};

use crate::{
    host::Host,
    life::{sql, with_input},
    live::{PARTITIONS, Scene},
};

/// The values of a page, by name and labels. All series of a metric must stand together, below one head.
fn series(host: &Host) -> BTreeMap<String, f64> {
    let page = host.get("/metrics").is(200).body;
    let (mut values, mut seen, mut family) = (BTreeMap::new(), BTreeSet::new(), String::new());
    for line in page.lines().filter(|line| !line.is_empty()) {
        if let Some(head) = line.strip_prefix("# TYPE ") {
            family = head.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(family.clone()), "{family} stands at two places");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(&family), "{name} below {family}");
            assert!(
                values.insert(name.to_owned(), value.parse().unwrap()).is_none(),
                "{name} is there twice"
            );
        }
    }
    values
}

#[test]
fn closes_delays_and_what_waits_are_on_the_page() {
    let config = "state.drain_timeout = \"100ms\"\n[allow]\nfile_roots = [\"FILES\"]\nprivate_hosts = [\"127.0.0.1\"]\n";
    let Some(scene) = Scene::start_with("watched", config) else { return };
    let traffic = scene.traffic();
    let host = &scene.host;
    host.put("up", "", &scene.sql("up.jsonl", "", "")).is(201);
    // Nobody answers there.
    let file = scene.sql("stuck.jsonl", "", "");
    let (before, _) = file.split_once("CREATE SINK").unwrap();
    let (_, view) = file.split_once("CREATE VIEW").unwrap();
    let hook =
        "CREATE SINK rows WITH (connector = 'webhook', url = 'http://127.0.0.1:1/', allow_private = 'true');";
    let since = Stopwatch::start();
    host.put("stuck", "", &format!("{before}{hook} CREATE VIEW{view}")).is(201);
    let age = "streamgauge_outbox_age_seconds{deployment=\"stuck\",query=\"insert_rows_1\",sink=\"rows\"}";
    host.until("rows wait", || series(host).get(age).is_some_and(|&age| age > 0.5));
    let waited = since.elapsed().as_secs_f64();
    let page = series(host);
    assert!(page[age] <= waited + 0.5, "{} of {waited}", page[age]);
    scene.until_rows("up.jsonl", 3);
    let page = series(host);
    let delivered = "streamgauge_outbox_age_seconds{deployment=\"up\",query=\"insert_rows_1\",sink=\"rows\"}";
    assert!(page[delivered] < 1.0, "{page:?}");
    for partition in 0..PARTITIONS {
        let delay = format!(
            "streamgauge_watermark_delay_seconds{{deployment=\"up\",source=\"events\",partition=\"{partition}\"}}"
        );
        // The source's delay is a second, and its events are of now.
        assert!((1.0..30.0).contains(&page[&delay]), "{delay} {}", page[&delay]);
    }
    let closes = |name: &str| {
        page[&format!("streamgauge_close_duration_seconds_{name}{{deployment=\"up\",query=\"counts\"}}")]
    };
    let rows = scene.rows("up.jsonl").0.len() as f64;
    assert!(closes("count") >= 1.0 && closes("count") <= rows + 1.0, "{} of {rows}", closes("count"));
    assert!(closes("sum") > 0.0 && closes("sum") / closes("count") < 5.0, "{}", closes("sum"));
    assert!(
        !page
            .keys()
            .any(|name| name.starts_with("streamgauge_close_duration_seconds_count")
                && name.contains("insert"))
    );
    host.ask("DELETE", "/v1/deployments/stuck", "").is(204);
    assert!(!series(host).keys().any(|name| name.contains("\"stuck\"")), "{:?}", series(host));
    drop(traffic.finish());
}

#[test]
fn series_go_with_their_deployment_and_their_query() {
    let host = with_input();
    let starts = |host: &Host, name: &str| {
        series(host).get(&format!("streamgauge_deployment_starts_total{{deployment=\"{name}\"}}")).copied()
    };
    let of = |host: &Host, label: &str| series(host).keys().filter(|name| name.contains(label)).count();
    for name in ["a", "b"] {
        host.put(name, "", &sql(&host, "", "").replace("out.jsonl", name)).is(201);
        host.until_state(name, "finished");
    }
    let events = |host: &Host| series(host)["streamgauge_events_total{deployment=\"a\",source=\"requests\"}"];
    assert_eq!((events(&host), starts(&host, "a")), (4.0, Some(1.0)));
    assert!(of(&host, "query=\"counts\"") > 0);
    // Its query has another name in the next version, which has read nothing.
    let renamed = sql(&host, "", "").replace("out.jsonl", "a").replace("counts", "others");
    host.put("a", "?reset=counts", &renamed).is(200);
    host.until_state("a", "finished");
    assert_eq!(starts(&host, "a"), Some(2.0));
    assert_eq!(of(&host, "deployment=\"a\",query=\"counts\""), 0, "{:?}", series(&host));
    assert!(
        of(&host, "deployment=\"a\",query=\"others\"") > 0
            && of(&host, "deployment=\"b\",query=\"counts\"") > 0
    );
    host.ask("DELETE", "/v1/deployments/a", "").is(204);
    assert_eq!((of(&host, "\"a\""), starts(&host, "a")), (0, None), "{:?}", series(&host));
    assert!(of(&host, "\"b\"") > 0);
    host.put("a", "?restore=true", &renamed).is(200);
    assert_eq!(starts(&host, "a"), Some(1.0));
    let since = Stopwatch::start();
    while events(&host) > 0.0 && since.elapsed() < Duration::from_secs(1) {
        clock::pause(Duration::from_millis(10));
    }
    assert_eq!(events(&host), 0.0, "it goes on with its state, and had read all");
}
