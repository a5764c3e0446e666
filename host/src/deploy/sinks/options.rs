//! What a sink's component is told of the sink's options, and what is filled in behind it.

use streamgauge_sql::{
    manifest::{OptionValue, Sink},
    types::Value,
};

use crate::{deliver::http::declared::Declared, deploy::secret::secret};

/// A component's options. Where messages go is filled in behind it, when they are sent.
pub(super) fn of_component(sink: &Sink) -> Vec<(String, Value)> {
    let value = |name: &str, value: &OptionValue| match value {
        OptionValue::Text(text) if !is_address(name, value) => Value::Text(text.clone()),
        _ => Value::Text(Declared::placeholder(name)),
    };
    sink.options.iter().map(|(name, option)| (name.clone(), value(name, option))).collect()
}

/// What is filled in: secrets as their names.
pub(in crate::deploy) fn declared_now(sink: &Sink) -> Declared {
    let addresses = sink.options.iter().filter(|(name, value)| is_address(name, value));
    Declared::new(addresses.map(|(name, value)| match value {
        OptionValue::Text(text) => (name.clone(), text.clone()),
        OptionValue::Secret(secret) => (name.clone(), format!("{{secret:{secret}}}")),
    }))
}

/// Whether an option says where messages go, and not what is in them.
fn is_address(name: &str, value: &OptionValue) -> bool {
    name == "url" || matches!(value, OptionValue::Secret(_))
}

/// Whether all secrets that a sink names are there.
pub(super) fn check_secrets(sink: &Sink) -> Result<(), String> {
    for value in sink.options.values() {
        if let OptionValue::Secret(name) = value {
            secret(name).map_err(|why| format!("secret '{name}': {why}"))?;
        }
    }
    Ok(())
}
