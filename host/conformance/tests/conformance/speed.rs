//! What a reducer of one DOUBLE and one DOUBLE parameter takes: not a test of anything, but where the numbers of docs/plugins.md are from.
//!
//!     STREAMGAUGE_PLUGINS=a.wasm:b.wasm cargo test --release --workspace --test conformance speed -- --ignored --nocapture

use std::{env, fs, hint::black_box};

use streamgauge_common::{
    clock::Stopwatch,
    column::{Bitmap, Column, DataType, Value, Values},
};
use streamgauge_component::{reducer::ReducerComponent, runtime::Runtime};
use streamgauge_engine::{Accumulators as _, StateVersions};
use streamgauge_sql::manifest::Aggregate;

const ROWS: usize = 4096;
const SLOTS: u32 = 100;
const BATCHES: usize = 300;

#[test]
#[ignore = "it measures, and needs components"]
fn speed() {
    for path in env::split_paths(&env::var_os("STREAMGAUGE_PLUGINS").unwrap_or_default()) {
        let bytes = fs::read(&path).unwrap();
        let clock = Stopwatch::start();
        let component = ReducerComponent::new(&Runtime::new().unwrap(), "plugin", &bytes).unwrap();
        let compiled = clock.elapsed();
        let call = Aggregate {
            text: String::new(),
            reducer: String::new(),
            plugin: None,
            signature: 0,
            parameters: vec![Value::Float64(0.0)],
            arguments: Vec::new(),
            needs_time: false,
            growing: false,
            returns: DataType::Float64,
        };
        let versions = StateVersions { written: 1, restores: Vec::new() };
        let mut instance = component.open(&call, versions).unwrap();
        let slots: Vec<u32> = (0..SLOTS).cycle().take(ROWS).collect();
        let values: Vec<f64> = (0..ROWS).map(|row| 1.0 + (row * 7919 % 1000) as f64).collect();
        let valid: Bitmap = (0..ROWS).map(|row| row % 17 != 0).collect();
        let nanos = [None, Some(valid)].map(|valid| {
            let column = Column { values: Values::Float64(values.clone()), valid };
            let batches = (0..BATCHES).map(|_| {
                let clock = Stopwatch::start();
                instance.accumulate(black_box(&slots), black_box(&[&column])).unwrap();
                clock.elapsed()
            });
            batches.min().unwrap().as_nanos() as f64 / ROWS as f64
        });
        println!(
            "{}: {} bytes, compiled in {compiled:.2?}, {:.1} and {:.1} ns a row without and with NULL, {} bytes of memory",
            path.display(),
            bytes.len(),
            nanos[0],
            nanos[1],
            instance.memory_bytes().unwrap()
        );
    }
}
