//! The reducers of the product behind the boundary.

use streamgauge_common::column::{Column, DataType, Value};
use streamgauge_component::{plugins::Plugins, runtime::Runtime};
use streamgauge_engine::Accumulators;

use crate::guests::aggregate;

fn plugins() -> Plugins {
    Plugins::embedded(Runtime::new().unwrap())
}

pub(crate) fn doubles(values: &[Option<f64>]) -> Column {
    let mut column = Column::empty(DataType::Float64);
    values.iter().for_each(|value| column.push(&value.map_or(Value::Null, Value::Float64)));
    column
}

pub(crate) fn values(guest: &mut impl Accumulators, slots: &[u32]) -> Vec<Value> {
    let evaluated = guest.evaluate(slots).unwrap();
    assert_eq!(evaluated.failed, []);
    (0..slots.len()).map(|row| evaluated.column.value(row)).collect()
}

/// Which signature of a reducer takes these types.
fn signature(plugins: &Plugins, name: &str, arguments: &[DataType]) -> u32 {
    let reducer = plugins.reducer(name).unwrap().unwrap();
    reducer.signatures.iter().position(|signature| signature.arguments == arguments).unwrap() as u32
}

#[test]
fn an_average_is_folded_merged_and_released() {
    let plugins = plugins();
    let mut call = aggregate("avg", DataType::Float64, Vec::new());
    call.signature = signature(&plugins, "avg", &[DataType::Float64]);
    let mut avg = plugins.open(&call).unwrap();

    avg.accumulate(&[0, 1, 0, 5, 2], &[&doubles(&[Some(1.0), Some(10.0), Some(2.0), None, None])]).unwrap();
    avg.accumulate(&[0, 1], &[&doubles(&[Some(6.0), Some(20.0)])]).unwrap();
    let mean = |value| Value::Float64(value);
    assert_eq!(
        values(&mut avg, &[0, 1, 2, 5, 99]),
        [mean(3.0), mean(15.0), Value::Null, Value::Null, Value::Null]
    );

    avg.merge(&[2, 2, 5], &[0, 1, 5 + 1]).unwrap();
    assert_eq!(values(&mut avg, &[2, 0, 1, 5]), [mean(7.8), mean(3.0), mean(15.0), Value::Null]);

    avg.release(&[2, 0]).unwrap();
    assert_eq!(values(&mut avg, &[0, 1, 2]), [Value::Null, mean(15.0), Value::Null]);
}

#[test]
fn two_calls_share_nothing() {
    let plugins = plugins();
    let mut call = aggregate("sum", DataType::Int64, Vec::new());
    call.signature = signature(&plugins, "sum", &[DataType::Int64]);
    let (mut one, mut other) = (plugins.open(&call).unwrap(), plugins.open(&call).unwrap());
    let mut column = Column::empty(DataType::Int64);
    column.push(&Value::Int64(41));
    one.accumulate(&[0], &[&column]).unwrap();
    assert_eq!(values(&mut one, &[0]), [Value::Int64(41)]);
    assert_eq!(values(&mut other, &[0]), [Value::Null]);
    one.accumulate(&[0], &[&column]).unwrap();
    assert_eq!(values(&mut one, &[0]), [Value::Int64(82)]);
}

#[test]
fn every_type_goes_through_a_reducer() {
    let plugins = plugins();
    let mut texts = Column::empty(DataType::Text);
    ["b", "é", "a"].iter().for_each(|text| texts.push(&Value::Text((*text).to_owned())));
    let mut call = aggregate("max", DataType::Text, Vec::new());
    call.signature = signature(&plugins, "max", &[DataType::Text]);
    let mut max = plugins.open(&call).unwrap();
    max.accumulate(&[0, 0, 1], &[&texts]).unwrap();
    assert_eq!(values(&mut max, &[0, 1, 2]), [Value::Text("é".into()), Value::Text("a".into()), Value::Null]);

    for data_type in
        [DataType::Boolean, DataType::Int64, DataType::Float64, DataType::Timestamp, DataType::Text]
    {
        let mut column = Column::empty(data_type);
        column.push_null();
        column.push_null();
        let mut call = aggregate("count", DataType::Int64, Vec::new());
        call.signature = signature(&plugins, "count", &[data_type]);
        let mut count = plugins.open(&call).unwrap();
        count.accumulate(&[3, 3], &[&column]).unwrap();
        assert_eq!(values(&mut count, &[3, 4]), [Value::Int64(0), Value::Int64(0)]);
    }
}

#[test]
fn a_parameter_that_a_plugin_refuses_is_said_in_its_words() {
    let plugins = plugins();
    let call = aggregate("percentile", DataType::Float64, vec![Value::Float64(101.0)]);
    let fault = plugins.open(&call).err().unwrap().to_string();
    assert!(fault.starts_with("reducer `percentile` refused its parameters: "), "{fault}");
}

#[test]
fn a_call_that_fits_no_signature_is_refused() {
    let plugins = plugins();
    let wrong_type = plugins.open(&aggregate("avg", DataType::Text, Vec::new())).err().unwrap();
    assert_eq!(wrong_type.to_string(), "reducer `avg` is not the one that `avg(x)` was compiled for");
    let unknown = plugins.open(&aggregate("nonesuch", DataType::Text, Vec::new())).err().unwrap();
    assert_eq!(unknown.to_string(), "reducer `nonesuch` is not there");
    assert_eq!(plugins.reducer("nonesuch").unwrap(), None);
}

#[test]
fn all_reducers_describe_themselves_by_the_name_they_are_known_by() {
    let plugins = plugins();
    let names: Vec<&str> = streamgauge_bundle::REDUCERS.iter().map(|(name, _)| *name).collect();
    plugins.load(&names).unwrap();
    for name in names {
        let reducer = plugins.reducer(name).unwrap().unwrap();
        assert_eq!(reducer.name, name);
        assert!(!reducer.signatures.is_empty(), "{name}");
    }
}
