//! The Kafka of tests that need a real one. Its address is in `STREAMGAUGE_KAFKA`.

use streamgauge_kafka::Connection;

/// A real broker, or none where tests without one are allowed.
pub(crate) fn broker() -> Option<Connection> {
    match (std::env::var("STREAMGAUGE_KAFKA"), std::env::var("STREAMGAUGE_ALLOW_SKIP")) {
        (Ok(brokers), _) => Some(Connection { brokers, ..Connection::default() }),
        (Err(_), Ok(allowed)) if allowed == "1" => {
            eprintln!("skipped: STREAMGAUGE_KAFKA is not set");
            None
        }
        _ => panic!("needs a Kafka: export STREAMGAUGE_KAFKA=$(.ci/kafka.sh start /tmp/kafka)"),
    }
}
