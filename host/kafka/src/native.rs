//! What librdkafka can do and its Rust layer does not offer: the id of a topic, and the ends of many partitions asked at once,
//! each of its own leader, without waiting.
//!
//! The only file with unsafe code on the host's side of Kafka. Each block calls one function of librdkafka by its documentation; what
//! is made here is released by a `Drop` here.
#![expect(unsafe_code, reason = "calls of librdkafka's C interface that rdkafka has no safe function for")]

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
    ptr::NonNull,
    time::Duration,
};

use rdkafka::{TopicPartitionList, bindings as native, consumer::Consumer as _, error::RDKafkaErrorCode};
use streamgauge_common::{offset::Offset, topic_id::TopicId};

use crate::client::Consumer;

/// Which records of a partition its end is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOf {
    /// All of them: the high watermark.
    Written,
    /// Those that no open transaction comes before: the last stable offset.
    Committed,
}

/// A question to the brokers; its answer is waited for by whoever asks.
///
/// It must be dropped before its consumer: a struct that holds both declares it first.
pub(super) struct Question {
    queue: NonNull<native::rd_kafka_queue_t>,
}

// SAFETY: a queue of librdkafka may be used from any thread.
unsafe impl Send for Question {}

/// What the leaders of partitions answered: the end of each, or why there is none.
pub(super) type Ends = BTreeMap<u32, Result<Offset, RDKafkaErrorCode>>;

/// Asks the leaders of these partitions where they end.
pub(super) fn ask_ends(
    consumer: &Consumer,
    topic: &str,
    partitions: &[u32],
    of: EndOf,
    timeout: Duration,
) -> Question {
    let client = consumer.client().native_ptr();
    let question = Question::new(client);
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for &partition in partitions {
        // Only positions that no partition can have are refused.
        drop(list.add_partition_offset(topic, partition as i32, rdkafka::Offset::End));
    }
    let options = Options::new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS, timeout);
    options.set_isolation(match of {
        EndOf::Written => native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
        EndOf::Committed => native::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
    });
    // SAFETY: all four are alive; list and options are copied.
    unsafe { native::rd_kafka_ListOffsets(client, list.ptr(), options.0.as_ptr(), question.queue.as_ptr()) };
    question
}

/// A topic as one broker describes it.
#[derive(Debug, Default)]
pub(super) struct Described {
    /// Its id; none where brokers have no ids.
    pub(super) id: Option<TopicId>,
    /// Who leads each partition, by that broker's word.
    pub(super) leaders: BTreeMap<u32, i32>,
}

/// Asks a broker for a topic, and waits for the answer. Without a broker the controller is asked.
pub(super) fn describe(
    consumer: &Consumer,
    topic: &str,
    broker: Option<i32>,
    timeout: Duration,
) -> Result<Described, RDKafkaErrorCode> {
    let client = consumer.client().native_ptr();
    let question = Question::new(client);
    let Ok(name) = CString::new(topic) else { return Err(RDKafkaErrorCode::InvalidTopic) };
    let options =
        Options::new(client, native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
    broker.into_iter().for_each(|broker| options.set_broker(broker));
    let mut names = [name.as_ptr()];
    // SAFETY: the names are alive and copied; the collection is destroyed once, after its last use.
    unsafe {
        let topics = native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        native::rd_kafka_DescribeTopics(client, topics, options.0.as_ptr(), question.queue.as_ptr());
        native::rd_kafka_TopicCollection_destroy(topics);
    }
    // The client answers by itself when the time is over; where it does not, that is an outage too.
    let event = question.wait(timeout.saturating_mul(2)).ok_or(RDKafkaErrorCode::RequestTimedOut)?;
    event.check()?;
    event.described()
}

/// The high watermark of a partition, as the last answer to a fetch had it. None before the first.
pub(super) fn fetched_end(consumer: &Consumer, topic: &CStr, partition: u32) -> Option<Offset> {
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client and the name are alive, the numbers are written before it returns.
    let code = unsafe {
        native::rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            partition as i32,
            &raw mut low,
            &raw mut high,
        )
    };
    (RDKafkaErrorCode::from(code) == RDKafkaErrorCode::NoError && high >= 0).then_some(Offset(high))
}

/// How many events wait in the client for [`Consumer::poll`].
pub(super) fn waiting_events(consumer: &Consumer) -> usize {
    // SAFETY: the client is alive; the handle of its queue is released once.
    unsafe {
        let queue = native::rd_kafka_queue_get_consumer(consumer.client().native_ptr());
        if queue.is_null() {
            return 0;
        }
        let length = native::rd_kafka_queue_length(queue);
        native::rd_kafka_queue_destroy(queue);
        length
    }
}

impl Question {
    fn new(client: *mut native::rd_kafka_t) -> Self {
        // SAFETY: the client is alive.
        let queue = unsafe { native::rd_kafka_queue_new(client) };
        let Some(queue) = NonNull::new(queue) else {
            unreachable!("librdkafka aborts where it has no memory")
        };
        Self { queue }
    }

    fn wait(&self, patience: Duration) -> Option<Event> {
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the queue is alive.
        NonNull::new(unsafe { native::rd_kafka_queue_poll(self.queue.as_ptr(), millis) }).map(Event)
    }

