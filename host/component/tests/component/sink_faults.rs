//! Sinks that run away, crash or break the contract.

use std::time::Duration;

use streamgauge_common::{
    column::{DataType, Texts},
    message::{Request, Response},
};
use streamgauge_component::{
    limits::Limits,
    runtime::Runtime,
    sink::{Deliveries, Descriptor, Encoded, Encoder, Outcome, SinkComponent, SinkInstance},
};
use streamgauge_engine::{Fault, FaultKind};

use crate::guests::{DESCRIBED, DESCRIBED_WITH_URL, ENCODED, Reducer, Sink, reducer, sink};

fn start(guest: &Sink<'_>) -> SinkInstance {
    let limits = Limits { plugin_call_timeout: Duration::from_millis(100), ..Limits::default() };
    let runtime = Runtime::with_limits(limits).unwrap();
    SinkComponent::new(&runtime, "probe", &sink(guest)).unwrap().start().unwrap()
}

fn open(guest: &Sink<'_>) -> Encoder {
    start(guest).open(&[], "q", &[]).unwrap()
}

/// Encodes three rows without columns.
fn encode(encoder: &Encoder) -> Result<Vec<Encoded>, Fault> {
    let mut keys = Texts::default();
    ["a", "b", "c"].iter().for_each(|key| keys.push(key.as_bytes()));
    encoder.encode(&Deliveries { keys: &keys, sequences: &[1, 2, 3], windows: None, columns: &[] })
}

fn judge(encoder: &Encoder) -> Result<Vec<Outcome>, Fault> {
    encoder.judge(&Request::default(), 3, &Response::default())
}

fn fault_of(guest: &Sink<'_>) -> String {
    let encoder = open(guest);
    let fault = encode(&encoder).unwrap_err();
    assert_eq!(encode(&encoder).unwrap_err(), fault, "another instance does the same");
    assert_eq!(judge(&encoder).unwrap(), vec![Outcome::Delivered; 3], "an instance that failed is replaced");
    fault.to_string()
}

#[test]
fn a_sink_that_keeps_the_contract_is_heard() {
    let encoder = open(&Sink::default());
    let request = Request {
        method: "POST".into(),
        url: "https://example.com".into(),
        headers: vec![("content-type".into(), "text/plain".into())],
        body: Vec::new(),
    };
    assert_eq!(encode(&encoder).unwrap(), [Encoded { request, deliveries: 3 }]);
    assert_eq!(judge(&encoder).unwrap(), vec![Outcome::Delivered; 3]);
}

#[test]
fn a_sink_that_traps_or_loops_is_stopped() {
    let trap = fault_of(&Sink { encode: "unreachable", ..Sink::default() });
    assert!(trap.starts_with("sink `probe` trapped"), "{trap}");
    let endless = "(loop $on (br $on)) unreachable";
    let fault = fault_of(&Sink { encode: endless, ..Sink::default() });
    assert_eq!(fault, "sink `probe` ran longer than 100 ms (--limit plugin_call_timeout)");
    let encoder = open(&Sink { judge: endless, ..Sink::default() });
    assert_eq!(
        judge(&encoder).unwrap_err().to_string(),
        "sink `probe` ran longer than 100 ms (--limit plugin_call_timeout)"
    );
    let greedy = "(loop $on (br_if $on (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let fault = fault_of(&Sink { encode: greedy, ..Sink::default() });
    assert_eq!(fault, "sink `probe` wanted more than 1 GiB of memory (--limit plugin_memory)");
}

/// Does something in an instance that was called so many times before, and encodes otherwise. An instance begins with 0 at 200.
fn after(calls: u32, fault: &str) -> String {
    format!(
        "(if (i32.eq (i32.load (i32.const 200)) (i32.const {calls})) (then {fault}))
         (i32.store (i32.const 200) (i32.add (i32.load (i32.const 200)) (i32.const 1))) {ENCODED}"
    )
}

#[test]
fn a_sink_that_is_lost_is_replaced_by_one_in_which_all_encoders_are_open() {
    let sink = start(&Sink { encode: &after(2, "unreachable"), ..Sink::default() });
    let (one, other) = (sink.open(&[], "one", &[]).unwrap(), sink.open(&[], "other", &[]).unwrap());
    let encoded = encode(&one).unwrap();
    assert_eq!(encode(&other).unwrap(), encoded);
    let fault = encode(&one).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deterministic, "a trap is told, not tried again: {fault}");
    assert_eq!(encode(&other).unwrap(), encoded, "whoever comes next has another instance");
    assert_eq!(encode(&one).unwrap(), encoded);
    assert!(encode(&other).is_err());
    assert_eq!(judge(&one).unwrap(), vec![Outcome::Delivered; 3], "it is replaced to judge, too");
    assert!(encode(&one).is_ok() && encode(&one).is_ok() && encode(&one).is_err());
    let third = sink.open(&[], "third", &[]).unwrap();
    assert!(encode(&third).is_ok() && encode(&other).is_ok());
    assert!(encode(&third).is_err());
    drop(other);
    assert_eq!(encode(&one).unwrap(), encoded, "one that was dropped is not opened again");
}

