//! The sketch against sets of known size.

use std::collections::BTreeSet;

use super::*;

#[test]
fn the_laws_hold() {
    streamgauge_sdk::laws::check::<Plugin>(&[]);
}

fn sketch(hashes: impl Iterator<Item = u64>) -> Sketch {
    let mut sketch = Sketch::default();
    hashes.for_each(|hash| sketch.add(hash));
    sketch
}

#[test]
fn up_to_256_values_it_is_exact() {
    for count in 0..=256 {
        let texts = (0..count).chain(0..count).map(|number| String::hash(&format!("user {number}")));
        assert_eq!(sketch(texts).count(), count);
    }
}

/// Ten standard errors never occur; half of all sketches are within 0.67.
#[test]
fn the_error_is_within_its_bound() {
    const ERROR: f64 = 0.01625;
    for size in [257_u64, 1_000, 5_000, 20_000, 100_000, 1_000_000] {
        let sets = if size > 100_000 { 8 } else { 60 };
        let errors: Vec<f64> = (0..sets)
            .map(|set| {
                let numbers = (0..size).map(|number| i64::hash((set << 40 | number) as i64));
                (sketch(numbers).count() as f64 - size as f64) / size as f64
            })
            .collect();
        let worst = errors.iter().fold(0.0, |worst: f64, error| worst.max(error.abs()));
        let deviation = (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt();
        let bias = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(worst < 4.5 * ERROR, "{size}: {worst}");
        assert!(deviation < 1.5 * ERROR, "{size}: {deviation}");
        assert!(bias.abs() < 4.0 * ERROR / (errors.len() as f64).sqrt(), "{size}: {bias}");
    }
}

#[test]
fn merged_sketches_are_the_sketch_of_the_union() {
    let bytes = |sketch: &Sketch| {
        let mut bytes = Vec::new();
        streamgauge_sdk::Stored::write(sketch, &mut streamgauge_sdk::Writer::new(&mut bytes));
        bytes
    };
    let hash = |number: i64| i64::hash(number);
    for (a, b) in
        [(0..100, 50..150), (0..200, 100..300), (0..1000, 0..50), (0..50, 0..1000), (0..3000, 2000..9000)]
    {
        let union: BTreeSet<i64> = a.clone().chain(b.clone()).collect();
        let mut merged = sketch(a.map(hash));
        merged.merge(&sketch(b.map(hash)));
        assert_eq!(bytes(&merged), bytes(&sketch(union.into_iter().rev().map(hash))));
    }
}

/// States hold hashes, so these may never change.
#[test]
fn hashes_are_those_of_xxh3() {
    assert_eq!(String::hash(""), 0x2d06_8005_38d3_94c2);
    assert_eq!(f64::hash(-0.0), f64::hash(0.0));
    assert_eq!(f64::hash(-f64::NAN), f64::hash(f64::NAN));
}
