//! What a statement may set of the Kafka client.

/// The client properties of Kafka that a statement may set, as librdkafka spells them; in the options of a source or sink
/// they stand as `kafka.<property>`. Those that run programs, load code, write files, read others than certificates, or
/// change what the host promises about offsets are not here.
pub const KAFKA_PROPERTIES: &[&str] = &[
    "acks",
    "batch.size",
    "broker.address.family",
    "check.crcs",
    "client.id",
    "client.rack",
    "compression.type",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.wait.max.ms",
    "group.id",
    "isolation.level",
    "linger.ms",
    "max.partition.fetch.bytes",
    "message.max.bytes",
    "message.timeout.ms",
    "metadata.max.age.ms",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "request.timeout.ms",
    "sasl.mechanism",
    "sasl.password",
    "sasl.username",
    "security.protocol",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.timeout.ms",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.location",
    "ssl.certificate.pem",
    "ssl.endpoint.identification.algorithm",
    "ssl.key.location",
    "ssl.key.password",
    "ssl.key.pem",
];

/// Those of them that may be secrets.
pub const KAFKA_SECRETS: &[&str] = &["sasl.password", "sasl.username", "ssl.key.password", "ssl.key.pem"];