#[test]
fn a_sink_that_is_lost_while_it_judges_encodes_on() {
    for fault in ["unreachable", "(loop $on (br $on)) unreachable"] {
        let encoder = open(&Sink { judge: fault, ..Sink::default() });
        assert!(judge(&encoder).is_err());
        assert!(encode(&encoder).is_ok());
        assert!(judge(&encoder).is_err());
    }
}

#[test]
fn what_takes_too_long_or_too_much_by_chance_is_encoded_by_another_instance() {
    let forever = "(loop $on (br $on))";
    let too_much = "(if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable))";
    for fault in [forever, too_much] {
        let encoder = open(&Sink { encode: &after(1, fault), ..Sink::default() });
        let encoded = encode(&encoder).unwrap();
        for _ in 0..3 {
            assert_eq!(encode(&encoder).unwrap(), encoded);
        }
    }
}

#[test]
fn a_sink_that_answers_scrapes_stays_lost_and_says_so() {
    let none = after(1, "unreachable").replace("72) (i32.const 1)", "72) (i32.const 0)");
    let page = "(i32.store16 (i32.const 128) (i32.const 200)) (i32.const 128)";
    let sink = start(&Sink { encode: &none, render: Some(page), ..Sink::default() });
    let encoder = sink.open(&[], "q", &[]).unwrap();
    assert_eq!(encode(&encoder).unwrap(), []);
    assert!(sink.render().is_ok());
    let fault = encode(&encoder).unwrap_err();
    let why = "; it is not started again, because what it showed is lost with it";
    assert!(fault.what.starts_with("trapped") && fault.what.ends_with(why), "{fault}");
    assert_eq!(encode(&encoder).unwrap_err(), fault);
    assert_eq!(sink.render().unwrap_err(), fault);
}

