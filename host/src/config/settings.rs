//! Values by key, with where each comes from.

use std::{collections::BTreeMap, fmt, net::SocketAddr, time::Duration};

use streamgauge_sql::{nearest, size};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::keys::{self, KEYS, Kind};
use crate::limits::{LIMITS, Limits};

/// What names of the environment begin with.
const PREFIX: &str = "STREAMGAUGE_";

/// A value as it is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text, a number or a switch, in words.
    One(String),
    /// A list.
    Texts(Vec<String>),
    /// A table of lists.
    Lists(BTreeMap<String, Vec<String>>),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the file, from 1.
    File(String, usize),
    /// A variable of the environment.
    Environment(String),
    /// An option of the command.
    CommandLine(&'static str),
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}error: {message}{}", help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default())]
pub struct WrongSetting {
    /// `FILE:LINE:COLUMN: `, or nothing.
    pub place: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
}

/// Values by key, with where each comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    values: BTreeMap<String, (Value, Origin)>,
    /// The limits; their origins are among the values.
    pub limits: Limits,
}

impl Settings {
    /// What a file says, if there is one (its name and its text), and the environment over it.
    ///
    /// # Errors
    /// All that is wrong in either.
    pub fn read(
        file: Option<(&str, &str)>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Vec<WrongSetting>> {
        let mut settings = Self { values: BTreeMap::new(), limits: Limits::default() };
        let mut wrong = Vec::new();
        if let Some((name, text)) = file {
            let mut found = Vec::new();
            settings.read_file(name, text, &mut found);
            // As they stand in the file: a table gives its keys by name.
            found.sort_by_key(|(offset, _)| *offset);
            wrong.extend(found.into_iter().map(|(_, error)| error));
        }
        for (variable, text) in environment {
            if let Err(error) = settings.read_variable(&variable, &text) {
                wrong.push(error);
            }
        }
        if wrong.is_empty() { Ok(settings) } else { Err(wrong) }
    }

    /// Sets a key by an option of the command.
    ///
    /// # Errors
    /// It cannot be this.
    pub fn set(&mut self, key: &str, text: &str, option: &'static str) -> Result<(), WrongSetting> {
        let place = String::new();
        self.assign(key, Value::One(text.to_owned()), Origin::CommandLine(option), &place)
    }

    fn read_file(&mut self, name: &str, text: &str, wrong: &mut Vec<(usize, WrongSetting)>) {
        let at = |offset: usize| {
            let before = text.get(..offset).unwrap_or(text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            (line, format!("{name}:{line}:{column}: "))
        };
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let (_, place) = at(error.span().map_or(0, |span| span.start));
                wrong.push((0, WrongSetting { place, message: error.message().to_owned(), help: None }));
                return;
            }
        };
        for (section, content) in table.get_ref() {
            let offset = section.span().start;
            let (_, place) = at(offset);
            let section: &str = section.get_ref();
            if !keys::sections().contains(&section) {
                let help = hint(section, keys::sections().into_iter());
                let message = format!("there is no section [{section}]");
                wrong.push((offset, WrongSetting { place, message, help: Some(help) }));
                continue;
            }
            let DeValue::Table(content) = content.get_ref() else {
                let message = format!("`{section}` is a section: write [{section}]");
                wrong.push((offset, WrongSetting { place, message, help: None }));
                continue;
            };
            for (key, value) in content {
                let offset = key.span().start;
                let (line, place) = at(offset);
                let key = format!("{section}.{}", key.get_ref());
                let set = value_of(value.get_ref()).ok_or_else(|| WrongSetting {
                    place: place.clone(),
                    message: format!("`{key}` cannot be this kind of value"),
                    help: None,
                });
                let set = set
                    .and_then(|value| self.assign(&key, value, Origin::File(name.to_owned(), line), &place));
                wrong.extend(set.err().map(|error| (offset, error)));
            }
        }
    }

