//! Three brokers of which one is killed at a time.

use super::{
    outage::Brokers,
    sink::Running,
    transactions::{assert_exact, control, message},
};

#[test]
fn a_cluster_that_loses_one_broker_at_a_time_takes_each_row_once() {
    let Some(brokers) = Brokers::start(3) else { return };
    let topic = brokers.topic("rows", 6, &[]);
    let worker = Running::start(&brokers.connection, &topic, Some(control(&topic)));
    let mut next = 1;
    let mut write = |more: u64| {
        let upto = worker.outbox.acknowledged().upto + more;
        while worker.outbox.acknowledged().upto < upto {
            worker.outbox.push([message(next)]);
            next += 1;
            worker.wait("room", |worker| worker.outbox.rows() < 500);
        }
        next - 1
    };
    for node in ["1", "2", "3"] {
        write(500);
        brokers.signal(node, "KILL");
        // The others go on without it.
        write(2_000);
        brokers.restart(node);
    }
    let last = write(500);
    worker.drain();
    assert_exact(&brokers.connection, &topic, last);
}