#[test]
fn requests_must_carry_what_was_given() {
    let carries = |number: &str| {
        let encode = ENCODED.replace("(i32.load offset=8 (local.get $arguments))", number);
        fault_of(&Sink { encode: &encode, ..Sink::default() })
    };
    assert_eq!(carries("(i32.const 2)"), "sink `probe` gave requests for 2 deliveries where 3 were due");
    assert_eq!(
        carries("(i32.const -1)"),
        "sink `probe` gave requests for 4294967295 deliveries where 3 were due"
    );
    assert_eq!(carries("(i32.const 0)"), "sink `probe` gave a request that carries no delivery");
    let none = ENCODED.replace("72) (i32.const 1)", "72) (i32.const 0)");
    assert_eq!(
        fault_of(&Sink { encode: &none, ..Sink::default() }),
        "sink `probe` gave requests for 0 deliveries where 3 were due"
    );
    // The message is bytes to append, not a request.
    let bytes = format!("(i32.store8 (i32.const 1024) (i32.const 2)) {ENCODED}");
    let fault = fault_of(&Sink { encode: &bytes, ..Sink::default() });
    assert_eq!(fault, "sink `probe` gave a message that is no HTTP request; others are not sent for plugins");
    let outside = ENCODED.replace("68) (i32.const 1024)", "68) (i32.const -8)");
    let fault = fault_of(&Sink { encode: &outside, ..Sink::default() });
    assert!(fault.starts_with("sink `probe` broke its contract: "), "{fault}");
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_guest() {
    // result::err, error::invalid, the URL as its text.
    let refuse = "(i32.store8 (i32.const 64) (i32.const 1))
        (i32.store (i32.const 72) (i32.load (i32.const 1036))) (i32.store (i32.const 76) (i32.load (i32.const 1040)))
        (i32.const 64)";
    let fault = fault_of(&Sink { encode: refuse, url: "no\u{1b}[31m", ..Sink::default() });
    assert_eq!(fault, "sink `probe` refused a batch: no [31m");
}

#[test]
fn what_would_not_be_http_is_refused() {
    for method in ["", "post", "GET / HTTP/1.1\r\n", "PROPFINDPROPFINDPROPFIND"] {
        let fault = fault_of(&Sink { method, ..Sink::default() });
        assert!(fault.starts_with("sink `probe` gave a request with the method `"), "{fault}");
    }
    for url in ["", "https://a\r\nHost: b", "https://a b", "https://é", &"a".repeat(10_000)] {
        let fault = fault_of(&Sink { url, ..Sink::default() });
        assert!(fault.starts_with("sink `probe` gave a request with a URL that is empty"), "{fault}");
    }
    for name in ["", "a b", "a:", "a\n", "é", &"a".repeat(200)] {
        let fault = fault_of(&Sink { header: (name, "x"), ..Sink::default() });
        assert!(fault.starts_with("sink `probe` gave a header with the name `"), "{fault}");
    }
    for name in ["Host", "content-length", "Transfer-Encoding"] {
        let fault = fault_of(&Sink { header: (name, "x"), ..Sink::default() });
        assert_eq!(fault, format!("sink `probe` gave the header `{name}`, which the host sets itself"));
    }
    for value in ["a\r\nb: c", "\u{0}", "é", &"a".repeat(10_000)] {
        let fault = fault_of(&Sink { header: ("x-a", value), ..Sink::default() });
        let said = "sink `probe` gave the header `x-a` a value that is too long or no visible ASCII";
        assert_eq!(fault, said);
    }
}

#[test]
fn every_delivery_must_be_judged() {
    let two = "(i32.store (i32.const 96) (i32.const 3072)) (i32.store (i32.const 100) (i32.const 2)) (i32.const 96)";
    let encoder = open(&Sink { judge: two, ..Sink::default() });
    assert_eq!(judge(&encoder).unwrap_err().to_string(), "sink `probe` gave 2 outcomes for 3 deliveries");
    // The first is a retry after 7 ms, the second one without a time, the third a rejection without words.
    let mixed = "
        (i32.store8 (i32.const 3072) (i32.const 1)) (i32.store8 (i32.const 3080) (i32.const 1))
        (i64.store (i32.const 3088) (i64.const 7))
        (i32.store8 (i32.const 3096) (i32.const 1)) (i32.store8 (i32.const 3120) (i32.const 2))
        (i32.store (i32.const 96) (i32.const 3072)) (i32.store (i32.const 100) (i32.const 3)) (i32.const 96)";
    let encoder = open(&Sink { judge: mixed, ..Sink::default() });
    let expected = [Outcome::Retry(Some(7)), Outcome::Retry(None), Outcome::Rejected(String::new())];
    assert_eq!(judge(&encoder).unwrap(), expected);
}

#[test]
fn a_sink_that_answers_scrapes_gives_no_requests() {
    // A response at 128: the status, no headers, no body.
    let page = "(i32.store16 (i32.const 128) (i32.const 200)) (i32.const 128)";
    let sink = start(&Sink { render: Some(page), ..Sink::default() });
    let encoder = sink.open(&[], "q", &[]).unwrap();
    assert_eq!(sink.render().unwrap(), Response { status: 200, ..Response::default() });
    let fault = encode(&encoder).unwrap_err().to_string();
    assert_eq!(
        fault,
        "sink `probe` gave requests for 3 deliveries where 0 were due; it is not started again, because what it \
         showed is lost with it"
    );

    let sink = start(&Sink { render: Some("(i32.const 128)"), ..Sink::default() });
    assert_eq!(sink.render().unwrap_err().what.split(';').next(), Some("gave a page with the status 0"));
    let sink = start(&Sink { render: Some("unreachable"), ..Sink::default() });
    assert!(sink.render().unwrap_err().to_string().contains("trapped"));
    let sink = start(&Sink::default());
    assert_eq!(sink.render().unwrap_err().to_string(), "sink `probe` answers no scrapes");
}

#[test]
fn a_sink_says_what_it_is() {
    let described = start(&Sink { describe: DESCRIBED, ..Sink::default() }).described().clone();
    let Descriptor { name, version, docs, options } = described;
    assert_eq!((name.as_str(), version.as_str(), docs.as_str(), options), ("probe", "1", "", vec![]));
    let described = start(&Sink { describe: DESCRIBED_WITH_URL, ..Sink::default() }).described().clone();
    let options: Vec<_> = described.options.iter().map(|it| (it.name.as_str(), it.data_type)).collect();
    assert_eq!(options, [("url", DataType::Text)]);
}

#[test]
fn what_is_no_sink_is_refused() {
    let runtime = Runtime::new().unwrap();
    let refused = SinkComponent::new(&runtime, "probe", &reducer(&Reducer::default())).err().unwrap();
    assert_eq!(
        refused.to_string(),
        "sink `probe` does not export `streamgauge:plugin/sink@0.2.0`: it is of another kind, since it exports \
         `streamgauge:plugin/reducer@0.2.0`"
    );
    let empty = r#"(component (component $c) (instance $i (instantiate $c))
        (export "streamgauge:plugin/sink@0.2.0" (instance $i)))"#;
    let refused = SinkComponent::new(&runtime, "probe", &wat::parse_str(empty).unwrap()).err().unwrap();
    assert!(refused.to_string().contains("does not have export"), "{refused}");
}
