//! The options of a connector, each read as the connector states it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sqlparser::tokenizer::Span;

use super::headers;
use super::kafka;
use super::options::{Options, no_text, text};
use super::plugin::{OwnConnector, OwnConnectors};
use super::value::{GivenOption, OptionText};
use crate::catalog::{Catalog, UsedAs};
use crate::column_list::{ColumnList, WrongColumns};
use crate::connector::{OptionKind, OptionSpec, SecretUse, literal};
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::manifest::{OptionValue, Plugin};
use crate::parse::name::nearest;
use crate::parse::options::plain_secret;
use crate::parse::secret::has_user;
use crate::types::DataType;

/// The connector that a statement names.
pub(super) struct Connector {
    pub(super) name: String,
    /// Where it is one of the user's own.
    pub(super) plugin: Option<Plugin>,
    specs: Vec<OptionSpec>,
}

/// The connector, which decides what other options there are.
pub(super) fn named(
    used_as: UsedAs,
    catalog: &dyn Catalog,
    own: OwnConnectors<'_>,
    options: &mut Options<'_>,
) -> Checked<Connector> {
    let mut known = catalog.connectors(used_as);
    known.extend(own.list.iter().map(|own| own.name.clone()));
    let list = known.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let (name, span) = options.required("connector", &format!("write connector = one of {list}"))?;
    let Some(found) = known.iter().find(|known| known.eq_ignore_ascii_case(name)) else {
        own.names.check("connector", name, span)?;
        let problem = Problem::new(span, format!("there is no connector '{name}' here"));
        return Err(match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => problem.suggest(Some(near)),
            None => problem.help(format!("it can be {list}")),
        });
    };
    if let Some(OwnConnector { name, options, plugin }) = own.list.iter().find(|own| own.name == *found) {
        return Ok(Connector { name: name.clone(), plugin: Some(plugin.clone()), specs: options.clone() });
    }
    let specs = catalog
        .options(used_as, found)
        .map_err(|why| Problem::new(span, format!("the connector '{found}' cannot be loaded: {why}")))?;
    Ok(Connector { name: found.clone(), plugin: None, specs })
}

impl Connector {
    /// Its options, as they are bound.
    fn read(&self, options: &mut Options<'_>, errors: &mut Errors) -> BTreeMap<String, OptionValue> {
        let mut found = BTreeMap::new();
        for spec in &self.specs {
            if spec.kind == OptionKind::ClientProperties {
                kafka::properties(options, &mut found, errors);
            } else if let Some(value) = errors.keep(value(spec, options)).flatten() {
                found.insert(spec.bound_name().into_owned(), value);
            }
        }
        found
    }
}

/// The options of a connector. None may be left over; of a connector that is not known, none that has another name here.
pub(super) fn finish(
    connector: Option<&Connector>,
    mut options: Options<'_>,
    what: &str,
    errors: &mut Errors,
) -> BTreeMap<String, OptionValue> {
    let Some(connector) = connector else {
        options.finish_foreign(what, errors);
        return BTreeMap::new();
    };
    let found = connector.read(&mut options, errors);
    options.finish(&format!("a {} {what}", connector.name), errors);
    found
}

/// The value of an option; none where it is not given and need not be.
fn value(spec: &OptionSpec, options: &mut Options<'_>) -> Checked<Option<OptionValue>> {
    match spec.kind {
        OptionKind::Word(words) => {
            Ok(options.word(&spec.name, words)?.map(|word| OptionValue::Text(word.to_owned())))
        }
        OptionKind::Duration => {
            let found = options.duration(&spec.name)?;
            Ok(found.map(|(micros, _)| OptionValue::Text(micros.to_string())))
        }
        OptionKind::Bytes => Ok(options.size(&spec.name)?.map(|bytes| OptionValue::Text(bytes.to_string()))),
        OptionKind::Brokers => {
            Ok(kafka::brokers(spec, options)?.map(|brokers| OptionValue::Text(brokers.to_owned())))
        }
        OptionKind::ClientProperties => Ok(None),
        OptionKind::Headers(rules) => {
            options.take(&spec.name).map(|option| headers::read(spec, rules, option)).transpose()
        }
        OptionKind::Literal(_)
        | OptionKind::Url
        | OptionKind::Listen
        | OptionKind::Topic
        | OptionKind::Columns
        | OptionKind::Checked(_) => match options.take(&spec.name) {
            Some(option) => one(spec, option).map(Some),
            None if spec.required => Err(options.missing(&spec.name, &spec.help())),
            None => Ok(None),
        },
    }
}

/// An option whose value stands alone: a text, or a secret where the connector takes one.
fn one(spec: &OptionSpec, option: &GivenOption) -> Checked<OptionValue> {
    match (&option.value, spec.secret) {
        (OptionText::Secret(name), SecretUse::Allowed | SecretUse::Required) => {
            return Ok(OptionValue::Secret(name.clone()));
        }
        (OptionText::Secret(_), SecretUse::Refused) => return Err(no_text(option)),
        (_, SecretUse::Required) => return Err(plain_secret(&spec.name, option.span)),
        (OptionText::Interval(_), SecretUse::Allowed) => {
            return Err(
                Problem::new(option.span, format!("`{}` is no duration", spec.name)).help(spec.help())
            );
        }
        _ => {}
    }
    let (value, span) = (text(option)?, option.span);
    if spec.required && value.trim().is_empty() && spec.kind == OptionKind::Literal(DataType::Text) {
        return Err(Problem::new(span, format!("the option `{}` is empty", spec.name)).help(spec.help()));
    }
    check(spec, value, span)?;
    Ok(OptionValue::Text(value.to_owned()))
}

/// Whether a text is of the kind that the connector states.
fn check(spec: &OptionSpec, value: &str, span: Span) -> Checked<()> {
    let name = &spec.name;
    let wrong = match spec.kind {
        OptionKind::Url => wrong_url(value).map(|why| format!("`{name}` {why}")),
        OptionKind::Listen if value.parse::<SocketAddr>().is_err() => {
            Some(format!("'{value}' is no address to listen on"))
        }
        OptionKind::Literal(data_type) if literal(value, data_type).is_none() => {
            Some(format!("`{name}` cannot be '{value}': it is {data_type}"))
        }
        OptionKind::Topic => return kafka::check_topic(value, span),
        OptionKind::Columns => return column_list(name, value, span),
        _ => None,
    };
    wrong.map_or(Ok(()), |why| Err(Problem::new(span, why).help(spec.help())))
}

/// Whether a text names columns; which of them there are is known where rows go to the sink.
fn column_list(name: &str, value: &str, span: Span) -> Checked<()> {
    let wrong =
        |wrong: WrongColumns| Problem::new(span, format!("`{name}` {}", wrong.message)).help(wrong.help);
    ColumnList::parse(value).map(drop).map_err(wrong)
}

/// Why a text is no URL to send to; none where it is one.
fn wrong_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("must begin with https:// or http://");
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("has a space in it");
    }
    if has_user(rest) {
        return Some("has a user or a password in it, so all of it must be a secret");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The colons of `[::1]` begin no port.
    let address_end = authority.rfind(']').unwrap_or_default();
    let colon = authority.rfind(':').filter(|&colon| colon >= address_end);
    let (host, port) = colon.map_or((authority, None), |colon| {
        let (host, port) = authority.split_at(colon);
        (host, port.strip_prefix(':'))
    });
    if host.is_empty() {
        return Some("names no host");
    }
    port.filter(|port| !port.parse::<u16>().is_ok_and(|port| port > 0))
        .map(|_| "has a port that is not between 1 and 65535")
}
