//! Messages to a topic, each exactly once for whoever reads what is committed.
//!
//! A transaction holds messages and, in the control topic, the number of the last of them. What that number says was
//! delivered; what lies behind it was not. Whoever opens fences all others of the same name and commits or aborts what they left
//! behind, and only then reads the number. So a commit whose outcome nobody told is looked up, never guessed.
//!
//! A transaction that fails costs the client. A new one has a new epoch, so requests of the failed transaction that are
//! still under way cannot become part of a later one; and there is one way out of every failure instead of one for each.
//! Only where the client itself refuses a message, before anything of it was sent, is the transaction aborted and the
//! client kept; after a refusal by a broker it would number the next records wrongly.

use std::{sync::Arc, time::Duration};

use rdkafka::{error::KafkaError, producer::Producer as _};
use streamgauge_common::{crash, message::Message};

use crate::{
    control::{self, Control, Mark},
    error::ClientError,
    outgoing::{self, KeepWaiting, Outgoing, STEP, Step, TRANSACTIONS_PREFIX, WriteError, wait},
    settings::Connection,
};

/// After this long the brokers end a transaction themselves: until then one that was abandoned holds back the readers of
/// what is committed, if nobody opens under its name.
const TRANSACTION_MS: &str = "60000";
/// How long nothing may come from the brokers before a client is given up.
const QUIET_MAX: Duration = Duration::from_secs(15);
const ABORT_STEP: Duration = Duration::from_millis(5);

/// A writer of one topic under one name.
pub struct Transactions {
    connection: Connection,
    topic: String,
    control: Control,
    client: Client,
    mark: Mark,
    /// The number of the last message that was delivered.
    delivered: u64,
}

enum Client {
    Ready(Outgoing),
    /// Something failed: what was written is not known.
    Spent,
    /// It was told that somebody else has its name. Or the brokers ended a transaction that took too long: that sounds the
    /// same.
    Fenced,
}

