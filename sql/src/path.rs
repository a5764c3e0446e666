//! PATH: where a column's value is in an event, `usage.total`, `attributes."gen_ai.request.model"`, `choices[0].text`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// One step from an object or an array to a value in it.
///
/// In JSON a field is its name and an element its number: `["choices", 0, "text"]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// The field of an object with this name.
    Field(String),
    /// The element of an array with this number, from 0.
    Element(u32),
}

impl PathStep {
    /// The name of a field; none for an element.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Field(name) => Some(name),
            Self::Element(_) => None,
        }
    }
}

impl From<&str> for PathStep {
    fn from(name: &str) -> Self {
        Self::Field(name.to_owned())
    }
}

impl From<String> for PathStep {
    fn from(name: String) -> Self {
        Self::Field(name)
    }
}

/// Why a text is no path, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongPath {
    /// What is wrong with it.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// No record has more elements: it has at most 64 MiB, and an element takes two bytes.
const ELEMENT_MAX: u32 = 32 << 20;

const USAGE: &str = "name the fields that lead to the value, outermost first: 'usage.total_tokens'";
const QUOTES: &str =
    "a name with other characters stands in double quotes: 'attributes.\"gen_ai.request.model\"'";
const ELEMENTS: &str = "an element is named by its number, from 0: 'choices[0].finish_reason'";

/// Reads a path: names with dots between them, `[n]` behind an array.
///
/// A name in double quotes may hold anything, a double quote twice; outside of quotes a backslash takes the next character
/// literally. A path that can never lead to a value is wrong.
pub fn parse(text: &str) -> Result<Vec<PathStep>, WrongPath> {
    if text == "$" || text.starts_with("$.") || text.starts_with("$[") {
        return Err(wrong("a PATH is no JSONPath", USAGE));
    }
    if text.starts_with('[') {
        return Err(wrong("an event is an object, so its PATH begins with the name of a field", USAGE));
    }
    let mut rest = text;
    let mut steps = Vec::new();
    loop {
        let (step, behind) = field(rest, steps.is_empty())?;
        steps.push(step);
        rest = behind;
        while let Some(inside) = rest.strip_prefix('[') {
            let (step, behind) = element(inside)?;
            steps.push(step);
            rest = behind;
        }
        rest = match rest.strip_prefix('.') {
            Some(behind) => behind,
            None if rest.is_empty() => return Ok(steps),
            None => return Err(wrong(format!("expected `.` or `[` before `{rest}` in the PATH"), QUOTES)),
        };
    }
}

/// The name at the start of a text, and what is behind it.
fn field(text: &str, is_first: bool) -> Result<(PathStep, &str), WrongPath> {
    if let Some(inside) = text.strip_prefix('"') {
        return quoted(inside);
    }
    let mut name = String::new();
    let mut characters = text.char_indices();
    let mut is_literal = false;
    let behind = loop {
        match characters.next() {
            None => break "",
            Some((_, '\\')) => {
                let (_, escaped) =
                    characters.next().ok_or_else(|| wrong("the PATH ends with a backslash", QUOTES))?;
                name.push(escaped);
                is_literal = true;
            }
            Some((at, '.' | '[')) => break text.get(at..).unwrap_or_default(),
            Some((_, '"' | ']')) => {
                return Err(wrong("a quote or a bracket inside of a name of the PATH", QUOTES));
            }
            Some((_, character)) => name.push(character),
        }
    };
    if name.is_empty() {
        return Err(wrong("a field of the PATH is empty", USAGE));
    }
    if !is_first && !is_literal && name.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`{name}` in the PATH is a number, not the name of a field");
        let help = format!("write [{name}] for an element of an array, \"{name}\" for a field of that name");
        return Err(wrong(message, help));
    }
    Ok((PathStep::Field(name), behind))
}

/// A name whose opening quote was read, and what is behind the closing one.
fn quoted(text: &str) -> Result<(PathStep, &str), WrongPath> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, behind) =
            rest.split_once('"').ok_or_else(|| wrong("a double quote in the PATH is not closed", QUOTES))?;
        name.push_str(before);
        match behind.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Ok((PathStep::Field(name), behind)),
        }
    }
}

