//! A receiver of OTLP over HTTP, which also is the receiver of a webhook: it decodes what comes and keeps it.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, Status, status::StatusCode},
};
use prost::Message as _;

/// What came.
#[derive(Default)]
struct Received {
    spans: Vec<Arrived>,
    /// Headers of requests with spans.
    heads: Vec<String>,
    /// What is answered to the next requests of other paths, before 200.
    answers: VecDeque<u16>,
}

/// A span, and what it is of.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) span: Span,
    pub(crate) resource: BTreeMap<String, String>,
}

/// Listens until the process ends.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

impl Receiver {
    /// One that answers 200 to all, but to the first requests that are no spans.
    pub(crate) fn start(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let answers = answers.iter().copied().collect();
        let received = Arc::new(Mutex::new(Received { answers, ..Received::default() }));
        let receiver = Self { address: listener.local_addr().unwrap(), received };
        let own = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map(Result::unwrap) {
                let own = own.clone();
                thread::spawn(move || own.serve(stream));
            }
        });
        receiver
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests of one connection.
    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut writer = stream;
        loop {
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let status = self.take(&head, &body);
            let answer = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: 0\r\n\r\n");
            if writer.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }

    fn take(&self, head: &str, body: &[u8]) -> u16 {
        let mut received = self.received.lock().unwrap();
        if !head.starts_with("POST /v1/traces ") {
            return received.answers.pop_front().unwrap_or(200);
        }
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        for of_resource in request.resource_spans {
            let resource = texts(&of_resource.resource.unwrap().attributes);
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                received.spans.push(Arrived { span, resource: resource.clone() });
            }
        }
        received.heads.push(head.to_owned());
        200
    }

    /// The headers of the requests that brought spans.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.received.lock().unwrap().heads.clone()
    }

    /// All spans until now.
    pub(crate) fn spans(&self) -> Vec<Arrived> {
        self.received.lock().unwrap().spans.clone()
    }

    /// The spans of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<Arrived> {
        self.spans().into_iter().filter(|one| one.span.name == name).collect()
    }
}

impl Arrived {
    /// The value of an attribute, as text; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> String {
        texts(&self.span.attributes).remove(name).unwrap_or_default()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.span.status.as_ref().is_some_and(|Status { code, .. }| *code == StatusCode::Error as i32)
    }

    /// Whether it is a part of this one.
    pub(crate) fn is_part_of(&self, parent: &Self) -> bool {
        self.span.trace_id == parent.span.trace_id && self.span.parent_span_id == parent.span.span_id
    }

    pub(crate) fn is_root(&self) -> bool {
        self.span.parent_span_id.is_empty()
    }
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: Option<Value>| match value {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pair = |one: &KeyValue| (one.key.clone(), text(one.value.clone().and_then(|value| value.value)));
    attributes.iter().map(pair).collect()
}
