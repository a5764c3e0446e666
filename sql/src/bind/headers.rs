//! The kind of option that is a list of headers.

use super::options::no_text;
use super::value::{GivenItem, GivenOption, OptionText, Piece};
use crate::connector::{OptionSpec, SecretUse};
use crate::error::{Checked, Problem};
use crate::header::{Header, HeaderPart, HeaderRules, is_header_name};
use crate::manifest::OptionValue;
use crate::parse::name::same;
use crate::parse::secret::is_secret_header;

/// The headers of an option, each checked by itself.
pub(super) fn read(spec: &OptionSpec, rules: HeaderRules, option: &GivenOption) -> Checked<OptionValue> {
    let items = match &option.value {
        OptionText::List(items) => items,
        OptionText::Secret(_) => return Err(no_text(option).help(spec.help())),
        OptionText::Text(_) | OptionText::Interval(_) => {
            return Err(Problem::new(option.span, format!("`{}` is a list", option.key)).help(spec.help()));
        }
    };
    let mut headers: Vec<Header> = Vec::new();
    for item in items {
        check_name(item, rules, &headers)?;
        check_secrets(item, spec.secret)?;
        headers.push(Header { name: item.name.clone(), value: value(item, rules)? });
    }
    Ok(OptionValue::Headers(headers))
}

fn check_name(item: &GivenItem, rules: HeaderRules, before: &[Header]) -> Checked<()> {
    let name = &item.name;
    let (why, help) = if !is_header_name(name) {
        (format!("`{name}` cannot be the name of a header"), "use letters, digits and `-`, as in \"X-Team\"")
    } else if rules.reserved.iter().any(|reserved| same(reserved, name)) {
        (format!("the header `{name}` is set by the sink itself"), "leave it out")
    } else if before.iter().any(|header| same(&header.name, name)) {
        (
            format!("the header `{name}` is given twice"),
            "leave one of them out; upper and lower case are the same name",
        )
    } else {
        return Ok(());
    };
    Err(Problem::new(item.name_span, why).help(help))
}

/// What is a secret by its name must hold one, and where readers see headers nothing does.
fn check_secrets(item: &GivenItem, secret: SecretUse) -> Checked<()> {
    let name = &item.name;
    let has_secret = item.pieces.iter().any(|piece| matches!(piece, Piece::Secret(_)));
    let (why, help) = match (secret, has_secret) {
        (SecretUse::Refused, true) => (
            format!("the header `{name}` cannot be a secret: whoever reads the rows reads it"),
            "write a text in single quotes, or env('NAME')".to_owned(),
        ),
        (SecretUse::Refused, false) if is_secret_header(name) => (
            format!("the header `{name}` is a secret, and whoever reads the rows would read it"),
            "leave it out".to_owned(),
        ),
        (_, false) if is_secret_header(name) => {
            let (scheme, key) = match name.to_lowercase().as_str() {
                "authorization" => ("'Bearer ' || ", "authorization".to_owned()),
                _ => ("", format!("\"{name}\"")),
            };
            (
                format!("the header `{name}` is a secret: no plain text can be its value"),
                format!("write {key} = {scheme}secret('NAME') and give NAME in the environment"),
            )
        }
        _ => return Ok(()),
    };
    Err(Problem::new(item.span, why).help(help))
}

fn value(item: &GivenItem, rules: HeaderRules) -> Checked<Vec<HeaderPart>> {
    let part = |piece: &Piece| match piece {
        Piece::Secret(name) => Ok(HeaderPart::Secret(name.clone())),
        Piece::Text(text) => match rules.values.wrong(text) {
            Some(why) => Err(Problem::new(item.span, format!("the header `{}` {why}", item.name))
                .help("values of headers are in one line, of letters, digits, signs and blanks of ASCII")),
            None => Ok(HeaderPart::Text(text.clone())),
        },
    };
    item.pieces.iter().map(part).collect()
}
