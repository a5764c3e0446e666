//! What leaves, and what comes back.

/// A message and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is sent.
    pub message: Message,
    /// How many deliveries, at least one.
    pub deliveries: u32,
}

/// What leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A request to send.
    Http(HttpRequest),
    /// A record to produce.
    Kafka(KafkaRecord),
    /// Bytes to append to a file or to the console.
    Bytes(Vec<u8>),
}

/// A request to send. `{option:NAME}` in its URL and in values of headers is filled in by the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST` and the like.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A record to produce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaRecord {
    /// Where to.
    pub topic: String,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; none = a tombstone.
    pub value: Option<Vec<u8>>,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, cut to the host's limit.
    pub body: Vec<u8>,
}

impl Request {
    /// A request to send, for so many deliveries.
    pub fn http(request: HttpRequest, deliveries: usize) -> Self {
        debug_assert!(u32::try_from(deliveries).is_ok(), "a batch has far fewer rows");
        Self { message: Message::Http(request), deliveries: deliveries as u32 }
    }
}

impl HttpRequest {
    /// A POST of a JSON text.
    pub fn post_json(url: &str, body: Vec<u8>) -> Self {
        let headers = vec![("content-type".into(), "application/json".into())];
        Self { method: "POST".into(), url: url.into(), headers, body }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.into(), value));
        self
    }
}

impl Response {
    /// The value of a header: the first one of this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
