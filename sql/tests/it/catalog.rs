//! The reducers that come with the product, as the front end sees them.

use streamgauge_sql::catalog::{Catalog, Parameter, Reducer, Signature};
use streamgauge_sql::types::{DataType, Value};

use DataType::{Boolean, Float64, Int64, Text, Timestamp};

/// A catalog that never changes.
pub(crate) struct Builtin;

impl Catalog for Builtin {
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String> {
        if name == "broken" {
            return Err("its file is no component".to_owned());
        }
        let signatures = match name {
            "count" => {
                let one = [Boolean, Int64, Float64, Timestamp, Text]
                    .map(|data_type| signature(&[data_type], Int64));
                std::iter::once(signature(&[], Int64)).chain(one).collect()
            }
            "sum" => vec![signature(&[Int64], Int64), signature(&[Float64], Float64)],
            "avg" => vec![signature(&[Int64], Float64), signature(&[Float64], Float64)],
            "min" | "max" => {
                [Int64, Float64, Timestamp, Text].map(|data_type| signature(&[data_type], data_type)).into()
            }
            "stddev" => {
                let flag = |name: &str| parameter(name, Boolean, Some(Value::Boolean(true)));
                vec![Signature {
                    parameters: vec![flag("sample"), flag("root")],
                    ..signature(&[Float64], Float64)
                }]
            }
            "percentile" => {
                vec![Signature {
                    parameters: vec![parameter("p", Float64, None)],
                    ..signature(&[Float64], Float64)
                }]
            }
            "z_score" => vec![Signature { needs_time: true, ..signature(&[Float64], Float64) }],
            _ => return Ok(None),
        };
        let (version, docs) = ("1.0.0".to_owned(), String::new());
        Ok(Some(Reducer { name: name.to_owned(), version, docs, signatures }))
    }
}

fn signature(arguments: &[DataType], returns: DataType) -> Signature {
    let (arguments, parameters) = (arguments.to_vec(), Vec::new());
    Signature {
        arguments,
        parameters,
        returns,
        needs_time: false,
        growing: false,
        tolerance: 0.0,
        state_version: 1,
        restores: Vec::new(),
    }
}

fn parameter(name: &str, data_type: DataType, default: Option<Value>) -> Parameter {
    Parameter { name: name.to_owned(), data_type, docs: format!("the parameter {name}"), default }
}
