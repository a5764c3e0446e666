//! Reducers that fail, or answer wrongly.

use streamgauge_common::column::{Column, DataType, Texts, Value};
use streamgauge_engine::{Accumulators, Evaluated, Fault, FoldBatch, Settings, WindowQuery};
use streamgauge_sql::manifest::{self, Aggregate, Key, Window, WindowKind};

use crate::{
    accumulators::{Calls, Last, Native, column, times},
    harness::first,
};

fn window(aggregates: usize) -> Window {
    let aggregate = Aggregate {
        text: "last(word)".into(),
        reducer: "last".into(),
        plugin: None,
        signature: 0,
        parameters: vec![],
        arguments: vec![manifest::Column::Input(1)],
        needs_time: false,
        growing: false,
        state_bytes_max: None,
        returns: DataType::Text,
    };
    let key = Key { column: manifest::Column::Input(2), data_type: DataType::Int64 };
    Window {
        kind: WindowKind::Tumble { size_us: 10, offset_us: 0 },
        time: 0,
        keys: vec![key],
        sets: vec![],
        aggregates: vec![aggregate; aggregates],
    }
}

fn fold(
    query: &mut WindowQuery,
    accumulators: &mut [Box<dyn Accumulators>],
    words: &[&str],
) -> Result<(), Fault> {
    let texts = column(DataType::Text, words.iter().map(|&word| Value::Text(word.into())));
    let keys = column(DataType::Int64, (0..words.len()).map(|row| Value::Int64(row as i64)));
    let times = times(words.iter().map(|_| 5));
    let arguments = vec![vec![&texts]; accumulators.len()];
    let batch = FoldBatch { times: &times, kept: None, keys: &[&keys], arguments: &arguments };
    query.fold(first(0), &batch, accumulators).map(|_| ())
}

#[test]
fn a_group_without_a_value_is_told_once() {
    let calls = Calls::default();
    let mut accumulators = vec![Native::<Last>::boxed(&calls), Native::<Last>::boxed(&calls)];
    let mut query = WindowQuery::new(&window(2), Settings::default(), [first(0)]).unwrap();
    fold(&mut query, &mut accumulators, &["a", "fail", "b", "fail"]).unwrap();
    query.end(first(0));
    let closed = query.advance(&mut accumulators).unwrap();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].rows.failed, [(1, 0, "no value".into()), (3, 0, "no value".into())]);
    assert_eq!(
        (closed[0].rows.len(), closed[0].rows.keys[0].value(3)),
        (4, Value::Int64(3)),
        "rows keep their places"
    );
}

/// Fails in one call, or answers something wrong.
struct Broken(&'static str);

impl Broken {
    fn call(&self, name: &str) -> Result<(), Fault> {
        if self.0 == name {
            return Err(Fault::deterministic("reducer 'last'", format!("trapped in {name}")));
        }
        Ok(())
    }
}

impl Accumulators for Broken {
    fn accumulate(&mut self, _: &[u32], _: &[&Column]) -> Result<(), Fault> {
        self.call("accumulate")
    }

    fn merge(&mut self, _: &[u32], _: &[u32]) -> Result<(), Fault> {
        self.call("merge")
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        let rows = slots.len() + usize::from(self.0 == "too many");
        let data_type = if self.0 == "wrong type" { DataType::Int64 } else { DataType::Text };
        let failed = if self.0 == "bad row" { vec![(9, String::new())] } else { vec![] };
        self.call("evaluate")?;
        Ok(Evaluated { column: column(data_type, vec![Value::Null; rows]), failed })
    }

    fn release(&mut self, _: &[u32]) -> Result<(), Fault> {
        self.call("release")
    }

    fn snapshot(&mut self, _: &[u32]) -> Result<Texts, Fault> {
        self.call("snapshot").map(|()| Texts::default())
    }

    fn restore(&mut self, _: u32, _: &[u32], _: &Texts) -> Result<(), Fault> {
        self.call("restore")
    }

    fn state_version(&self) -> u32 {
        1
    }

    fn restores(&self) -> &[u32] {
        &[]
    }
}

#[test]
fn a_fault_ends_the_query() {
    for (how, expected) in [
        ("accumulate", "reducer 'last' trapped in accumulate"),
        ("evaluate", "reducer 'last' trapped in evaluate"),
        ("release", "reducer 'last' trapped in release"),
        ("too many", "reducer 'last' gave 3 values for 2 slots"),
        ("wrong type", "reducer 'last' gave BIGINT values instead of TEXT"),
        ("bad row", "reducer 'last' failed for value 9 of 2"),
    ] {
        let mut accumulators: Vec<Box<dyn Accumulators>> = vec![Box::new(Broken(how))];
        let mut query = WindowQuery::new(&window(1), Settings::default(), [first(0)]).unwrap();
        let folded = fold(&mut query, &mut accumulators, &["a", "b"]);
        query.end(first(0));
        let fault = folded.and_then(|()| query.advance(&mut accumulators)).unwrap_err();
        assert_eq!(fault.to_string(), expected);
        accumulators[0] = Box::new(Broken(""));
        assert_eq!(fold(&mut query, &mut accumulators, &["a"]).unwrap_err(), fault, "{how}");
        assert_eq!(query.next_closed(&mut accumulators).unwrap_err(), fault, "{how}");
    }
}
