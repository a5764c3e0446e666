//! Brokers, topics and who leads what.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use rdkafka::{ClientConfig, consumer::BaseConsumer, consumer::Consumer as _};
use streamgauge_common::clock;
use streamgauge_kafka::{Connection, create_topic};

use crate::proxy::Proxy;

pub(crate) use crate::real_broker::broker;

/// A topic that no other run has used.
pub(crate) fn topic(connection: &Connection, name: &str, partitions: u32) -> String {
    let topic = format!("{name}-{}", clock::now_us());
    create_topic(connection, &topic, partitions).unwrap();
    topic
}

/// Runs `.ci/kafka.sh`; what it prints.
fn kafka(arguments: &[&str]) -> String {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.ci/kafka.sh");
    // A broker outlives the script and would keep its error output open.
    let output = Command::new(script).args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A cluster of which each broker can be cut off from clients that come through its proxy, while the brokers see each other.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    /// Past the proxies.
    pub(crate) direct: Connection,
    /// Through them, by node from 1.
    pub(crate) proxies: Vec<Proxy>,
}

impl Cluster {
    pub(crate) fn start(count: u32) -> Option<Self> {
        broker()?;
        let folder = tempfile::tempdir().unwrap();
        let printed = kafka(&["start-proxied", folder.path().to_str().unwrap(), &count.to_string()]);
        let mut lines = printed.lines();
        let direct = Connection { brokers: lines.next().unwrap().to_owned(), ..Connection::default() };
        let port = |text: &str| text.parse::<u16>().unwrap();
        let ports = lines.map(|line| line.split_once(' ').map(|(from, to)| (port(from), port(to))).unwrap());
        let proxies = ports.map(|(from, to)| Proxy::start(from, to)).collect();
        Some(Self { folder, direct, proxies })
    }

    /// The addresses of the proxies.
    pub(crate) fn proxied(&self) -> String {
        self.proxies.iter().map(Proxy::address).collect::<Vec<_>>().join(",")
    }

    /// Sends a signal to a broker.
    pub(crate) fn signal(&self, node: i32, name: &str) {
        let pid = fs::read_to_string(self.folder.path().join(node.to_string()).join("pid")).unwrap();
        let kill = Command::new("kill").args([&format!("-{name}"), pid.trim()]).status();
        assert!(kill.unwrap().success());
    }

    /// Who leads a partition, by the word of the others if one of them does not answer.
    pub(crate) fn leader(&self, topic: &str, partition: usize) -> i32 {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.direct.brokers).create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        metadata.topics()[0].partitions()[partition].leader()
    }

    /// The partitions of a topic that a node leads, and the others; both not empty.
    pub(crate) fn led_by(&self, topic: &str, node: i32) -> (Vec<u32>, Vec<u32>) {
        let consumer: BaseConsumer =
            ClientConfig::new().set("bootstrap.servers", &self.direct.brokers).create().unwrap();
        let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
        let partitions = metadata.topics()[0].partitions().iter();
        let (led, others): (Vec<_>, Vec<_>) = partitions.partition(|partition| partition.leader() == node);
        let numbers = |partitions: Vec<&rdkafka::metadata::MetadataPartition>| {
            partitions.iter().map(|partition| partition.id() as u32).collect::<Vec<_>>()
        };
        (numbers(led), numbers(others))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        kafka(&["stop", self.folder.path().to_str().unwrap()]);
    }
}
