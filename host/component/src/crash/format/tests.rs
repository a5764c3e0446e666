//! Bundles come back as they were; what is none is refused and never panics.

use std::sync::Arc;

use proptest::prelude::*;
use streamgauge_common::column::{Column, DataType, Texts, Value};

use super::*;

fn column(data_type: DataType, values: &[Value]) -> Column {
    let mut column = Column::empty(data_type);
    values.iter().for_each(|value| column.push(value));
    column
}

fn texts(texts: &[&[u8]]) -> Texts {
    let mut all = Texts::default();
    texts.iter().for_each(|text| all.push(text));
    all
}

/// A bundle with every kind of value and call.
fn bundle(call: ReducerCall) -> CrashBundle {
    let component: Arc<[u8]> = b"\0asm no component, but bytes\n".to_vec().into();
    let types = [DataType::Boolean, DataType::Int64, DataType::Float64, DataType::Timestamp, DataType::Text];
    CrashBundle {
        streamgauge: "1.2.3".into(),
        contract: "streamgauge:plugin/reducer@0.2.0".into(),
        query: "a \"query\"\n".into(),
        opened: Opened {
            text: "f(v)".into(),
            name: "f".into(),
            signature: 3,
            parameters: vec![
                Value::Null,
                Value::Boolean(true),
                Value::Int64(i64::MIN),
                Value::Float64(-0.0),
                Value::Timestamp(-1),
                Value::Text("é".into()),
            ],
            arguments: types.to_vec(),
            returns: DataType::Text,
            state_version: 7,
        },
        limits: CrashLimits {
            run: Limits::default(),
            guest: GuestLimits { memory: Some(1 << 20), call_timeout: None },
        },
        before: vec![
            ReducerCall::Restore { version: 7, slots: vec![4, u32::MAX], states: texts(&[b"\xff\0", b""]) },
            ReducerCall::Merge { into: vec![4], source: vec![9] },
            ReducerCall::Release { slots: vec![] },
        ],
        call,
        what: "trapped in `add`: unreachable".into(),
        sha256: hexadecimal(&Sha256::digest(&component)),
        component,
    }
}

fn accumulate() -> ReducerCall {
    let columns = vec![
        column(DataType::Boolean, &[Value::Boolean(true), Value::Null]),
        column(DataType::Int64, &[Value::Int64(i64::MAX), Value::Int64(-1)]),
        column(DataType::Float64, &[Value::Float64(f64::INFINITY), Value::Null]),
        column(DataType::Timestamp, &[Value::Timestamp(5), Value::Timestamp(6)]),
        column(DataType::Text, &[Value::Text("ü".into()), Value::Null]),
    ];
    ReducerCall::Accumulate { slots: vec![4, 4], columns }
}

#[test]
fn a_bundle_comes_back_as_it_was() {
    for call in [
        accumulate(),
        ReducerCall::Evaluate { slots: vec![1, 2] },
        ReducerCall::Snapshot { slots: vec![1] },
        ReducerCall::Merge { into: vec![1], source: vec![2] },
    ] {
        let bundle = bundle(call);
        let bytes = bundle.encode().unwrap();
        assert_eq!(CrashBundle::decode(&bytes).unwrap(), bundle);
        let mut lines = bytes.split(|&byte| byte == b'\n');
        assert!(lines.next().unwrap().starts_with(b"streamgauge crash bundle 1 "));
        let header: Json = serde_json::from_slice(lines.next().unwrap()).unwrap();
        assert_eq!((&header["plugin"], &header["what"]), (&"f".into(), &bundle.what.clone().into()));
    }
}

#[test]
fn what_is_cut_changed_foreign_or_newer_is_refused() {
    let bytes = bundle(accumulate()).encode().unwrap();
    for end in 0..bytes.len() {
        let why = CrashBundle::decode(&bytes[..end]).unwrap_err();
        let expected = if end < MAGIC.len() { NotABundle::Foreign } else { NotABundle::Damaged };
        assert_eq!(why, expected, "cut at {end}");
    }
    for at in MAGIC.len() + 1..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        assert!(CrashBundle::decode(&other).is_err(), "changed at {at}");
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert_eq!(CrashBundle::decode(&longer).unwrap_err(), NotABundle::Damaged);
    assert_eq!(CrashBundle::decode(b"\0asm\x0d\0\x01\0").unwrap_err(), NotABundle::Foreign);
    let newer = [b"streamgauge crash bundle 2 ", &bytes[MAGIC.len() + 2..]].concat();
    assert_eq!(CrashBundle::decode(&newer).unwrap_err(), NotABundle::Newer(2));
}

/// The bytes of a bundle with this behind its first line, which has the right digest.
fn signed(body: &[u8]) -> Vec<u8> {
    let first = format!("{MAGIC}{FORMAT} {}\n", hexadecimal(&Sha256::digest(body)));
    [first.as_bytes(), body].concat()
}

#[test]
fn limits_that_no_run_has_and_columns_that_do_not_fit_are_refused() {
    let mut wide = bundle(accumulate());
    wide.limits.run.plugin_memory = 8 << 30;
    let refused =
        |bundle: &CrashBundle| CrashBundle::decode(&bundle.encode().unwrap()).unwrap_err().to_string();
    assert!(refused(&wide).contains("limits that no run can have"));
    let mut other = bundle(accumulate());
    other.opened.arguments.reverse();
    assert!(refused(&other).contains("a field is missing"));
    let mut odd = bundle(accumulate());
    odd.sha256 = "0".repeat(64);
    assert!(refused(&odd).contains("its component has another SHA-256"));
}

#[test]
fn a_bundle_that_would_be_too_large_is_not_made() {
    let mut large = bundle(accumulate());
    large.component = vec![0; BUNDLE_BYTES_MAX].into();
    assert_eq!(large.encode(), None);
    assert_eq!(CrashBundle::decode(&vec![0; BUNDLE_BYTES_MAX + 1]).unwrap_err(), NotABundle::TooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Behind a digest that is right anything may stand: counts and lengths are not believed.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), at in any::<usize>(), is_call in any::<bool>()) {
        let _ = CrashBundle::decode(&bytes);
        let _ = CrashBundle::decode(&signed(&bytes));
        let whole = bundle(accumulate()).encode().unwrap();
        let body = whole.splitn(2, |&byte| byte == b'\n').nth(1).unwrap();
        let mut body = body.to_vec();
        let behind = if is_call { body.len() - 400 } else { 0 };
        let at = behind + at % (body.len() - behind);
        let end = (at + bytes.len().min(8)).min(body.len());
        body[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(read) = CrashBundle::decode(&signed(&body)) {
            prop_assert!(read.encode().is_some());
        }
    }
}
