//! How far a record follows the path of a column, and which path its author may have meant.

use serde_json::{Map, Value};
use streamgauge_sql::{nearest, path::PathStep};

/// Where a record's way along a path ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End<'a> {
    /// The record has the path's last key or element, with this value.
    Found(&'a Value),
    /// The record does not tell: a value on the way is null, or an array is too short.
    Unknown,
    /// The object behind so many steps lacks the field of the next one.
    Lacks(usize, &'a Map<String, Value>),
    /// The value behind so many steps is no object or array that the next step could enter.
    NotEntered(usize, &'a Value),
}

/// How deep objects are searched for a key that is not at the top, and how many of them.
const NESTED_DEPTH_MAX: usize = 4;
const NESTED_MAX: usize = 200;

/// Follows a path.
pub(super) fn follow<'a>(record: &'a Map<String, Value>, path: &[PathStep]) -> End<'a> {
    let mut at: Option<&'a Value> = None;
    for (depth, step) in path.iter().enumerate() {
        let next = match (step, at) {
            (PathStep::Field(name), None) => match record.get(name) {
                None => return End::Lacks(depth, record),
                next => next,
            },
            (PathStep::Field(name), Some(Value::Object(object))) => match object.get(name) {
                None => return End::Lacks(depth, object),
                next => next,
            },
            (PathStep::Element(number), Some(Value::Array(elements))) => elements.get(*number as usize),
            (_, Some(Value::Null)) => None,
            (_, Some(value)) => return End::NotEntered(depth, value),
            // An event is an object, so no path begins with an element.
            (PathStep::Element(_), None) => None,
        };
        let Some(next) = next else { return End::Unknown };
        at = Some(next);
    }
    at.map_or(End::Unknown, End::Found)
}

/// The path to a value of this record that another path was meant to be.
pub(super) fn meant(record: &Map<String, Value>, path: &[PathStep]) -> Option<Vec<PathStep>> {
    match follow(record, path) {
        End::Found(_) | End::Unknown => None,
        End::Lacks(depth, object) => {
            let (before, rest) = path.split_at_checked(depth)?;
            joined(record, object, before, rest)
                .or_else(|| divided(record, before, rest))
                .or_else(|| respelled(record, object, before, rest))
                .or_else(|| nested(record, path))
        }
        End::NotEntered(depth, value) => {
            let (before, rest) = path.split_at_checked(depth)?;
            let path = match (value, rest) {
                (Value::Array(_), [PathStep::Field(_), ..]) => {
                    [before, &[PathStep::Element(0)], rest].concat()
                }
                (Value::Object(_), [PathStep::Element(_), rest @ ..]) => [before, rest].concat(),
                _ => return None,
            };
            leads(record, &path).then_some(path)
        }
    }
}

/// Whether a column could take what is there.
fn leads(record: &Map<String, Value>, path: &[PathStep]) -> bool {
    matches!(follow(record, path), End::Found(value) if !value.is_object() && !value.is_array())
}

/// `gen_ai.request.model` as three steps, where one key has the dots.
fn joined(
    record: &Map<String, Value>,
    object: &Map<String, Value>,
    before: &[PathStep],
    rest: &[PathStep],
) -> Option<Vec<PathStep>> {
    let names: Vec<&str> = rest.iter().map_while(PathStep::name).collect();
    let keys = object.keys().map(String::as_str);
    (2..=names.len()).rev().find_map(|count| {
        let name = names.get(..count)?.join(".");
        let key = keys.clone().find(|key| *key == name).or_else(|| same_letters(&name, keys.clone()))?;
        let path = [before, &[PathStep::from(key)], rest.get(count..)?].concat();
        leads(record, &path).then_some(path)
    })
}

