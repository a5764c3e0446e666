//! What a connector says about itself: the options that its WITH takes.
//!
//! A connector states each option once, as an [`OptionSpec`]. The binder checks a statement against it, messages and
//! documentation are made from it, and the host reads the bound value through it, so that a default has one place, too.

use std::borrow::Cow;
use std::collections::BTreeMap;

use streamgauge_functions as functions;

use crate::header::HeaderRules;
use crate::manifest::{Header, OptionValue};
use crate::parse::duration;
use crate::size;
use crate::types::{DataType, Value};

/// One option of a connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// Its key in WITH, in lower case.
    pub name: Cow<'static, str>,
    /// What it can be.
    pub kind: OptionKind,
    /// Whether the statement must give it.
    pub required: bool,
    /// Whether `secret('NAME')` may stand for it.
    pub secret: SecretUse,
    /// Its value where none is given, as SQL spells it; none = there is none, or the connector finds one itself.
    pub default: Option<Cow<'static, str>>,
    /// A value for messages that say what to write, without quotes.
    pub example: Option<Cow<'static, str>>,
    /// What it means, in one line.
    pub docs: Cow<'static, str>,
}

/// What an option can be, and so how it is checked and spelled in the bound options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OptionKind {
    /// A literal of this type, as it is written.
    Literal(DataType),
    /// One of these words, whatever their case; bound in lower case.
    Word(&'static [&'static str]),
    /// A duration; bound in microseconds, under the name with `_us` behind it.
    Duration,
    /// A size with its unit; bound in bytes.
    Bytes,
    /// A URL that begins with https:// or http://.
    Url,
    /// An address and a port to listen on. Two sinks that are written to cannot have the same.
    Listen,
    /// The addresses of Kafka brokers; `bootstrap_servers` is the same option.
    Brokers,
    /// The name of a Kafka topic.
    Topic,
    /// Columns of the rows, with commas between them: [`crate::column_list`].
    Columns,
    /// A text that whoever declares the option checks; in words, what it can be.
    Checked(&'static str),
    /// Any number of properties of the Kafka client, each under its own name; bound as `kafka.<property>`. Which of them
    /// may be secrets is known to SQL.
    ClientProperties,
    /// Headers: `(name = value, ...)`. Whether there may be secrets in their values is what the option says of secrets.
    Headers(HeaderRules),
}

/// Whether an option may be a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretUse {
    /// It is always text.
    Refused,
    /// It is text or a secret.
    Allowed,
    /// It is always a secret: its text must not stand in SQL.
    Required,
}

impl OptionSpec {
    /// An option that need not be given, without a default.
    pub fn new(name: &'static str, kind: OptionKind, docs: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            kind,
            required: false,
            secret: SecretUse::Refused,
            default: None,
            example: None,
            docs: Cow::Borrowed(docs),
        }
    }

    /// The same, but it must be given; messages show `example`.
    #[must_use]
    pub fn required(mut self, example: &'static str) -> Self {
        self.required = true;
        self.example = Some(Cow::Borrowed(example));
        self
    }

    /// The same; messages show `example`.
    #[must_use]
    pub fn example(mut self, example: &'static str) -> Self {
        self.example = Some(Cow::Borrowed(example));
        self
    }

    /// The same, with the value that it has where none is given.
    #[must_use]
    pub fn or(mut self, default: &'static str) -> Self {
        self.default = Some(Cow::Borrowed(default));
        self
    }

    /// The same, with what is known of secrets.
    #[must_use]
    pub fn secret(mut self, secret: SecretUse) -> Self {
        self.secret = secret;
        self
    }

    /// What it can be, in words, for its documentation.
    pub fn values(&self) -> String {
        if self.secret == SecretUse::Required {
            return "`secret('NAME')`".to_owned();
        }
        let values = match self.kind {
            OptionKind::Literal(data_type) => literals(data_type).to_owned(),
            OptionKind::Word(words) => {
                words.iter().map(|word| format!("`'{word}'`")).collect::<Vec<_>>().join(" or ")
            }
            OptionKind::Duration => "a duration such as `'10 s'`, or an INTERVAL".to_owned(),
            OptionKind::Bytes => "a size such as `'64 MiB'`".to_owned(),
            OptionKind::Url => "a URL with https:// or http://".to_owned(),
            OptionKind::Listen => "an address and a port".to_owned(),
            OptionKind::Brokers => {
                "`'HOST:PORT'`, several with commas; `bootstrap_servers` is the same option".to_owned()
            }
            OptionKind::Topic => "the name of a topic".to_owned(),
            OptionKind::Columns => "the name of a column, or several with commas".to_owned(),
            OptionKind::Checked(words) => words.to_owned(),
            OptionKind::Headers(_) => match self.secret {
                SecretUse::Refused => return "headers: `(\"X-Team\" = 'ml')`".to_owned(),
                _ => {
                    return "headers: `(\"X-Team\" = 'ml', authorization = 'Bearer ' || secret('NAME'))`"
                        .to_owned();
                }
            },
            OptionKind::ClientProperties => "a text; what librdkafka says".to_owned(),
        };
        match self.secret {
            SecretUse::Allowed => format!("{values}; or `secret('NAME')`"),
            SecretUse::Refused | SecretUse::Required => values,
        }
    }

    /// The key under which its value is bound.
    pub fn bound_name(&self) -> Cow<'_, str> {
        match self.kind {
            OptionKind::Duration => format!("{}_us", self.name).into(),
            _ => self.name.as_ref().into(),
        }
    }

    /// Its text in bound options, or its default; none where there is neither, or where it is a secret.
    pub fn text<'a>(&'a self, options: &'a BTreeMap<String, OptionValue>) -> Option<&'a str> {
        match options.get(&*self.bound_name()) {
            Some(OptionValue::Text(text)) => Some(text),
            Some(OptionValue::Secret(_) | OptionValue::Headers(_)) => None,
            None => self.default.as_deref(),
        }
    }

    /// The headers that it is in bound options; none where it is not given.
    pub fn headers<'a>(&self, options: &'a BTreeMap<String, OptionValue>) -> &'a [Header] {
        match options.get(&*self.bound_name()) {
            Some(OptionValue::Headers(headers)) => headers,
            _ => &[],
        }
    }

    /// The duration that it is in bound options, or its default, in microseconds.
    pub fn micros(&self, options: &BTreeMap<String, OptionValue>) -> Option<i64> {
        match options.get(&*self.bound_name()) {
            Some(OptionValue::Text(micros)) => micros.parse().ok(),
            Some(OptionValue::Secret(_) | OptionValue::Headers(_)) => None,
            None => duration::microseconds(self.default.as_deref()?, None).ok(),
        }
    }

    /// The size that it is in bound options, or its default, in bytes.
    pub fn bytes(&self, options: &BTreeMap<String, OptionValue>) -> Option<u64> {
        size::bytes(self.text(options)?)
    }

    /// What to write, for the help of a message.
    pub fn help(&self) -> String {
        let name = &self.name;
        match (self.kind, self.secret, self.example.as_ref().or(self.default.as_ref())) {
            (OptionKind::Headers(_), SecretUse::Refused, _) => format!("write {name} = (\"X-Team\" = 'ml')"),
            (OptionKind::Headers(_), ..) => {
                format!("write {name} = (\"X-Team\" = 'ml', authorization = 'Bearer ' || secret('NAME'))")
            }
            (OptionKind::Url, ..) => format!("write {name} = secret('NAME') or {name} = 'https://...'"),
            (_, SecretUse::Required, _) => format!("write {name} = secret('NAME')"),
            (_, _, Some(example)) => format!("write {name} = '{example}'"),
            (_, _, None) => self.docs.to_string(),
        }
    }
}

