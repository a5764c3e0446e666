//! Topics: making and deleting them, and what is set for one.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication},
    client::DefaultClientContext,
    error::{KafkaResult, RDKafkaErrorCode},
};

use crate::{client, error::ClientError, settings::Connection};

/// How long the brokers have to do what they are asked.
const ASKED_WITHIN: Duration = Duration::from_secs(10);

type Admin = AdminClient<DefaultClientContext>;

/// What became of a topic that was to be made.
pub(super) enum Creation {
    Made,
    /// It was there before.
    Existed,
    /// We are not allowed to make it.
    Forbidden,
}

/// Makes a topic, with as many replicas as the brokers do by default. One that exists is left as it is.
pub fn create_topic(connection: &Connection, topic: &str, partitions: u32) -> Result<(), ClientError> {
    match create(connection, topic, partitions, &[])? {
        Creation::Made | Creation::Existed => Ok(()),
        Creation::Forbidden => {
            Err(ClientError::Kafka(format!("topic '{topic}' may not be made: allow its user Create")))
        }
    }
}

/// As [`create_topic`], with settings of its own.
pub(super) fn create(
    connection: &Connection,
    topic: &str,
    partitions: u32,
    settings: &[(&str, &str)],
) -> Result<Creation, ClientError> {
    let new = NewTopic::new(topic, partitions as i32, TopicReplication::Fixed(-1));
    let new = settings.iter().fold(new, |new, (name, value)| new.set(name, value));
    let answers = administer(connection, async |admin, options| admin.create_topics([&new], options).await)?;
    match first_error(answers) {
        None => Ok(Creation::Made),
        Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(Creation::Existed),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            Ok(Creation::Forbidden)
        }
        Some(why) => Err(ClientError::Kafka(format!("cannot create topic '{topic}': {why}"))),
    }
}

/// Deletes a topic and its records.
pub fn delete_topic(connection: &Connection, topic: &str) -> Result<(), ClientError> {
    let answers =
        administer(connection, async |admin, options| admin.delete_topics(&[topic], options).await)?;
    let failed = |why| ClientError::Kafka(format!("cannot delete topic '{topic}': {why}"));
    first_error(answers).map_or(Ok(()), |why| Err(failed(why)))
}

/// What is set for a topic, by itself or by default; nothing if there is no such topic, or we may not see it.
pub(super) fn topic_settings(
    connection: &Connection,
    topic: &str,
) -> Result<BTreeMap<String, String>, ClientError> {
    let which = [ResourceSpecifier::Topic(topic)];
    let answers =
        administer(connection, async |admin, options| admin.describe_configs(&which, options).await)?;
    let entries = answers.into_iter().flatten().flat_map(|resource| resource.entries);
    Ok(entries.filter_map(|entry| Some((entry.name, entry.value?))).collect())
}

fn first_error(answers: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Option<RDKafkaErrorCode> {
    answers.into_iter().find_map(|answer| answer.err().map(|(_, why)| why))
}

/// Asks the brokers for one thing, and waits for it.
fn administer<T>(
    connection: &Connection,
    ask: impl AsyncFnOnce(&Admin, &AdminOptions) -> KafkaResult<T>,
) -> Result<T, ClientError> {
    let failed = |why: String| ClientError::Kafka(format!("Kafka did not answer: {why}"));
    let admin: Admin = client::plain(connection).create().map_err(client::setting)?;
    let options =
        AdminOptions::new().request_timeout(Some(ASKED_WITHIN)).operation_timeout(Some(ASKED_WITHIN));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(ask(&admin, &options)).map_err(|error| failed(error.to_string()))
}
