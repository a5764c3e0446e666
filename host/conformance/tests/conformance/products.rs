//! Every reducer and sink that is part of the product.

use streamgauge_bundle::{REDUCERS, SINKS};
use streamgauge_component::runtime::Runtime;
use streamgauge_conformance::inspect;

use crate::checked;

#[test]
fn reducers_keep_all_laws() {
    for (name, bytes) in REDUCERS {
        let checked = checked(bytes);
        assert!(checked.holds(), "{name}: {checked}");
        assert_eq!((checked.kind, checked.name.as_str()), (Some("reducer"), *name));
        assert!(checked.to_string().ends_with("\nall 20 laws hold"), "{checked}");
    }
}

#[test]
fn sinks_keep_all_laws() {
    for (name, bytes) in SINKS {
        let checked = checked(bytes);
        assert!(checked.holds(), "{name}: {checked}");
        assert_eq!((checked.kind, checked.name.as_str()), (Some("sink"), *name));
    }
}

#[test]
fn what_a_reducer_is_is_shown() {
    let (_, bytes) = REDUCERS.iter().find(|(name, _)| *name == "percentile").unwrap();
    let inspected = inspect(&Runtime::new().unwrap(), bytes).unwrap();
    let json = inspected.to_json("percentile.wasm");
    assert_eq!(json["contract"], "streamgauge:plugin@0.2.0");
    assert_eq!(json["bytes"], bytes.len());
    assert_eq!(json["signatures"][0]["parameters"][0]["name"], "p");
    assert_eq!(json["signatures"][0]["returns"], "DOUBLE");
    assert!(json["signatures"][0]["state_bytes_max"].is_u64(), "{json}");
    let text = inspected.to_string();
    assert!(text.starts_with("reducer percentile "), "{text}");
}

#[test]
fn what_a_sink_is_is_shown() {
    let (_, bytes) = SINKS.iter().find(|(name, _)| *name == "prometheus").unwrap();
    let json = inspect(&Runtime::new().unwrap(), bytes).unwrap().to_json("p.wasm");
    assert_eq!((&json["kind"], &json["answers_scrapes"]), (&"sink".into(), &true.into()));
    assert_eq!(json["options"][0]["name"], "prefix");
}
