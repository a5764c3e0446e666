//! Messages to a topic where nothing remembers what was delivered: each is written once while this process lives.

use std::{sync::Arc, time::Duration};

use streamgauge_common::message::Message;

use crate::{
    outgoing::{KeepWaiting, Outgoing, WriteError},
    settings::Connection,
};

/// The client never gives a record up: trying again is its matter, and it alone knows what was written.
const PROMISES: &[(&str, &str)] = &[("message.timeout.ms", "0")];

/// A writer of one topic, without transactions.
pub struct AckedWriter {
    client: Outgoing,
}

impl AckedWriter {
    /// Makes a client. The topic must be there, or the brokers make it.
    pub fn open(connection: &Connection, topic: &str) -> Result<Self, WriteError> {
        let client = Outgoing::new(connection, topic, PROMISES)?;
        client.find_topic()?;
        Ok(Self { client })
    }

    /// Writes messages and waits until all brokers that keep them have them.
    ///
    /// After any error but [`WriteError::Refused`] this writer is of no more use, and messages may have been written.
    pub fn write(
        &mut self,
        messages: &[Arc<Message>],
        keep_waiting: &KeepWaiting<'_>,
    ) -> Result<(), WriteError> {
        let mut refused = Vec::new();
        let mut reason = String::new();
        let mut note = |result| match result {
            Err(WriteError::Refused { sequences, why, .. }) => {
                refused.extend(sequences);
                reason = why;
                Ok(false)
            }
            other => other.map(|()| true),
        };
        for message in messages {
            note(self.client.send(message, keep_waiting))?;
        }
        while !note(self.client.acknowledged(keep_waiting, Duration::MAX))? {}
        match refused.is_empty() {
            true => Ok(()),
            false => Err(WriteError::Refused { sequences: refused, why: reason, others_written: true }),
        }
    }
}