/// What can be written for a type, in words.
fn literals(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Text => "a text",
        DataType::Boolean => "`'true'` or `'false'`",
        DataType::Int64 => "a whole number",
        DataType::Float64 => "a number",
        DataType::Timestamp => "a time such as `'2026-01-01T00:00:00Z'`",
    }
}

/// What an option of [`OptionKind::Literal`] is; none where the text is not of the type.
pub fn literal(text: &str, data_type: DataType) -> Option<Value> {
    let bytes = text.trim().as_bytes();
    match data_type {
        DataType::Text => Some(Value::Text(text.to_owned())),
        DataType::Boolean => functions::parse_boolean(bytes).map(Value::Boolean).ok(),
        DataType::Int64 => functions::parse_i64(bytes).map(Value::Int64).ok(),
        DataType::Float64 => functions::parse_f64(bytes).map(Value::Float64).ok(),
        DataType::Timestamp => functions::parse_timestamp(bytes).map(Value::Timestamp).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen() -> OptionSpec {
        OptionSpec::new("listen", OptionKind::Listen, "where to listen").or("127.0.0.1:1")
    }

    #[test]
    fn a_value_is_found_where_the_binder_puts_it_and_else_is_the_default() {
        let mut options = BTreeMap::new();
        let timeout = OptionSpec::new("timeout", OptionKind::Duration, "how long to wait").or("2 s");
        assert_eq!(timeout.micros(&options), Some(2_000_000));
        assert_eq!(listen().text(&options), Some("127.0.0.1:1"));
        let room = OptionSpec::new("room", OptionKind::Bytes, "how much is kept").or("2 KiB");
        assert_eq!(room.bytes(&options), Some(2048));
        options.insert("room".to_owned(), OptionValue::Text("7".to_owned()));
        assert_eq!(room.bytes(&options), Some(7));
        options.insert("timeout_us".to_owned(), OptionValue::Text("5".to_owned()));
        options.insert("listen".to_owned(), OptionValue::Text("[::]:9".to_owned()));
        assert_eq!(timeout.micros(&options), Some(5));
        assert_eq!(listen().text(&options), Some("[::]:9"));
    }

    #[test]
    fn help_says_what_to_write() {
        let text = |docs| OptionSpec::new("x", OptionKind::Literal(DataType::Text), docs);
        assert_eq!(listen().help(), "write listen = '127.0.0.1:1'");
        assert_eq!(text("what it is").help(), "what it is");
        assert_eq!(text("what it is").required("a.jsonl").help(), "write x = 'a.jsonl'");
        assert_eq!(text("what it is").secret(SecretUse::Required).help(), "write x = secret('NAME')");
        let url = OptionSpec::new("url", OptionKind::Url, "where to").secret(SecretUse::Allowed);
        assert_eq!(url.help(), "write url = secret('NAME') or url = 'https://...'");
    }

    #[test]
    fn literals_are_of_their_type_or_nothing() {
        assert_eq!(literal(" a ", DataType::Text), Some(Value::Text(" a ".to_owned())));
        assert_eq!(literal("TRUE", DataType::Boolean), Some(Value::Boolean(true)));
        assert_eq!(literal("-7", DataType::Int64), Some(Value::Int64(-7)));
        assert_eq!(literal("1e3", DataType::Float64), Some(Value::Float64(1000.0)));
        assert_eq!(literal("1970-01-01T00:00:01Z", DataType::Timestamp), Some(Value::Timestamp(1_000_000)));
        for (text, data_type) in [
            ("perhaps", DataType::Boolean),
            ("1.5", DataType::Int64),
            ("much", DataType::Float64),
            ("soon", DataType::Timestamp),
        ] {
            assert_eq!(literal(text, data_type), None, "{text}");
        }
    }
}
