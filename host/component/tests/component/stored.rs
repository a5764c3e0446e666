//! Components that were built against earlier versions of the contract go on working: `stored/VERSION` has some, as they were built then.

use streamgauge_common::{
    column::{DataType, Value},
    message::Response,
};
use streamgauge_component::{
    check::{Outline, World},
    contract::ContractVersion,
    reducer::ReducerComponent,
    runtime::Runtime,
    sink::{Outcome, SinkComponent},
};
use streamgauge_engine::{Accumulators, StateVersions};

use crate::{
    guests::aggregate,
    reducer::{doubles, values},
    sink::{latency, page},
};

const STDDEV: &[u8] = include_bytes!("../stored/0.1.0/stddev.wasm");
const WEBHOOK: &[u8] = include_bytes!("../stored/0.1.0/webhook.wasm");
const PROMETHEUS: &[u8] = include_bytes!("../stored/0.1.0/prometheus.wasm");

#[test]
fn the_version_is_read_from_the_exports() {
    let version = |bytes: &[u8], world| Outline::of(bytes, usize::MAX).unwrap().version(world);
    let old = Some(ContractVersion::V0_1);
    assert_eq!(version(STDDEV, World::Reducer), old);
    assert_eq!(version(STDDEV, World::Sink), None);
    assert_eq!((version(PROMETHEUS, World::Sink), version(PROMETHEUS, World::Scrape)), (old, old));
    for (name, bytes) in streamgauge_bundle::REDUCERS {
        assert_eq!(version(bytes, World::Reducer), Some(ContractVersion::V0_2), "{name}");
    }
}

#[test]
fn a_reducer_of_version_0_1_does_all_that_the_contract_says() {
    let component = ReducerComponent::new(&Runtime::new().unwrap(), "stddev", STDDEV).unwrap();
    let described = component.describe().unwrap();
    assert_eq!((described.name.as_str(), described.version.as_str()), ("stddev", "0.1.0"));
    let signature = &described.signatures[0];
    assert_eq!((signature.arguments.as_slice(), signature.parameters.len()), (&[DataType::Float64][..], 2));

    let parameters = vec![Value::Boolean(false), Value::Boolean(true)];
    let call = aggregate("stddev", DataType::Float64, parameters);
    let versions =
        || StateVersions { written: signature.state_version, restores: signature.restores.clone() };
    let mut stddev = component.open(&call, versions()).unwrap();
    stddev.accumulate(&[0, 0, 1, 1], &[&doubles(&[Some(1.0), Some(3.0), Some(7.0), None])]).unwrap();
    assert_eq!(values(&mut stddev, &[0, 1, 2]), [Value::Float64(1.0), Value::Float64(0.0), Value::Null]);
    stddev.merge(&[1], &[0]).unwrap();
    // Of 1, 3 and 7: the mean is 11/3, the variance 56/9.
    let Value::Float64(of_three) = values(&mut stddev, &[1])[0] else { panic!("a DOUBLE") };
    assert!((of_three - (56.0_f64 / 9.0).sqrt()).abs() < 1e-12, "{of_three}");

    let states = stddev.snapshot(&[0, 1]).unwrap();
    let mut other = component.open(&call, versions()).unwrap();
    other.restore(signature.state_version, &[4, 5], &states).unwrap();
    assert_eq!(values(&mut other, &[4, 5]), [Value::Float64(1.0), Value::Float64(of_three)]);
    other.release(&[4]).unwrap();
    assert_eq!(values(&mut other, &[4]), [Value::Null]);
    let refused = other.try_restore(999, &[4, 5], &states).unwrap();
    assert_eq!(refused.unwrap_err().to_string(), "it cannot read states of version 999");
    let refused =
        component.try_open(&aggregate("stddev", DataType::Float64, vec![Value::Null; 2]), versions());
    assert!(refused.unwrap().is_err(), "NULL is no BOOLEAN for it");
}

#[test]
fn a_sink_of_version_0_1_makes_the_requests_that_it_made() {
    let runtime = Runtime::new().unwrap();
    let text = |text: &str| Value::Text(text.to_owned());
    let now = SinkComponent::embedded(&runtime, "webhook").unwrap().unwrap();
    let then = SinkComponent::new(&runtime, "webhook", WEBHOOK).unwrap();
    let (batch, url) = (latency(), [("url", text("https://example.com/{secret:TOKEN}"))]);
    let encoders = [now, then].map(|sink| batch.open(&sink.start().unwrap(), &url, "latency"));
    let [now, then] = encoders.each_ref().map(|encoder| batch.encode(encoder));
    assert_eq!((then.len(), &then), (2, &now));
    let answer = |status| Response { status, headers: Vec::new(), body: b"no".to_vec() };
    let judged = |status| encoders[1].judge(&then[0].request, 1, &answer(status)).unwrap();
    assert_eq!((judged(200), judged(503)), (vec![Outcome::Delivered], vec![Outcome::Retry(None)]));
    assert!(matches!(judged(400).as_slice(), [Outcome::Rejected(_)]));
}

#[test]
fn a_sink_of_version_0_1_answers_scrapes() {
    let runtime = Runtime::new().unwrap();
    let pages = [
        SinkComponent::embedded(&runtime, "prometheus").unwrap().unwrap(),
        SinkComponent::new(&runtime, "prometheus", PROMETHEUS).unwrap(),
    ]
    .map(|sink| {
        assert!(sink.answers_scrapes());
        let (instance, batch) = (sink.start().unwrap(), latency());
        let encoder = batch.open(&instance, &[], "latency");
        assert_eq!(batch.encode(&encoder), []);
        page(&instance)
    });
    assert!(pages[1].contains("latency_requests"), "{}", pages[1]);
    assert_eq!(pages[0], pages[1]);
}
