//! The bytes of states are those that the kits of other languages write and read.
#![expect(clippy::unwrap_used, reason = "what does not hold here fails the test")]

use std::{collections::BTreeMap, fmt::Debug};

use streamgauge_sdk::{Reader, Stored, Writer};

/// The bytes that have a name.
fn due(name: &str) -> Vec<u8> {
    let lines = include_str!("stored.txt").lines();
    let hex = lines.filter_map(|line| line.split_once(' ')).find(|(found, _)| *found == name).unwrap().1;
    let pairs: Vec<char> = hex.chars().collect();
    pairs.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap()).collect()
}

fn check<T: Stored + PartialEq + Debug>(name: &str, value: T) {
    let mut bytes = Vec::new();
    value.write(&mut Writer::new(&mut bytes));
    assert_eq!(bytes, due(name), "{name}");
    let mut reader = Reader::new(&bytes);
    assert_eq!((T::read(&mut reader), reader.finish()), (Ok(value), Ok(())), "{name}");
}

#[test]
fn states_have_the_bytes_of_all_kits() {
    check("true", true);
    check("u8", 7_u8);
    check("u32", u32::MAX);
    check("u64", 1_u64 << 53);
    check("least", -1_i64 << 53);
    check("i128", -5_i128);
    check("infinite", f64::NEG_INFINITY);
    check("text", "éa".to_owned());
    check("some", Some(-1_i64));
    check("none", None::<i64>);
    check("list", vec![0.5, 0.0, -1.0]);
    check("long", vec![7_u8; 200]);
    check("texts", vec![String::new(), "é".to_owned()]);
    // By UTF-8; by UTF-16 the last two would change places.
    let map = ["A", "\u{ff5e}", "\u{10000}"].map(str::to_owned).into_iter().zip(1_u64..);
    check("map", map.collect::<BTreeMap<_, _>>());
    check("parts", (true, 2.5, Some(3_i64)));
}
