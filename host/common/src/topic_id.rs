//! Which topic it is, of all that had its name.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

/// The id that the brokers gave a topic when it was made: one that is deleted and made again has another. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicId(u128);

impl TopicId {
    /// From its bits; none where they are zero, as brokers without topic ids (before Kafka 2.8) give them.
    pub fn new(bits: u128) -> Option<Self> {
        (bits != 0).then_some(Self(bits))
    }

    /// Its bits.
    pub fn bits(self) -> u128 {
        self.0
    }
}

/// As Kafka's own tools write it: 22 characters of URL-safe base64.
impl fmt::Display for TopicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TopicId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_kafka_writes_it() {
        assert_eq!(TopicId::new(1).map(|id| id.to_string()).as_deref(), Some("AAAAAAAAAAAAAAAAAAAAAQ"));
        assert_eq!(TopicId::new(0), None);
    }
}
