//! Whether a description can be used.

use crate::{Descriptor, Signature};

/// The longest name.
const NAME_BYTES_MAX: usize = 63;
/// The largest tolerance that says anything.
const TOLERANCE_MAX: f64 = 0.1;

/// What is wrong with the descriptions of several calls; none if nothing is: what was due, and what came.
pub(crate) fn fault(described: &[Descriptor]) -> Option<(String, String)> {
    let [first, others @ ..] = described else {
        return Some(("a description".to_owned(), "none".to_owned()));
    };
    if let Some(other) = others.iter().find(|other| *other != first) {
        return Some(difference(first, other));
    }
    let Descriptor { name, version, docs, signatures } = first;
    let due = |due: &str, came: String| Some((due.to_owned(), came));
    if !is_name(name) {
        return due(
            "a name of lower-case letters, digits and `_`, at most 63, no digit first",
            format!("'{name}'"),
        );
    }
    if version.trim().is_empty() {
        return due("a version such as 1.0.0", "an empty one".to_owned());
    }
    if docs.trim().is_empty() || docs.contains('\n') {
        return due("one line that says what it computes", format!("'{}'", docs.escape_debug()));
    }
    if signatures.is_empty() {
        return due("at least one signature", "none".to_owned());
    }
    for (index, signature) in signatures.iter().enumerate() {
        let earlier = signatures.iter().take(index);
        if earlier.into_iter().any(|earlier| earlier.arguments == signature.arguments) {
            return due(
                "signatures that are told apart by their arguments",
                format!("two with the arguments of {signature}"),
            );
        }
        if let Some((expected, got)) = of_signature(signature) {
            return Some((expected, format!("{got}, in {signature}")));
        }
    }
    None
}

fn of_signature(signature: &Signature) -> Option<(String, String)> {
    let due = |due: &str, came: String| Some((due.to_owned(), came));
    let Signature { parameters, tolerance, bytes_max, state_version, restores, .. } = signature;
    if !(0.0..=TOLERANCE_MAX).contains(tolerance) {
        return due("a tolerance of 0 to 0.1, relative to the values", format!("{tolerance:?}"));
    }
    if *bytes_max == Some(0) {
        return due("a state of at least one byte, or `growing`", "0 bytes".to_owned());
    }
    if restores.contains(state_version) {
        return due(
            "versions in `restores` other than the state version, which is always restored",
            format!("the state version {state_version}"),
        );
    }
    for (index, parameter) in parameters.iter().enumerate() {
        let name = &parameter.name;
        if !is_name(name) {
            return due("names of parameters of lower-case letters, digits and `_`", format!("'{name}'"));
        }
        if parameters.iter().take(index).any(|earlier| earlier.name == *name) {
            return due("parameters with different names", format!("two with the name '{name}'"));
        }
        let given = parameter.default.as_ref().and_then(crate::Cell::data_type);
        if given.is_some_and(|given| given != parameter.data_type) {
            let due = format!("a default of type {} for the parameter `{name}`", parameter.data_type);
            return Some((due, parameter.default.as_ref().map(ToString::to_string).unwrap_or_default()));
        }
    }
    None
}

/// Where two descriptions differ.
fn difference(a: &Descriptor, b: &Descriptor) -> (String, String) {
    let texts = [(&a.name, &b.name), (&a.version, &b.version), (&a.docs, &b.docs)];
    let text =
        texts.into_iter().find(|(a, b)| a != b).map(|(a, b)| (format!("'{a}' again"), format!("'{b}'")));
    text.unwrap_or_else(|| {
        let of = |it: &Descriptor| {
            it.signatures.iter().map(|signature| format!("{signature:?}")).collect::<Vec<_>>()
        };
        let (one, other) = (of(a), of(b));
        let at = one.iter().zip(&other).find(|(one, other)| one != other);
        let (one, other) = at.map_or(
            (format!("{} signatures", one.len()), format!("{} signatures", other.len())),
            |(one, other)| (one.clone(), other.clone()),
        );
        (format!("{one} again"), other)
    })
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_BYTES_MAX
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
