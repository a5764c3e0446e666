//! A sender with its outbox and a sink that remembers what it was told.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use streamgauge::{
    deliver::http::{
        backoff::Backoff,
        client::{Client, Limits},
        declared::Declared,
        secrets::Lookup,
        sender::{DeliveryVerdict, Sender, Settings, Sink, SinkHealth},
        signature::SigningSecret,
    },
    metrics::RequestMetrics,
};
use streamgauge_common::message::{Message, Payload, Request, Response};
use streamgauge_sql::manifest::OptionValue;
use streamgauge_state::outbox::{Acknowledged, Bounds, Outbox};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits so short that tests are quick.
pub(crate) const QUICK: Backoff = Backoff { base: Duration::from_millis(1), cap: Duration::from_millis(8) };

pub(crate) fn quick() -> Settings {
    Settings { backoff: QUICK, unanswered: QUICK, silent_gap: QUICK.base, ..Settings::default() }
}

pub(crate) fn limits(request_ms: u64) -> Limits {
    Limits { request_time: Duration::from_millis(request_ms), ..Limits::default() }
}

/// May reach this machine, and waits long.
pub(crate) fn client() -> Client {
    Client::new(true, Limits::default()).unwrap()
}

pub(crate) fn request(url: &str) -> Request {
    Request { method: "POST".into(), url: url.into(), headers: Vec::new(), body: b"body".to_vec() }
}

/// Message `sequence` of a lane: its key, lane and number are in its headers.
pub(crate) fn message(sequence: u64, lane: u64, url: &str) -> Arc<Message> {
    let key = format!("key-{sequence}");
    let headers = [("idempotency-key", format!("\"{key}\"")), ("x-lane", lane.to_string())];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let body = format!("{{\"row\":{sequence}}}").into_bytes();
    let payload = Payload::Request(Request { method: "POST".into(), url: url.into(), headers, body });
    Arc::new(Message { sequence, key, lane, rows: 1, payload })
}

/// An outbox with so many messages, dealt to lanes in turn, and no more to come.
pub(crate) fn full(count: u64, lanes: u64, url: &str) -> Outbox {
    let outbox = Outbox::new(Bounds::default(), Acknowledged::default(), |_| {});
    outbox.push((1..=count).map(|sequence| message(sequence, sequence % lanes, url)));
    outbox.close();
    outbox
}

pub(crate) fn no_secrets(name: &str) -> Result<String, String> {
    Err(format!("there is no secret '{name}'"))
}

/// Takes 2xx as delivered, 4xx but 429 as rejected, and the rest as not now.
#[derive(Default)]
pub(crate) struct Memory {
    /// How many rejections cannot be written down.
    pub(crate) unwritable: Mutex<u32>,
    pub(crate) rejected: Mutex<Vec<(u64, String)>>,
    pub(crate) troubles: Mutex<Vec<SinkHealth>>,
    pub(crate) told: Notify,
}

impl Sink for Memory {
    fn judge(&self, _request: &Request, _rows: u32, response: &Response) -> Vec<DeliveryVerdict> {
        let verdict = match response.status {
            200..300 => DeliveryVerdict::Delivered,
            429 => DeliveryVerdict::Retry(None),
            400..500 => DeliveryVerdict::Rejected(format!("it answers {}", response.status)),
            _ => DeliveryVerdict::Retry(None),
        };
        vec![verdict]
    }

    fn rejected(&self, message: &Message, why: &str) -> bool {
        let mut unwritable = self.unwritable.lock().unwrap();
        if *unwritable > 0 {
            *unwritable -= 1;
            return false;
        }
        self.rejected.lock().unwrap().push((message.sequence, why.to_owned()));
        true
    }

    fn trouble(&self, trouble: SinkHealth) {
        self.troubles.lock().unwrap().push(trouble);
        self.told.notify_one();
    }
}

pub(crate) fn sender(outbox: &Outbox, client: Client, sink: &Arc<Memory>, settings: Settings) -> Sender {
    let secrets: Arc<Lookup> = Arc::new(no_secrets);
    let signing: Option<SigningSecret> = None;
    Sender {
        outbox: outbox.clone(),
        client,
        sink: Arc::clone(sink) as Arc<dyn Sink>,
        declared: Declared::of(&BTreeMap::from([(
            "hook".to_owned(),
            OptionValue::Secret("HOOK".to_owned()),
        )])),
        secrets,
        signing,
        settings,
        requests: RequestMetrics::new("test", "hook"),
    }
}

/// Sends all of an outbox; what the sink was told.
pub(crate) async fn drain(outbox: &Outbox, client: Client, settings: Settings) -> Arc<Memory> {
    let memory = Arc::new(Memory::default());
    let (_keep, stop) = watch::channel(false);
    timeout(PATIENCE, sender(outbox, client, &memory, settings).run(stop)).await.expect("drained in time");
    assert!(outbox.is_drained());
    memory
}
