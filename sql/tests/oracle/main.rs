//! Generated WebAssembly computes what the reference interpreter says: `streamgauge_sql::eval` is the oracle.
//!
//! Random typed expressions over random columns run in both. To be quick the shell is compiled once and the generated
//! module is linked to it by hand ([`guest`]); a few go through the component as a host sees it ([`component`]).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "helpers of tests may panic, as tests do; nothing outside reads them"
)]

mod random;
mod batch;
mod expressions;
mod edges;
mod manifests;
mod guest;
mod component;
mod refused;
mod cases;
#[path = "../it/catalog.rs"]
mod catalog;

use proptest::prelude::*;
use proptest::test_runner::Config;

use streamgauge_sql::eval::{Outcome, run};
use streamgauge_sql::expr::Code;
use streamgauge_sql::types::{DataType, Value};

use batch::{Batch, Column, Selected};
use guest::Shell;
use random::Random;

/// A random query: its code and some batches for it.
fn case(seed: u64) -> (Code, Vec<Batch>) {
    let mut random = Random::new(seed);
    let code = expressions::code(&mut random);
    let batches = (0..2).map(|_| Batch::random(&mut random, &code.arguments)).collect();
    (code, batches)
}

/// What the interpreter says must be what was selected, row by row.
fn assert_agree(code: &Code, batch: &Batch, selected: &Selected) -> Result<(), TestCaseError> {
    let mut failed = selected.failed.iter();
    for row in 0..batch.rows {
        let outcome = run(code, &|column| batch.columns[column].value(row));
        let context = || format!("row {row}: {:?}\n{code:#?}", batch.row(row));
        let kept = selected.keep.as_ref().is_none_or(|keep| batch::bit(keep, row));
        prop_assert_eq!(kept, matches!(outcome, Outcome::Kept(_)), "{}", context());
        match outcome {
            Outcome::Dropped => {}
            Outcome::Failed { code, expression } => {
                prop_assert_eq!(failed.next(), Some(&(row as u32, code, expression)), "{}", context());
            }
            Outcome::Kept(values) => {
                let computed: Vec<Value> = selected.columns.iter().map(|column| column.value(row)).collect();
                prop_assert!(
                    batch::identical(&computed, &values),
                    "{computed:?} is not {values:?}, {}",
                    context()
                );
            }
        }
    }
    prop_assert_eq!(failed.next(), None);
    for (column, expr) in selected.columns.iter().zip(&code.computed) {
        prop_assert_eq!((column.data_type(), column.rows()), (expr.data_type, batch.rows));
    }
    prop_assert_eq!(selected.columns.len(), code.computed.len());
    Ok(())
}

#[test]
fn generated_code_computes_what_the_interpreter_says() {
    let shell = Shell::compile();
    let config = Config { max_shrink_iters: 0, ..Config::with_cases(2000) };
    proptest!(config, |(seed: u64)| {
        let (code, batches) = case(seed);
        let mut guest = shell.instantiate(&code);
        for batch in &batches {
            assert_agree(&code, batch, &guest.call(batch))?;
        }
    });
}

#[test]
fn operators_compute_what_the_interpreter_says_on_every_pair_of_edges() {
    let shell = Shell::compile();
    for (code, batch) in edges::cases() {
        let selected = shell.instantiate(&code).call(&batch);
        assert_agree(&code, &batch, &selected).unwrap();
    }
}

#[test]
fn expressions_compute_what_postgres_does() {
    let shell = Shell::compile();
    let (names, table) = cases::table();
    let all = cases::all();
    assert!(all.len() >= 900, "{} expressions", all.len());
    for case in all {
        assert_eq!(case.rows(), table.len(), "{}: {}", case.file, case.expression);
        let (code, arguments) = case.code();
        let columns = arguments.iter().map(|argument| {
            let number = names.iter().position(|name| name == argument).unwrap();
            Column::of(cases::data_type(argument), table.iter().map(|row| &row[number]))
        });
        let batch = Batch { rows: table.len(), columns: columns.collect() };
        assert_agree(&code, &batch, &shell.instantiate(&code).call(&batch)).unwrap();
        for row in 0..batch.rows {
            let outcome = run(&code, &|column| batch.columns[column].value(row));
            let expected = case.expected(row);
            assert!(
                case.fits(row, &outcome),
                "{}: {} of row {row} is {outcome:?}, not {expected}",
                case.file,
                case.expression
            );
        }
    }
}

#[test]
fn random_cases_meet_every_outcome() {
    let (mut dropped, mut failed, mut null, mut present) = (0, 0, 0, 0);
    for seed in 0..300 {
        let (code, batches) = case(seed);
        let [batch, _] = &batches[..] else { unreachable!("two batches a case") };
        for row in 0..batch.rows {
            match run(&code, &|column| batch.columns[column].value(row)) {
                Outcome::Dropped => dropped += 1,
                Outcome::Failed { .. } => failed += 1,
                Outcome::Kept(values) => {
                    let nulls = values.iter().filter(|value| **value == Value::Null).count();
                    null += nulls;
                    present += values.len() - nulls;
                }
            }
        }
    }
    for (outcome, rows) in [("dropped", dropped), ("failed", failed), ("NULL", null), ("present", present)] {
        assert!(rows > 1000, "{rows} rows {outcome}");
    }
}

#[test]
fn components_compute_what_the_interpreter_says() {
    let host = component::Host::new();
    let config = Config { max_shrink_iters: 0, ..Config::with_cases(12) };
    proptest!(config, |(seed: u64)| {
        let ((ingest, before), (emit, behind)) = (case(seed), case(!seed));
        let mut query = host.start(Some(&ingest), Some(&emit));
        for (before, behind) in before.iter().zip(&behind) {
            assert_agree(&ingest, before, &query.ingest(before))?;
            assert_agree(&emit, behind, &query.emit(behind))?;
        }
    });
}

#[test]
fn a_component_has_the_engine_of_its_patterns() {
    let host = component::Host::new();
    let code = guest::with_pattern();
    let mut query = host.start(Some(&code), None);
    let columns = vec![Column::random(&mut Random::new(5), DataType::Text, 64)];
    let batch = Batch { rows: 64, columns };
    for _ in 0..2 {
        assert_agree(&code, &batch, &query.ingest(&batch)).unwrap();
    }
}

#[test]
fn memory_does_not_grow_from_call_to_call() {
    let shell = Shell::compile();
    let (code, batch) = expressions::that_makes_texts();
    let mut guest = shell.instantiate(&code);
    let mut call = || {
        guest.call(&batch);
        guest.memory_bytes()
    };
    let after_ten = (0..10).map(|_| call()).last();
    let after_many = (0..500).map(|_| call()).last();
    assert_eq!(after_ten, after_many);
}

#[test]
fn what_has_no_code_keeps_every_row() {
    let batch = Batch::random(&mut Random::new(7), &[]);
    let host = component::Host::new();
    let selected = host.start(None, None).ingest(&batch);
    assert_eq!(selected, Selected { keep: None, columns: vec![], failed: vec![] });
}
