//! Options by name, as WITH gives them, into the order that a sink wants.

use streamgauge_sql::{catalog::Parameter, types::Value};

/// A value an option: what is given, or the default. An error is the end of a sentence about the sink.
pub(super) fn in_order(options: &[Parameter], given: &[(&str, Value)]) -> Result<Vec<Value>, String> {
    if let Some((unknown, _)) =
        given.iter().find(|(name, _)| options.iter().all(|option| option.name != *name))
    {
        return Err(format!("has no option `{unknown}`"));
    }
    let value = |option: &Parameter| {
        let given = given.iter().find(|(name, _)| *name == option.name).map(|(_, value)| value.clone());
        let Some(value) = given.or_else(|| option.default.clone()) else {
            return Err(format!("needs the option `{}`: {}", option.name, option.docs));
        };
        match value.data_type() {
            Some(other) if other != option.data_type => {
                Err(format!("takes {} for its option `{}`, not {other}", option.data_type, option.name))
            }
            _ => Ok(value),
        }
    };
    options.iter().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_sql::types::DataType;

    #[test]
    fn options_are_ordered_filled_in_and_checked() {
        let option = |name: &str, data_type, default| Parameter {
            name: name.into(),
            data_type,
            docs: "what it is".into(),
            default,
        };
        let options = [
            option("url", DataType::Text, None),
            option("prefix", DataType::Text, Some(Value::Null)),
            option("rows", DataType::Int64, Some(Value::Int64(5))),
        ];
        let text = |text: &str| Value::Text(text.into());
        let ordered = in_order(&options, &[("rows", Value::Int64(7)), ("url", text("u"))]);
        assert_eq!(ordered, Ok(vec![text("u"), Value::Null, Value::Int64(7)]));
        assert_eq!(in_order(&options, &[]), Err("needs the option `url`: what it is".into()));
        let unknown = in_order(&options, &[("url", text("u")), ("colour", Value::Null)]);
        assert_eq!(unknown, Err("has no option `colour`".into()));
        let wrong = in_order(&options, &[("url", Value::Boolean(true))]);
        assert_eq!(wrong, Err("takes TEXT for its option `url`, not BOOLEAN".into()));
    }
}