    /// The answer to [`ask_ends`], if it comes within the time given; the error is of the question as a whole.
    pub(super) fn ends(&self, patience: Duration) -> Option<Result<Ends, RDKafkaErrorCode>> {
        self.wait(patience).map(|event| event.check().and_then(|()| event.ends()))
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        // SAFETY: it was made in `new` and is released once; an answer that is still to come is thrown away by the client.
        unsafe { native::rd_kafka_queue_destroy(self.queue.as_ptr()) };
    }
}

/// An answer as librdkafka has it.
struct Event(NonNull<native::rd_kafka_event_t>);

impl Event {
    fn check(&self) -> Result<(), RDKafkaErrorCode> {
        // SAFETY: the event is alive.
        match unsafe { native::rd_kafka_event_error(self.0.as_ptr()) }.into() {
            RDKafkaErrorCode::NoError => Ok(()),
            code => Err(code),
        }
    }

    fn described(&self) -> Result<Described, RDKafkaErrorCode> {
        // SAFETY: the event is alive, and what it gives out lives as long; a result of another kind is null.
        unsafe {
            let result = native::rd_kafka_event_DescribeTopics_result(self.0.as_ptr());
            if result.is_null() {
                return Err(RDKafkaErrorCode::Fail);
            }
            let mut count = 0;
            let found = native::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            if found.is_null() || count == 0 {
                return Err(RDKafkaErrorCode::UnknownTopicOrPartition);
            }
            let described = *found;
            match native::rd_kafka_error_code(native::rd_kafka_TopicDescription_error(described)).into() {
                RDKafkaErrorCode::NoError => {}
                code => return Err(code),
            }
            let id = native::rd_kafka_TopicDescription_topic_id(described);
            let bits = |half: i64| u128::from(half.cast_unsigned());
            let high = bits(native::rd_kafka_Uuid_most_significant_bits(id));
            let id = TopicId::new(high << 64 | bits(native::rd_kafka_Uuid_least_significant_bits(id)));
            let partitions = native::rd_kafka_TopicDescription_partitions(described, &raw mut count);
            let leader = |index| {
                let partition = *partitions.add(index);
                let leader = native::rd_kafka_TopicPartitionInfo_leader(partition);
                let number = u32::try_from(native::rd_kafka_TopicPartitionInfo_partition(partition)).ok()?;
                (!leader.is_null()).then(|| (number, native::rd_kafka_Node_id(leader)))
            };
            Ok(Described { id, leaders: (0..count).filter_map(leader).collect() })
        }
    }

    fn ends(&self) -> Result<Ends, RDKafkaErrorCode> {
        // SAFETY: the event is alive, and what it gives out lives as long; a result of another kind is null.
        unsafe {
            let result = native::rd_kafka_event_ListOffsets_result(self.0.as_ptr());
            if result.is_null() {
                return Err(RDKafkaErrorCode::Fail);
            }
            let mut count = 0;
            let infos = native::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
            let one = |index| {
                let place = &*native::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(index));
                let end = match RDKafkaErrorCode::from(place.err) {
                    RDKafkaErrorCode::NoError if place.offset >= 0 => Ok(Offset(place.offset)),
                    // Where one of several leaders does not answer in time, its partitions come without offset and without error.
                    RDKafkaErrorCode::NoError => Err(RDKafkaErrorCode::RequestTimedOut),
                    code => Err(code),
                };
                Some((u32::try_from(place.partition).ok()?, end))
            };
            Ok((0..count).filter_map(one).collect())
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it is released once.
        unsafe { native::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

/// Room for the client's words about an option, which are not looked at.
const WHY_BYTES: usize = 64;

/// How a question is asked.
struct Options(NonNull<native::rd_kafka_AdminOptions_t>);

impl Options {
    fn new(client: *mut native::rd_kafka_t, of: native::rd_kafka_admin_op_t, timeout: Duration) -> Self {
        // SAFETY: the client is alive; null is given only for a kind that librdkafka does not know.
        let options = unsafe { native::rd_kafka_AdminOptions_new(client, of) };
        let Some(options) = NonNull::new(options) else { unreachable!("librdkafka knows its own kinds") };
        let (options, mut why) = (Self(options), [0; WHY_BYTES]);
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the options are alive, and no more is written than there is room for. A time out of range leaves the default.
        unsafe {
            native::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                millis,
                why.as_mut_ptr(),
                why.len(),
            )
        };
        options
    }

    fn set_broker(&self, broker: i32) {
        let mut why = [0; WHY_BYTES];
        // SAFETY: as in `new`. An id out of range leaves the default.
        unsafe {
            native::rd_kafka_AdminOptions_set_broker(self.0.as_ptr(), broker, why.as_mut_ptr(), why.len())
        };
    }

    fn set_isolation(&self, level: native::rd_kafka_IsolationLevel_t) {
        // SAFETY: the options are alive; an error, given for options of another kind only, is released once.
        unsafe {
            let error = native::rd_kafka_AdminOptions_set_isolation_level(self.0.as_ptr(), level);
            if !error.is_null() {
                native::rd_kafka_error_destroy(error);
            }
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: they are released once.
        unsafe { native::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}