impl Transactions {
    /// Fences all others of the same name, commits or aborts what they left, and gives the number of the last message that was
    /// delivered; 0 = none ever.
    ///
    /// Makes the control topic if there is none. The topic itself must be there, or the brokers make it.
    pub fn open(
        connection: &Connection,
        topic: &str,
        control: &Control,
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<(Self, u64), WriteError> {
        let (client, mark, delivered) = start(connection, topic, control, None, keep_waiting)?;
        let delivered = delivered.unwrap_or(0);
        let opened = Self {
            connection: connection.clone(),
            topic: topic.to_owned(),
            control: control.clone(),
            client: Client::Ready(client),
            mark,
            delivered,
        };
        Ok((opened, delivered))
    }

    /// Opens once more after an error of [`Transactions::write`] or of this: all is as after [`Transactions::open`].
    ///
    /// [`WriteError::Superseded`] if somebody else has opened since.
    pub fn reopen(&mut self, keep_waiting: &KeepWaiting<'_>) -> Result<u64, WriteError> {
        self.check_fence(keep_waiting)?;
        self.client = Client::Spent;
        let from = Some(self.mark.offset);
        let (client, mark, delivered) =
            start(&self.connection, &self.topic, &self.control, from, keep_waiting)?;
        self.client = Client::Ready(client);
        self.mark = mark;
        self.delivered = delivered.unwrap_or(self.delivered);
        Ok(self.delivered)
    }

    /// Whether it can write: else [`Transactions::reopen`] comes first, and tells what was written.
    pub fn is_ready(&self) -> bool {
        matches!(self.client, Client::Ready(_))
    }

    /// Delivers messages, all or none; their numbers ascend, from beyond the last that was delivered.
    ///
    /// After an error it may not be ready any longer.
    pub fn write(
        &mut self,
        messages: &[Arc<Message>],
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<(), WriteError> {
        let Some(last) = messages.last() else { return Ok(()) };
        let Client::Ready(client) = std::mem::replace(&mut self.client, Client::Spent) else {
            return Err(WriteError::Away("what was written last is not known".into()));
        };
        let numbers = messages.iter().map(|message| message.sequence);
        assert!(
            numbers.is_sorted_by(|a, b| a < b)
                && messages.iter().all(|message| message.sequence > self.delivered),
            "a message that was delivered is not handed over again"
        );
        let sent = send(&client, &self.control, messages, last.sequence, keep_waiting);
        if let Err(refused @ WriteError::Refused { .. }) = sent {
            if abort(&client, keep_waiting).is_ok() {
                self.client = Client::Ready(client);
            }
            return Err(refused);
        }
        match sent.and_then(|()| deliver(&client, keep_waiting)) {
            Ok(()) => {
                self.client = Client::Ready(client);
                self.delivered = last.sequence;
                Ok(())
            }
            Err(WriteError::Superseded(topic)) => {
                self.client = Client::Fenced;
                self.check_fence(keep_waiting)?;
                Err(WriteError::Away(format!(
                    "a transaction for topic '{topic}' took too long and was ended"
                )))
            }
            Err(error) => Err(error),
        }
    }

    /// Where this writer was told that it is fenced: is it?
    ///
    /// Either answer is safe, since Kafka has fenced this client in any case. It decides who goes on.
    fn check_fence(&mut self, keep_waiting: &KeepWaiting<'_>) -> Result<(), WriteError> {
        if matches!(self.client, Client::Fenced) {
            if self.control.opened_since(&self.connection, self.mark, keep_waiting)? {
                return Err(WriteError::Superseded(self.topic.clone()));
            }
            self.client = Client::Spent;
        }
        Ok(())
    }
}

/// Makes a client that alone has its name, and reads what was delivered, from the start or behind an earlier mark.
fn start(
    connection: &Connection,
    topic: &str,
    control: &Control,
    from: Option<i64>,
    keep_waiting: &KeepWaiting<'_>,
) -> Result<(Outgoing, Mark, Option<u64>), WriteError> {
    let id = format!("{TRANSACTIONS_PREFIX}{}/{}", control.topic, control.id);
    let promises = [
        ("transactional.id", id.as_str()),
        ("transaction.timeout.ms", TRANSACTION_MS),
        ("message.timeout.ms", TRANSACTION_MS),
    ];
    let client = Outgoing::new(connection, topic, &promises)?;
    // Somebody opens at the same moment: whoever comes last stays, and we may be the last next time.
    let overtaken = |error| match error {
        WriteError::Superseded(topic) => WriteError::Away(format!(
            "somebody else opened the transactions of topic '{topic}' at the same time"
        )),
        error => error,
    };
    transact(&client, keep_waiting, |client| client.init_transactions(STEP)).map_err(overtaken)?;
    crash::point("kafka.after_fence");
    if from.is_none() {
        control.prepare(connection)?;
    }
    client.find_topic()?;
    let number = getrandom::u64().map_err(|error| {
        WriteError::from(ClientError::Setting(format!("the machine has no random numbers: {error}")))
    })?;
    mark(&client, control, number, keep_waiting).map_err(overtaken)?;
    let (mark, delivered) = control.read(connection, from, number, keep_waiting)?;
    Ok((client, mark, delivered))
}

/// Writes a mark in a transaction of its own.
fn mark(
    client: &Outgoing,
    control: &Control,
    number: u64,
    keep_waiting: &KeepWaiting<'_>,
) -> Result<(), WriteError> {
    let key = control.opened_key();
    begin(client)?;
    client.send_beside(&control.topic, &key, &control::encode(&key, number), keep_waiting)?;
    client.acknowledged(keep_waiting, QUIET_MAX)?;
    transact(client, keep_waiting, |client| client.commit_transaction(STEP))
}

/// Begins a transaction and hands its records to the client.
fn send(
    client: &Outgoing,
    control: &Control,
    messages: &[Arc<Message>],
    last: u64,
    keep_waiting: &KeepWaiting<'_>,
) -> Result<(), WriteError> {
    crash::point("kafka.before_begin");
    begin(client)?;
    for message in messages {
        client.send(message, keep_waiting)?;
    }
    let key = control.delivered_key();
    client.send_beside(&control.topic, &key, &control::encode(&key, last), keep_waiting)
}

/// Waits until the brokers have all, and commits.
fn deliver(client: &Outgoing, keep_waiting: &KeepWaiting<'_>) -> Result<(), WriteError> {
    client.acknowledged(keep_waiting, QUIET_MAX)?;
    crash::point("kafka.before_commit");
    transact(client, keep_waiting, |client| client.commit_transaction(STEP))?;
    crash::point("kafka.after_commit");
    Ok(())
}

fn begin(client: &Outgoing) -> Result<(), WriteError> {
    client.client().begin_transaction().map_err(|error| client.trouble(&error))
}

/// Waits in short steps, since the client tells only between them what became of records.
fn abort(client: &Outgoing, keep_waiting: &KeepWaiting<'_>) -> Result<(), WriteError> {
    transact(client, keep_waiting, |client| client.abort_transaction(ABORT_STEP))?;
    client.forget(keep_waiting, QUIET_MAX)
}

/// Asks for one step of a transaction until it is done: an answer that did not come in time is asked for again.
fn transact(
    client: &Outgoing,
    keep_waiting: &KeepWaiting<'_>,
    ask: impl Fn(&outgoing::Client) -> Result<(), KafkaError>,
) -> Result<(), WriteError> {
    wait(keep_waiting, QUIET_MAX, || match ask(client.client()) {
        Ok(()) => Ok(Step::Done(())),
        Err(KafkaError::Transaction(error)) if error.is_retriable() => {
            Ok(Step::Nothing(client.why(&KafkaError::Transaction(error))))
        }
        Err(error) => Err(client.trouble(&error)),
    })
}