/// One key with dots, where the record has objects in objects.
fn divided(record: &Map<String, Value>, before: &[PathStep], rest: &[PathStep]) -> Option<Vec<PathStep>> {
    let (first, rest) = rest.split_first()?;
    let steps: Vec<PathStep> = first.name()?.split('.').map(PathStep::from).collect();
    let path = [before, &steps, rest].concat();
    (steps.len() > 1 && leads(record, &path)).then_some(path)
}

/// Another key of the same object; what follows it may be misspelled, too.
fn respelled(
    record: &Map<String, Value>,
    object: &Map<String, Value>,
    before: &[PathStep],
    rest: &[PathStep],
) -> Option<Vec<PathStep>> {
    let (first, rest) = rest.split_first()?;
    let name = first.name()?;
    let keys = object.keys().map(String::as_str);
    let key = same_letters(name, keys.clone()).or_else(|| nearest(name, keys))?;
    let path = [before, &[PathStep::from(key)], rest].concat();
    // The way is longer by a step each time, so this ends.
    if leads(record, &path) { Some(path) } else { meant(record, &path) }
}

/// A key that is the same but for case and the signs between words.
fn same_letters<'a>(name: &str, mut keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let wanted = bare(name);
    keys.find(|key| bare(key) == wanted)
}

/// A key of the record itself that stands in an object of it; none where several objects have it.
fn nested(record: &Map<String, Value>, path: &[PathStep]) -> Option<Vec<PathStep>> {
    let [PathStep::Field(name)] = path else { return None };
    let mut objects = vec![(Vec::new(), record)];
    let mut found = None;
    let mut next = 0;
    while let Some((steps, object)) = objects.get(next).cloned() {
        next += 1;
        for (key, value) in object {
            let steps: Vec<PathStep> = [steps.as_slice(), &[PathStep::from(key.as_str())]].concat();
            if key == name && found.replace(steps.clone()).is_some() {
                return None;
            }
            if let Value::Object(inner) = value
                && steps.len() < NESTED_DEPTH_MAX
                && objects.len() < NESTED_MAX
            {
                objects.push((steps, inner));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use streamgauge_sql::path::{parse, spell};

    use super::*;

    #[test]
    fn a_path_that_leads_nowhere_is_answered_with_one_that_leads_to_a_value() {
        let record = json!({
            "SessionId": 1, "usage": {"total_tokens": 3, "details": {"cached": 1}}, "a.b": {"c": 1}, "null": null,
            "attributes": {"gen_ai.request.model": "m", "gen_ai.usage": {"input": 1}}, "model": {"name": "x"},
            "choices": [{"finish_reason": "stop"}], "none": [], "other": {"name": 1, "twice": 1}, "twice": {"twice": 1}
        });
        let Value::Object(record) = record else { panic!("an object") };
        for (path, expected) in [
            ("SessionId", None),
            ("session_id", Some("SessionId")),
            ("usage.totalTokens", Some("usage.total_tokens")),
            ("usag.totalTokens", Some("usage.total_tokens")),
            ("usag.detials.cached", Some("usage.details.cached")),
            ("attributes.gen_ai.request.model", Some(r#"attributes."gen_ai.request.model""#)),
            ("attributes.gen_ai.usage.input", Some(r#"attributes."gen_ai.usage".input"#)),
            ("attributes.genAi.request.model", Some(r#"attributes."gen_ai.request.model""#)),
            ("a.b.c", Some(r#""a.b".c"#)),
            (r#""usage.total_tokens""#, Some("usage.total_tokens")),
            ("total_tokens", Some("usage.total_tokens")),
            ("cached", Some("usage.details.cached")),
            ("choices.finish_reason", Some("choices[0].finish_reason")),
            ("model[0].name", Some("model.name")),
            ("name", None),
            ("wholly_else", None),
            ("usage.wholly.else", None),
            ("SessionId.x", None),
            ("null.x", None),
            ("none[0].x", None),
            ("none.x", None),
            ("usage[0]", None),
            ("Usage", None),
        ] {
            let found = meant(&record, &parse(path).unwrap()).map(|path| spell(&path));
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