/// The number of an element whose opening bracket was read, and what is behind the closing one.
fn element(text: &str) -> Result<(PathStep, &str), WrongPath> {
    let (number, behind) =
        text.split_once(']').ok_or_else(|| wrong("a bracket in the PATH is not closed", ELEMENTS))?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number {
        return Err(wrong(format!("`[{number}]` is no element of an array"), ELEMENTS));
    }
    match number.parse() {
        Ok(number) if number <= ELEMENT_MAX => Ok((PathStep::Element(number), behind)),
        _ => Err(wrong(format!("no array in a record has an element {number}"), ELEMENTS)),
    }
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> WrongPath {
    WrongPath { message: message.into(), help: help.into() }
}

/// The steps as PATH takes them; names stand in quotes only where they must.
pub fn spell(steps: &[PathStep]) -> String {
    let mut text = String::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            PathStep::Element(number) => {
                // Writing to a string does not fail.
                let _ = write!(text, "[{number}]");
            }
            PathStep::Field(name) => {
                if at > 0 {
                    text.push('.');
                }
                let is_number = at > 0 && name.bytes().all(|byte| byte.is_ascii_digit());
                let is_jsonpath = at == 0 && name == "$";
                if is_number || is_jsonpath || name.is_empty() || name.contains(['.', '[', ']', '"', '\\']) {
                    let _ = write!(text, "\"{}\"", name.replace('"', "\"\""));
                } else {
                    text.push_str(name);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn field(name: &str) -> PathStep {
        PathStep::from(name)
    }

    #[test]
    fn paths_are_names_and_numbers_of_elements() {
        let cases: [(&str, Vec<PathStep>); 12] = [
            ("a", vec![field("a")]),
            ("usage.total_tokens", vec![field("usage"), field("total_tokens")]),
            (
                r#"attributes."gen_ai.request.model""#,
                vec![field("attributes"), field("gen_ai.request.model")],
            ),
            (r"labels.app\.kubernetes\.io/name", vec![field("labels"), field("app.kubernetes.io/name")]),
            (
                "choices[0].finish_reason",
                vec![field("choices"), PathStep::Element(0), field("finish_reason")],
            ),
            ("m[1][20]", vec![field("m"), PathStep::Element(1), PathStep::Element(20)]),
            (r#""a ""b""".c"#, vec![field("a \"b\""), field("c")]),
            (r#"a."0""#, vec![field("a"), field("0")]),
            (r"a.\0", vec![field("a"), field("0")]),
            ("0.a", vec![field("0"), field("a")]),
            (r#"a."""#, vec![field("a"), field("")]),
            ("a b.gen-ai$x", vec![field("a b"), field("gen-ai$x")]),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).as_ref(), Ok(&expected), "{text}");
            assert_eq!(parse(&spell(&expected)), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_never_leads_to_a_value_is_refused() {
        for (text, message) in [
            ("", "a field of the PATH is empty"),
            ("a..b", "a field of the PATH is empty"),
            ("a.", "a field of the PATH is empty"),
            (".a", "a field of the PATH is empty"),
            ("$.a", "a PATH is no JSONPath"),
            ("$", "a PATH is no JSONPath"),
            ("[0].a", "an event is an object, so its PATH begins with the name of a field"),
            ("tags.0", "`0` in the PATH is a number, not the name of a field"),
            ("a[*]", "`[*]` is no element of an array"),
            ("a[-1]", "`[-1]` is no element of an array"),
            ("a['b']", "`['b']` is no element of an array"),
            ("a[]", "`[]` is no element of an array"),
            ("a[0", "a bracket in the PATH is not closed"),
            ("a[99999999999]", "no array in a record has an element 99999999999"),
            ("a[0]b", "expected `.` or `[` before `b` in the PATH"),
            ("a.\"b", "a double quote in the PATH is not closed"),
            ("\"a\"b", "expected `.` or `[` before `b` in the PATH"),
            ("a\"b\"", "a quote or a bracket inside of a name of the PATH"),
            ("a]", "a quote or a bracket inside of a name of the PATH"),
            ("a\\", "the PATH ends with a backslash"),
        ] {
            assert_eq!(parse(text).map_err(|wrong| wrong.message), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn in_json_a_step_is_a_name_or_a_number() {
        let path = parse("choices[0].text").unwrap();
        let json = serde_json::to_string(&path).unwrap();
        assert_eq!(json, r#"["choices",0,"text"]"#);
        assert_eq!(serde_json::from_str::<Vec<PathStep>>(&json).unwrap(), path);
    }

    proptest! {
        #[test]
        fn any_text_has_an_answer(text in "\\PC{0,20}|[a.\\[\\]\"\\\\0$]{0,12}") {
            if let Ok(steps) = parse(&text) {
                prop_assert_eq!(parse(&spell(&steps)), Ok(steps));
            }
        }

        #[test]
        fn what_is_spelled_reads_back(
            first in "\\PC{1,6}|[a.\\[\"\\\\0$]{0,4}",
            rest in prop::collection::vec(prop_oneof![
                "\\PC{0,6}|[a.\\[\"\\\\0$]{0,4}".prop_map(PathStep::Field),
                (0..=ELEMENT_MAX).prop_map(PathStep::Element),
            ], 0..5),
        ) {
            let mut steps = vec![PathStep::Field(first)];
            steps.extend(rest);
            prop_assert_eq!(parse(&spell(&steps)), Ok(steps));
        }
    }
}
