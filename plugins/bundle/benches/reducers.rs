//! What a row costs in each reducer, in WebAssembly and natively: `cargo bench -p streamgauge-bundle`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "it measures and prints"
)]

use std::{hint::black_box, time::Instant};

use streamgauge_bundle::REDUCERS;
use streamgauge_sdk::{Accumulators, Column, Literal, Reducer, Values, bitmap};

#[path = "../tests/it/component.rs"]
mod component;
use component::Guest;

const ROWS: usize = 4096;
const SLOTS: u64 = 12;
const CALLS: usize = 1000;

/// Slots and values as of twelve models with skew.
struct Batch {
    slots: Vec<u32>,
    float: Column,
    whole: Column,
    time: Column,
    flag: Column,
    text: Column,
}

impl Batch {
    fn new(nulls: bool) -> Self {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let slots = (0..ROWS).map(|_| (random() % SLOTS).min(random() % SLOTS) as u32).collect();
        let latencies: Vec<f64> = (0..ROWS)
            .map(|_| 20.0 * (random() % 1000 + 1) as f64 * 1000.0 / (random() % 1000 + 100) as f64)
            .collect();
        let valid = nulls.then(|| bitmap((0..ROWS).map(|row| row % 17 != 0)));
        let column = |values| Column { rows: ROWS, values, valid: valid.clone() };
        let texts = (0..ROWS).map(|row| format!("request {}", row * 7919 % ROWS));
        let mut text = streamgauge_sdk::BytesList::default();
        texts.for_each(|item| {
            text.bytes.extend(item.into_bytes());
            text.end_item();
        });
        Self {
            slots,
            whole: column(Values::Int64s(latencies.iter().map(|&value| value as i64).collect())),
            float: column(Values::Float64s(latencies)),
            time: column(Values::Timestamps((0..ROWS as i64).map(|row| row * 100).collect())),
            flag: column(Values::Booleans(bitmap((0..ROWS).map(|row| row % 3 == 0)))),
            text: column(Values::Texts(text)),
        }
    }
}

/// Nanoseconds a row, in the best of many calls: other work on the machine only ever adds.
fn measure(accumulators: &mut dyn Accumulators, slots: &[u32], arguments: &[&Column]) -> f64 {
    let views: Vec<_> = arguments.iter().map(|column| column.view()).collect();
    let mut best = u128::MAX;
    for _ in 0..CALLS {
        let start = Instant::now();
        black_box(accumulators.accumulate(slots, &views)).unwrap();
        best = best.min(start.elapsed().as_nanos());
    }
    best as f64 / ROWS as f64
}

fn report<R: Reducer>(signature: u32, parameters: &[Literal], pick: fn(&Batch) -> Vec<&Column>) {
    let name = R::describe().name;
    let (_, component) = REDUCERS.iter().find(|(reducer, _)| *reducer == name).unwrap();
    let guests = [false, true].map(|canonical_nan| Guest::new(component, canonical_nan));
    let mut row = format!("{:>21} {signature}", guests[0].describe().name);
    for nulls in [false, true] {
        let batch = Batch::new(nulls);
        let arguments = pick(&batch);
        let mut native = R::open(signature, parameters).unwrap();
        let native = measure(native.as_mut(), &batch.slots, &arguments);
        row += &format!(" | {native:6.2}");
        for guest in &guests {
            let mut guest = guest.open(signature, parameters).unwrap();
            row += &format!(" {:6.2}", measure(&mut guest, &batch.slots, &arguments));
        }
    }
    println!("{row}");
}

fn main() {
    let yes = Literal::Boolean(true);
    println!(
        "ns a row                | native   wasm, with canonical NaN | the same with one row in 17 NULL"
    );
    report::<reducer_count::Count>(0, &[], |_| vec![]);
    report::<reducer_count::Count>(3, &[], |batch| vec![&batch.float]);
    report::<reducer_sum::Sum>(0, &[], |batch| vec![&batch.whole]);
    report::<reducer_sum::Sum>(1, &[], |batch| vec![&batch.float]);
    report::<reducer_avg::Average>(0, &[], |batch| vec![&batch.whole]);
    report::<reducer_avg::Average>(1, &[], |batch| vec![&batch.float]);
    report::<reducer_min::Min>(0, &[], |batch| vec![&batch.whole]);
    report::<reducer_max::Max>(1, &[], |batch| vec![&batch.float]);
    report::<reducer_max::Max>(3, &[], |batch| vec![&batch.text]);
    report::<reducer_stddev::StandardDeviation>(0, &[yes.clone(), yes], |batch| vec![&batch.float]);
    report::<reducer_percentile::Percentile>(0, &[Literal::Float64(95.0)], |batch| vec![&batch.float]);
    report::<reducer_z_score::ZScore>(0, &[], |batch| vec![&batch.float, &batch.time]);
    report::<reducer_first::Plugin>(2, &[], |batch| vec![&batch.float, &batch.time]);
    report::<reducer_last::Plugin>(2, &[], |batch| vec![&batch.float, &batch.time]);
    report::<reducer_last::Plugin>(4, &[], |batch| vec![&batch.text, &batch.time]);
    report::<reducer_arg_min::Plugin>(7, &[], |batch| vec![&batch.float, &batch.float]);
    report::<reducer_arg_max::Plugin>(13, &[], |batch| vec![&batch.text, &batch.float]);
    report::<reducer_bool_and::Plugin>(0, &[], |batch| vec![&batch.flag]);
    report::<reducer_bool_or::Plugin>(0, &[], |batch| vec![&batch.flag]);
    let share = [Literal::Float64(0.95)];
    report::<reducer_percentile_cont::Plugin>(0, &share, |batch| vec![&batch.float]);
    report::<reducer_percentile_disc::Plugin>(0, &share, |batch| vec![&batch.whole]);
    report::<reducer_mad::Plugin>(0, &[], |batch| vec![&batch.float]);
    report::<reducer_count_distinct::Plugin>(1, &[], |batch| vec![&batch.whole]);
    report::<reducer_count_distinct::Plugin>(4, &[], |batch| vec![&batch.text]);
    report::<reducer_approx_count_distinct::Plugin>(1, &[], |batch| vec![&batch.whole]);
    report::<reducer_approx_count_distinct::Plugin>(4, &[], |batch| vec![&batch.text]);
    report::<reducer_corr::Plugin>(0, &[], |batch| vec![&batch.float, &batch.float]);
    report::<reducer_regr_slope::Plugin>(0, &[], |batch| vec![&batch.float, &batch.float]);
    report::<reducer_string_agg::Plugin>(0, &[",".into()], |batch| vec![&batch.text, &batch.time]);
    report::<reducer_ewma::Plugin>(0, &[60.0.into()], |batch| vec![&batch.float, &batch.time]);
    report::<reducer_rate::Plugin>(0, &[], |batch| vec![&batch.float, &batch.time]);
    report::<reducer_top_k::Plugin>(0, &[10.into()], |batch| vec![&batch.text]);
    report::<reducer_top_k::Plugin>(1, &[10.into()], |batch| vec![&batch.whole]);
    report::<reducer_histogram::Plugin>(0, &["100, 200, 500, 1000, 5000".into()], |batch| vec![&batch.float]);
}
