//! What comes of a topic.

use std::time::Duration;

use streamgauge_common::{chunk::Chunk, topic_id::TopicId};

use crate::source::positions::Position;

/// What a source has to say, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// Which topic it is, where the reading did not say so; none where the brokers have no ids. Comes before all else.
    Topic {
        /// Its id.
        id: Option<TopicId>,
    },
    /// A partition is read from here on, to its end if it has one. Those that are there at start come before all else.
    Started(Position),
    /// The next records of a partition.
    Records(Chunk),
    /// All that a partition has at the moment was handed over.
    ReachedEnd {
        /// The partition.
        partition: u32,
    },
    /// The leaders of partitions that were silent are asked for their ends from here on.
    Asked,
    /// What they answered: these partitions have nothing but what was handed over, and had nothing more at the last
    /// [`Event::Asked`].
    Idle {
        /// The partitions; never none.
        partitions: Vec<u32>,
        /// How long nothing had come of any of them when their leaders were asked, in time in which this process was awake.
        silent: Duration,
    },
    /// A partition was read to the end that it was to be read to.
    Done {
        /// The partition.
        partition: u32,
    },
    /// Kafka is not there, or not as it should be; the source goes on trying. Said once of each that it lacks:
    /// brokers, the topic, permission.
    Waiting {
        /// Why, for people.
        message: String,
    },
    /// What it waited for has come.
    Resumed,
    /// The source cannot go on: offsets are lost. Nothing comes behind it.
    Failed {
        /// Why, for people.
        message: String,
    },
}
