//! Partitions without events: they do not hold the watermark back, and when all are silent, windows close after the idle time-out.

use std::{fs, time::Duration};

use crate::{
    brokers::{broker, topic},
    host::{Host, prepare},
    pause, seconds,
    traffic::{Events, close, send},
};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_partition_that_is_idle_holds_nobody_back() {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "idle", 3);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, "1 second");
    let mut host = Host::start(&folder, &[]);
    let plain = streamgauge_kafka::Producer::new(&kafka, &topic).unwrap();
    let mut events = Events::default();
    // Partition 2 never has an event, 1 has one and is silent then, 0 goes on.
    send(&plain, 1, &events.next());
    for _ in 0..60 {
        send(&plain, 0, &events.next());
        pause(Duration::from_millis(100));
    }
    let so_far = events.windows().len();
    assert!(host.rows().len() + 4 >= so_far, "{} of {so_far}: {}", host.rows().len(), host.said());
    // When all are silent, time itself closes the last windows.
    host.until("the last window", |host| host.rows() == *events.windows());
    pause(seconds(1));
    close(&kafka, &topic, 3, &events);
    host.assert_exact(&events);
}

/// The windows of the view are closed soon, those over it by the same silence when it has lasted long enough.
#[test]
fn silence_closes_windows_over_a_view_too() {
    let Some(kafka) = broker() else { return };
    let topic = topic(&kafka, "idle-over-view", 2);
    let folder = tempfile::tempdir().unwrap();
    prepare(&folder, &kafka.brokers, &topic, "1 second");
    let query = folder.path().join("query.sql");
    let over_view = "SELECT window_end, sum(n) AS n, sum(ids) AS ids FROM TUMBLE(counted, window_end, INTERVAL '6' SECOND) \
                     GROUP BY window_end;";
    let sql = fs::read_to_string(&query).unwrap().replace("SELECT * FROM counted;", over_view);
    assert!(sql.ends_with(over_view), "{sql}");
    fs::write(query, sql).unwrap();
    let mut host = Host::start(&folder, &[]);
    let plain = streamgauge_kafka::Producer::new(&kafka, &topic).unwrap();
    let mut events = Events::default();
    (0..3).for_each(|_| send(&plain, 0, &events.next()));
    plain.flush(PATIENCE).unwrap();
    host.until("the windows over the view", |host| {
        host.rows().values().map(|counted| counted.n).sum::<i64>() == 3
    });
    host.interrupt();
}
