//! A topic that was made anew under a deployment, and what its operator is told to do.

use std::time::Duration;

use streamgauge_common::clock;
use streamgauge_kafka::{Producer, create_topic, delete_topic};

use crate::{
    live::{PARTITIONS, Scene},
    traffic::send,
};

#[test]
fn a_deployment_goes_on_with_a_topic_that_was_made_anew_where_its_operator_says_so() {
    let Some(scene) = Scene::start("anew") else { return };
    let (host, topic) = (&scene.host, &scene.topic);
    let write = |ids: std::ops::Range<i64>, end: bool| {
        let producer = Producer::new(&scene.brokers, topic).unwrap();
        let now_ms = clock::now_us() / 1000;
        for partition in 0..PARTITIONS {
            for id in ids.clone() {
                send(&producer, partition, &format!("{{\"id\":{id},\"ts\":{now_ms}}}"));
            }
            if end {
                send(&producer, partition, &format!("{{\"id\":0,\"ts\":{}}}", now_ms + 60_000));
            }
        }
        producer.flush(Duration::from_secs(60)).unwrap();
        (now_ms.div_euclid(1000) + 1) * 1000
    };
    host.put("d", "?wait=true", &scene.sql("rows.jsonl", "", "")).is(201);
    write(0..10, false);
    host.until("all is read", || host.deployment("d")["queries"][0]["events"] == 20);
    delete_topic(&scene.brokers, topic).unwrap();
    while create_topic(&scene.brokers, topic, PARTITIONS).is_err() {
        clock::pause(Duration::from_millis(50));
    }
    host.until_state("d", "failed");
    let reason = host.deployment("d")["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("'streamgauge accept-topic DEPLOYMENT events'"), "{reason}");
    assert!(!reason.contains("--state"), "{reason}");
    let wrong = host.command(&["accept-topic", "d", "others"]);
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(wrong.status.code() == Some(1) && told.contains("its queries read events"), "{told}");
    host.ask("POST", "/v1/deployments/d/accept-topic", "").is(400);
    // What the old topic had is in open windows; from its start the new one is read.
    let accepted = host.command(&["accept-topic", "d", "EVENTS", "--from-start"]);
    assert!(accepted.status.success(), "{accepted:?} {}", host.log());
    let end_ms = write(10..15, true);
    host.until("rows of the new topic", || scene.rows("rows.jsonl").0.contains_key(&end_ms));
    let ids = scene.rows("rows.jsonl").0[&end_ms].ids;
    assert_eq!(ids, i64::from(PARTITIONS) * (10..15).sum::<i64>(), "each event of the new topic once");
}
