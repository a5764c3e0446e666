//! What needs a broker that does as it is told.

use streamgauge_common::chunk::ChunkLimits;
use streamgauge_kafka::{MockCluster, Record};

use super::*;

fn cluster(topic: &str, partitions: u32) -> (MockCluster, Connection) {
    let cluster = MockCluster::start().unwrap();
    cluster.create_topic(topic, partitions).unwrap();
    let connection = cluster.connection();
    (cluster, connection)
}

#[test]
fn every_partition_is_read_in_order_and_says_when_it_is_read_to_its_end() {
    let (_cluster, connection) = cluster("t", 3);
    write(&connection, "t", 0, 0..10_000);
    write(&connection, "t", 2, 0..5);
    let mut source = open(&connection, reading("t"));
    let seen = read_until(&mut source, |seen| seen.ended.len() >= 3);
    assert_eq!(seen.started, BTreeMap::from([(0, (0, None)), (1, (0, None)), (2, (0, None))]));
    assert_eq!(seen.records, BTreeMap::from([(0, numbered(0..10_000)), (2, numbered(0..5))]));
    write(&connection, "t", 1, 0..3);
    let mut seen = seen;
    read_on(&mut source, &mut seen, |seen| seen.ended.len() >= 4);
    assert_eq!((seen.records[&1].clone(), seen.ended[3]), (numbered(0..3), 1));
    assert_eq!(source.ends(), BTreeMap::from([(0, Offset(10_000)), (1, Offset(3)), (2, Offset(5))]));
}

#[test]
fn times_come_along_and_a_record_without_a_value_is_empty() {
    let (_cluster, connection) = cluster("t", 1);
    let producer = Producer::new(&connection, "t").unwrap();
    let time_us = Some(1_700_000_000_123_456);
    producer.send(&Record { partition: Some(0), time_us, ..Record::default() }).unwrap();
    producer.send(&Record { partition: Some(0), value: Some(&[b'x'; 100]), time_us, key: None }).unwrap();
    producer.flush(PATIENCE).unwrap();
    let mut source = open(
        &connection,
        Reading { chunks: ChunkLimits { record_bytes_max: 10, ..ChunkLimits::default() }, ..reading("t") },
    );
    let (mut records, mut arrived_us) = (vec![], vec![]);
    while records.len() < 2 {
        if let Event::Records(chunk) = next(&mut source) {
            records.extend((0..chunk.len()).map(|row| chunk.record(row).to_vec()));
            arrived_us.extend(chunk.arrived_us);
        }
    }
    assert_eq!(records[0], b"");
    assert_eq!(records[1].len(), 11, "cut to one byte more than the limit");
    assert_eq!(arrived_us, [1_700_000_000_123_000; 2]);
}

#[test]
fn it_goes_on_with_the_offsets_that_it_is_given() {
    let (_cluster, connection) = cluster("t", 2);
    write(&connection, "t", 0, 0..10);
    write(&connection, "t", 1, 0..10);
    let offsets = BTreeMap::from([(0, Offset(7))]);
    let mut source = open(&connection, Reading { offsets, start: StartAt::Latest, ..reading("t") });
    let seen = read_until(&mut source, |seen| seen.ended.len() >= 2);
    assert_eq!(seen.records, BTreeMap::from([(0, numbered(0..10).split_off(7))]));
    assert_eq!(seen.started, BTreeMap::from([(0, (7, None)), (1, (10, None))]));
}

