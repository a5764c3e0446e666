//! The JSON Schema of the configuration, for editors.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Kind};
use crate::limits::LIMITS;

/// The schema.
pub fn schema() -> Value {
    let mut sections: Map<String, Value> = Map::new();
    for key in KEYS {
        let (section, name) = key.name.split_once('.').unwrap_or(("", key.name));
        let mut property = property(key.kind);
        set(&mut property, "description", key.meaning.into());
        if let Some(default) = key.default {
            let default = match key.kind {
                Kind::Switch => (default == "true").into(),
                Kind::Fraction => default.parse::<f64>().map_or(Value::Null, Value::from),
                Kind::Count(..) => default.parse::<u64>().map_or(Value::Null, Value::from),
                _ => default.into(),
            };
            set(&mut property, "default", default);
        }
        add(&mut sections, section, name, property);
    }
    for limit in LIMITS {
        let property = json!({"type": ["integer", "string"], "description": limit.of});
        add(&mut sections, "limits", limit.name, property);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of streamgauge serve",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn add(sections: &mut Map<String, Value>, section: &str, name: &str, property: Value) {
    let section = sections
        .entry(section)
        .or_insert_with(|| json!({"type": "object", "additionalProperties": false, "properties": {}}));
    if let Some(properties) = section.get_mut("properties") {
        set(properties, name, property);
    }
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn property(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Path | Kind::Address | Kind::Duration => json!({"type": "string"}),
        Kind::Switch => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        Kind::Fraction => json!({"type": "number", "minimum": 0, "maximum": 1}),
        Kind::Size => json!({"type": ["integer", "string"]}),
        Kind::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Kind::Lists => {
            json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}})
        }
    }
}
