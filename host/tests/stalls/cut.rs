//! A broker is cut off from the host: the partitions that it leads are not idle, whatever they have.

use std::time::Duration;

use crate::{
    brokers::{Cluster, topic},
    host::{Host, prepare},
    pause, seconds,
    traffic::{Traffic, close},
};

const PARTITIONS: u32 = 12;
const BUSY: Duration = Duration::from_millis(10);

/// Cuts off one broker of several, which leads partitions that are busy, slow, slower than the idle time-out, and empty.
fn is_cut_off(cluster: &Cluster, idle_timeout: &str, slow: Duration, slower: Duration, time: Duration) {
    let topic = topic(&cluster.direct, "cut", PARTITIONS);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &cluster.proxied(), &topic, idle_timeout);
    let (led, others) = cluster.led_by(&topic, 1);
    let (&[a, b, c, ..], &[d, e, ..]) = (&led[..], &others[..]) else {
        panic!("led {led:?}, others {others:?}")
    };
    let plan = [(a, BUSY), (b, slow), (c, slower), (d, BUSY), (e, slow)];
    let traffic = Traffic::start(&cluster.direct, &topic, &plan);
    let mut host = Host::start(&folder, &[]);
    host.until("rows", |host| host.rows().len() > 4);
    cluster.proxies[0].set_cut(true);
    pause(time);
    host.until("the reason", |host| host.said().contains("does not answer, windows wait for it"));
    cluster.proxies[0].set_cut(false);
    pause(seconds(4));
    let events = traffic.finish();
    close(&cluster.direct, &topic, PARTITIONS, &events);
    host.assert_exact(&events);
}

#[test]
fn partitions_of_a_broker_that_is_cut_off_are_not_idle() {
    let Some(cluster) = Cluster::start(2) else { return };
    is_cut_off(&cluster, "1 second", Duration::from_millis(700), Duration::from_millis(2500), seconds(6));
}

/// A leader that stands still loses its partitions to others. When it goes on it does not know that yet, and says that they end where
/// they ended before.
#[test]
#[ignore = "takes minutes: make soak"]
fn a_leader_that_was_replaced_while_it_stood_still_is_not_believed() {
    let Some(cluster) = Cluster::start(3) else { return };
    for _ in 0..3 {
        let topic = topic(&cluster.direct, "replaced", 6);
        let folder = tempfile::tempdir().unwrap();
        // Longer than whoever writes needs to find the new leader, shorter than the old one stands still.
        prepare(&folder, &cluster.direct.brokers, &topic, "2 seconds");
        let plan: Vec<(u32, Duration)> = (0..6).map(|partition| (partition, BUSY)).collect();
        let traffic = Traffic::start(&cluster.direct, &topic, &plan);
        let mut host = Host::start(&folder, &[]);
        host.until("rows", |host| host.rows().len() > 4);
        for _ in 0..6 {
            let leader = cluster.leader(&topic, 0);
            cluster.signal(leader, "STOP");
            pause(Duration::from_millis(4200));
            cluster.signal(leader, "CONT");
            pause(seconds(6));
        }
        let events = traffic.finish();
        close(&cluster.direct, &topic, 6, &events);
        host.assert_exact(&events);
    }
}

#[test]
#[ignore = "takes minutes: make soak"]
fn long_cuts() {
    for count in [2, 3] {
        let Some(cluster) = Cluster::start(count) else { return };
        for time in [30, 60, 90] {
            is_cut_off(&cluster, "10 seconds", seconds(2), seconds(15), seconds(time));
        }
    }
}