#[test]
fn a_bounded_reading_ends_where_the_partitions_ended_at_first_start() {
    let (_cluster, connection) = cluster("t", 3);
    write(&connection, "t", 0, 0..100);
    write(&connection, "t", 1, 0..10);
    let bounded = Reading { bounded: true, ..reading("t") };
    let mut source = open(&connection, bounded.clone());
    let seen = read_until(&mut source, |seen| seen.done.len() == 3);
    assert_eq!(seen.started, BTreeMap::from([(0, (0, Some(100))), (1, (0, Some(10))), (2, (0, Some(0)))]));
    assert_eq!(seen.records, BTreeMap::from([(0, numbered(0..100)), (1, numbered(0..10))]));
    // A second run knows the ends, has read a part, and does not see what was written since.
    write(&connection, "t", 0, 100..200);
    let ends = seen.started.iter().map(|(&partition, &(_, end))| (partition, Offset(end.unwrap()))).collect();
    let offsets =
        BTreeMap::from([(0, 50), (1, 10), (2, 0)].map(|(partition, next)| (partition, Offset(next))));
    let mut source = open(&connection, Reading { ends, offsets, ..bounded });
    let seen = read_until(&mut source, |seen| seen.done.len() == 3);
    assert_eq!(seen.records, BTreeMap::from([(0, numbered(0..100).split_off(50))]));
    assert_quiet(&mut source, Duration::from_millis(200), "nothing comes behind the end");
}

#[test]
fn offsets_that_the_topic_does_not_have_end_the_source() {
    let (_cluster, connection) = cluster("t", 1);
    write(&connection, "t", 0, 0..10);
    let mut source =
        open(&connection, Reading { offsets: BTreeMap::from([(0, Offset(11))]), ..reading("t") });
    let Event::Failed { message } = next(&mut source) else { panic!("it does not have 11") };
    assert!(message.contains("topic 't' partition 0 has offsets 0 to 10, but 11 is next"), "{message}");
    assert_quiet(&mut source, Duration::from_millis(100), "it is over");
}

#[test]
fn a_broker_that_goes_away_is_told_once_and_waited_for() {
    let (cluster, connection) = cluster("t", 1);
    write(&connection, "t", 0, 0..10);
    let mut source = open(&connection, reading("t"));
    let mut seen = read_until(&mut source, |seen| seen.ended.len() == 1);
    cluster.set_down(true).unwrap();
    let Event::Waiting { message } = next(&mut source) else { panic!("it went away") };
    assert!(message.starts_with("Kafka is away: "), "{message}");
    assert_quiet(&mut source, Duration::from_millis(2500), "told once");
    cluster.set_down(false).unwrap();
    assert!(matches!(next(&mut source), Event::Resumed));
    write(&connection, "t", 0, 10..20);
    read_on(&mut source, &mut seen, |seen| seen.count() == 20);
    assert_eq!(seen.records[&0], numbered(0..20));
}

#[test]
fn a_broker_that_is_not_there_at_start_is_waited_for() {
    let (cluster, connection) = cluster("t", 1);
    write(&connection, "t", 0, 0..10);
    cluster.set_down(true).unwrap();
    let mut source = open(&connection, reading("t"));
    let Event::Waiting { message } = next(&mut source) else { panic!("it is away") };
    assert!(message.starts_with("Kafka does not answer: "), "{message}");
    cluster.set_down(false).unwrap();
    loop {
        match next(&mut source) {
            Event::Started(_) => {}
            Event::Resumed => break,
            other => panic!("{other:?}"),
        }
    }
    loop {
        if let Event::Records(chunk) = next(&mut source) {
            break assert_eq!(chunk.len(), 10);
        }
    }
}

#[test]
fn a_paused_partition_gives_nothing_until_it_is_resumed() {
    let (_cluster, connection) = cluster("t", 2);
    write(&connection, "t", 0, 0..10);
    let mut source = open(&connection, reading("t"));
    let mut seen = read_until(&mut source, |seen| seen.ended.len() == 2);
    source.pause(&[0]).unwrap();
    write(&connection, "t", 0, 10..20);
    write(&connection, "t", 1, 0..5);
    read_on(&mut source, &mut seen, |seen| seen.records.get(&1).is_some_and(|records| records.len() == 5));
    for _ in 0..5 {
        if let Some(event) = source.next(Duration::from_millis(100)) {
            seen.take(&event);
        }
    }
    assert_eq!(seen.records[&0], numbered(0..10));
    source.resume(&[0]).unwrap();
    read_on(&mut source, &mut seen, |seen| seen.count() == 25);
    assert_eq!(seen.records[&0], numbered(0..20));
}
