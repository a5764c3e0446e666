//! What leaves for a sink: decided, encoded and numbered before anything is sent, and never changed afterwards.

/// One thing to send. A webhook's carries one row; a line sink's or Slack's may carry several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number among all that its query sends to this sink: 1, 2, 3, ...
    pub sequence: u64,
    /// The idempotency key: the same after any crash.
    pub key: String,
    /// Messages of one lane leave one after the other: a group's rows stay in order.
    pub lane: u64,
    /// How many rows it carries.
    pub rows: u32,
    /// What is sent.
    pub payload: Payload,
}

/// What is sent, by the kind of sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// Whole lines, for the console and for files.
    Lines(Vec<u8>),
    /// For Kafka.
    Record(Record),
    /// For HTTP.
    Request(Request),
    /// For sinks that are asked instead of told (Prometheus): rows as the sink's component takes them, encoded.
    Rows(Vec<u8>),
}

/// A record for a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none = a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its headers.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// A request as its encoder made it: `{option:NAME}` in the URL and in header values is filled in when it is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a receiver answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, cut to the limit.
    pub body: Vec<u8>,
}

impl Message {
    /// About how much memory it takes.
    pub fn bytes(&self) -> usize {
        let payload = match &self.payload {
            Payload::Lines(bytes) | Payload::Rows(bytes) => bytes.len(),
            Payload::Record(Record { key, value, headers }) => {
                let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
                key.as_ref().map_or(0, Vec::len) + value.as_ref().map_or(0, Vec::len) + headers
            }
            Payload::Request(Request { method, url, headers, body }) => {
                let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
                method.len() + url.len() + headers + body.len()
            }
        };
        size_of::<Self>() + self.key.len() + payload
    }
}