    fn read_variable(&mut self, variable: &str, text: &str) -> Result<(), WrongSetting> {
        let Some(name) = variable.strip_prefix(PREFIX) else { return Ok(()) };
        let name = name.to_ascii_lowercase();
        // Variables that have to do with other things do not begin with a section.
        let section = keys::sections().into_iter().find(|section| {
            name.strip_prefix(section).is_some_and(|rest| rest.starts_with('_') && rest.len() > 1)
        });
        let Some(section) = section.filter(|_| variable != "STREAMGAUGE_SECRETS_DIR") else { return Ok(()) };
        let key = format!("{section}.{}", name.get(section.len() + 1..).unwrap_or_default());
        // Others set variables that begin like ours, as Kubernetes does for a service: one that is spelled like no key is left alone.
        let is_known = all_keys().contains(&key);
        if !is_known && nearest(&key, all_keys().iter().map(String::as_str)).is_none() {
            return Ok(());
        }
        let value = match keys::find(&key).map(|key| key.kind) {
            Some(Kind::Texts) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Value::Texts(parts.map(str::to_owned).collect())
            }
            Some(Kind::Lists) => {
                return Err(WrongSetting {
                    place: String::new(),
                    message: format!("{variable}: `{key}` is set in the file only"),
                    help: None,
                });
            }
            _ => Value::One(text.to_owned()),
        };
        let place = format!("{variable}: ");
        self.assign(&key, value, Origin::Environment(variable.to_owned()), &place)
    }

    fn assign(&mut self, key: &str, value: Value, origin: Origin, place: &str) -> Result<(), WrongSetting> {
        let wrong =
            |message: String, help: Option<String>| WrongSetting { place: place.to_owned(), message, help };
        if let Some(limit) = key.strip_prefix("limits.") {
            let Value::One(text) = &value else {
                return Err(wrong(format!("`{key}` is one value"), None));
            };
            self.limits.set(limit, text).map_err(|error| wrong(error.to_string(), None))?;
            self.values.insert(key.to_owned(), (value, origin));
            return Ok(());
        }
        let Some(known) = keys::find(key) else {
            let section = key.split('.').next().unwrap_or_default();
            let of_section =
                KEYS.iter().map(|key| key.name).filter(|name| name.split('.').next() == Some(section));
            return Err(wrong(format!("there is no key `{key}`"), Some(hint(key, of_section))));
        };
        if let Some(expected) = misfit(known.kind, &value) {
            return Err(wrong(format!("`{key}` is {expected}"), None));
        }
        self.values.insert(key.to_owned(), (value, origin));
        Ok(())
    }

    /// The value of a key, and where it comes from; none where nothing is set and there is no default.
    pub fn get(&self, key: &str) -> Option<(Value, Origin)> {
        if let Some(found) = self.values.get(key) {
            return Some(found.clone());
        }
        let default = keys::find(key)?.default?;
        Some((Value::One(default.to_owned()), Origin::Default))
    }

    /// Whether somebody has set it.
    pub fn is_set(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        match self.get(key)?.0 {
            Value::One(text) => Some(text),
            Value::Texts(_) | Value::Lists(_) => None,
        }
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        match self.get(key) {
            Some((Value::Texts(texts), _)) => texts,
            _ => Vec::new(),
        }
    }

    pub(super) fn lists(&self, key: &str) -> Vec<(String, Vec<String>)> {
        match self.get(key) {
            Some((Value::Lists(lists), _)) => lists.into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Its kind was checked when it was set.
    pub(super) fn duration(&self, key: &str) -> Duration {
        self.text(key).and_then(|text| humantime::parse_duration(&text).ok()).unwrap_or_default()
    }

    pub(super) fn count(&self, key: &str) -> usize {
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn fraction(&self, key: &str) -> f64 {
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub(super) fn bytes(&self, key: &str) -> usize {
        let bytes = self.text(key).and_then(|text| size::bytes(&text)).unwrap_or_default();
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    pub(super) fn address(&self, key: &str) -> SocketAddr {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        self.text(key).and_then(|text| text.parse().ok()).unwrap_or(any)
    }

    /// A setting that does not go with the others.
    pub(super) fn wrong(&self, key: &str, why: &str, help: Option<&str>) -> WrongSetting {
        let place = match self.get(key) {
            Some((_, Origin::File(file, line))) => format!("{file}:{line}:1: "),
            Some((_, Origin::Environment(variable))) => format!("{variable}: "),
            _ => String::new(),
        };
        WrongSetting { place, message: format!("`{key}`: {why}"), help: help.map(str::to_owned) }
    }
}

impl fmt::Display for Value {
    /// As it stands in the file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |texts: &[String]| {
            let quoted: Vec<String> = texts.iter().map(|text| format!("{text:?}")).collect();
            format!("[{}]", quoted.join(", "))
        };
        match self {
            Self::One(text) if is_bare(text) => f.write_str(text),
            Self::One(text) => write!(f, "{text:?}"),
            Self::Texts(texts) => f.write_str(&list(texts)),
            Self::Lists(lists) => {
                let lists: Vec<String> =
                    lists.iter().map(|(name, texts)| format!("{name} = {}", list(texts))).collect();
                write!(f, "{{ {} }}", lists.join(", "))
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file, line) => write!(f, "{file}:{line}"),
            Self::Environment(variable) => f.write_str(variable),
            Self::CommandLine(option) => f.write_str(option),
        }
    }
}

fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", known.join(", ")),
    }
}

