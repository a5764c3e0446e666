//! The laws of every sink, as a test. See `wit/sink.wit`.

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use super::{Batch, Encoder as _, Message, Response, Schema, Sink};
use crate::{Cell, DataType, Literal};

/// A value before its column's type is known.
#[derive(Clone, Debug)]
struct Seed {
    null: bool,
    number: i64,
    double: f64,
    text: String,
}

impl Seed {
    fn cell(&self, data_type: DataType) -> Option<Cell<'_>> {
        (!self.null).then_some(match data_type {
            DataType::Boolean => Cell::Boolean(self.number & 1 == 0),
            DataType::Int64 => Cell::Int64(self.number),
            DataType::Float64 => Cell::Float64(self.double),
            DataType::Timestamp => Cell::Timestamp(self.number),
            DataType::Text => Cell::Text(&self.text),
        })
    }
}

/// Checks that a sink with these options keeps the laws for rows of this schema, whatever is in them. `answers_scrapes` says
/// that it gives no requests.
///
/// # Panics
/// Where it does not.
pub fn check<S: Sink>(options: &[Literal], schema: &Schema, answers_scrapes: bool) {
    let open = || S::open(options, schema).unwrap_or_else(|error| panic!("it does not open: {error}"));
    let rows = vec((0..4_i64, vec(seed(), schema.columns.len())), 0..40);
    let run = TestRunner::new(ProptestConfig::with_cases(200)).run(&rows, |rows| {
        let (mut one, mut other) = (open(), open());
        let batch = batch(schema, &rows);
        let requests = batch.encode(&mut one);
        prop_assert_eq!(&requests, &batch.encode(&mut other));
        let requests = requests.map_err(|error| TestCaseError::fail(format!("refused: {error}")))?;
        let carried: usize = requests.iter().map(|request| request.deliveries as usize).sum();
        prop_assert_eq!(carried, if answers_scrapes { 0 } else { batch.len() });
        for request in &requests {
            prop_assert!(request.deliveries > 0);
            if let Message::Http(http) = &request.message {
                let lines = http.headers.iter().flat_map(|(name, value)| [name, value]).chain([&http.url]);
                prop_assert!(!lines.into_iter().any(|line| line.contains(char::is_control)));
            }
            for status in [200, 204, 301, 400, 404, 410, 429, 500, 503, 0, u16::MAX] {
                let response = Response { status, ..Response::default() };
                let outcomes = open().judge(request, &response);
                prop_assert_eq!(&outcomes, &one.judge(request, &response));
                prop_assert_eq!(outcomes.len(), request.deliveries as usize);
            }
        }
        Ok(())
    });
    if let Err(failure) = run {
        panic!("{failure}");
    }
}

fn batch(schema: &Schema, rows: &[(i64, Vec<Seed>)]) -> Batch {
    rows.iter().fold(Batch::new(schema), |batch, (window, seeds)| {
        let cells: Vec<_> =
            seeds.iter().zip(&schema.columns).map(|(seed, column)| seed.cell(column.data_type)).collect();
        batch.row(Some((window * 60_000_000, (window + 5) * 60_000_000)), &cells)
    })
}

fn seed() -> impl Strategy<Value = Seed> {
    let number = prop_oneof![Just(0), Just(i64::MIN), Just(i64::MAX), any::<i64>()];
    let double = prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), any::<f64>()];
    let text = prop_oneof![
        Just(String::new()),
        Just("<&>*_~`:\"\\\n\u{0}".to_owned()),
        Just("é".repeat(4000)),
        any::<String>()
    ];
    (any::<bool>(), number, double, text).prop_map(|(null, number, double, text)| Seed {
        null,
        number,
        double,
        text,
    })
}
