//! What is to be read of a topic, as the caller keeps it.

use std::{collections::BTreeMap, time::Duration};

use streamgauge_common::{chunk::ChunkLimits, offset::Offset, topic_id::TopicId};

use crate::source::positions::StartAt;

/// What to read.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What people call it: the source's name.
    pub source: String,
    /// The command that lets the caller go on with another topic of the same name, for people; none = that for the state of a run.
    pub accepting: Option<String>,
    /// The topic.
    pub topic: String,
    /// The offset to go on with, of each partition of which the caller has one.
    pub offsets: BTreeMap<u32, Offset>,
    /// From where to read the others.
    pub start: StartAt,
    /// Whether to stop at the end that each partition has at first start.
    pub bounded: bool,
    /// Those ends, where an earlier run took them down.
    pub ends: BTreeMap<u32, Offset>,
    /// How much is read at a time.
    pub chunks: ChunkLimits,
    /// Which topic of this name the offsets are of; none = not known.
    pub topic_id: Option<TopicId>,
    /// `leader_timeout`: how long a leader may take to answer where its partition ends.
    pub leader_timeout: Duration,
    /// How long a partition is silent before its leader is asked whether it is idle.
    pub idle_timeout: Duration,
    /// How long it may wait for brokers, the topic or permission at a time before it fails; none = as long as it takes.
    pub connect_timeout: Option<Duration>,
}

impl Default for Reading {
    /// All of a topic that is still to be named, as it comes.
    fn default() -> Self {
        Self {
            source: String::new(),
            accepting: None,
            topic: String::new(),
            offsets: BTreeMap::new(),
            start: StartAt::Earliest,
            bounded: false,
            ends: BTreeMap::new(),
            chunks: ChunkLimits::default(),
            topic_id: None,
            leader_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(10),
            connect_timeout: None,
        }
    }
}