/// Whether a value stands in the file without quotes.
fn is_bare(text: &str) -> bool {
    text == "true" || text == "false" || text.parse::<u64>().is_ok() || {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        text.split_once('.').is_some_and(|(whole, part)| {
            digits(part) && (whole == "0" || digits(whole) && !whole.starts_with('0'))
        })
    }
}

/// What a value should be; none where it is that.
fn misfit(kind: Kind, value: &Value) -> Option<String> {
    let (fits, expected) = match (kind, value) {
        (Kind::Texts, value) => (matches!(value, Value::Texts(_)), "a list: [\"...\", \"...\"]".to_owned()),
        (Kind::Lists, value) => {
            (matches!(value, Value::Lists(_)), "a table of lists: NAME = [\"...\"]".to_owned())
        }
        (_, Value::Texts(_) | Value::Lists(_)) => (false, "one value".to_owned()),
        (Kind::Text | Kind::Path, Value::One(text)) => (!text.is_empty(), "not empty".to_owned()),
        (Kind::Address, Value::One(text)) => (
            text.parse::<SocketAddr>().is_ok(),
            "an address and a port: \"127.0.0.1:8420\" or \"[::1]:8420\"".to_owned(),
        ),
        (Kind::Switch, Value::One(text)) => (text == "true" || text == "false", "true or false".to_owned()),
        (Kind::Word(words), Value::One(text)) => (words.contains(&text.as_str()), words.join(" or ")),
        (Kind::Duration, Value::One(text)) => {
            let duration = humantime::parse_duration(text).ok();
            (
                duration.is_some_and(|duration| !duration.is_zero()),
                "a time such as \"500ms\", \"30s\" or \"24h\"".to_owned(),
            )
        }
        (Kind::Count(least, most), Value::One(text)) => {
            let fits = text.parse().is_ok_and(|count| (least..=most).contains(&count));
            (fits, format!("a whole number from {least} to {most}"))
        }
        (Kind::Fraction, Value::One(text)) => {
            let fits = text.parse().is_ok_and(|share: f64| (0.0..=1.0).contains(&share));
            (fits, "a number from 0 to 1".to_owned())
        }
        (Kind::Size, Value::One(text)) => (
            size::bytes(text).is_some_and(|bytes| bytes > 0),
            "a size such as \"64KiB\" or \"1MiB\"".to_owned(),
        ),
    };
    (!fits).then_some(expected)
}

fn value_of(value: &DeValue<'_>) -> Option<Value> {
    let texts = |value: &DeValue<'_>| match value {
        DeValue::Array(texts) => {
            texts.iter().map(|text: &Spanned<DeValue<'_>>| one(text.get_ref())).collect()
        }
        _ => None,
    };
    match value {
        DeValue::Array(_) => texts(value).map(Value::Texts),
        DeValue::Table(table) => {
            let lists =
                table.iter().map(|(name, list)| Some((name.get_ref().to_string(), texts(list.get_ref())?)));
            lists.collect::<Option<_>>().map(Value::Lists)
        }
        value => one(value).map(Value::One),
    }
}

fn one(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

/// Names of the environment that set limits, for documents.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "_").to_ascii_uppercase())
}

/// All keys: those of the table, and the limits.
pub(super) fn all_keys() -> Vec<String> {
    let limits = LIMITS.iter().map(|limit| format!("limits.{}", limit.name));
    KEYS.iter().map(|key| key.name.to_owned()).chain(limits).collect()
}
