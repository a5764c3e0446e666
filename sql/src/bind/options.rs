//! The options of a WITH list, taken one by one; what is left over is an error.

use sqlparser::tokenizer::Span;

use super::kafka;
use super::value::{GivenOption, OptionText};
use crate::catalog::WrongOption;
use crate::error::{Checked, Problem};
use crate::errors::Errors;
use crate::parse::duration;
use crate::parse::name::nearest;
use crate::size;

pub(super) struct Options<'a> {
    list: Vec<&'a GivenOption>,
    /// The keys that were asked for, for hints.
    known: Vec<String>,
    /// Where the name of the source or sink stands.
    pub(super) span: Span,
}

impl<'a> Options<'a> {
    pub(super) fn new(list: &'a [GivenOption], span: Span) -> Self {
        Self { list: list.iter().collect(), known: Vec::new(), span }
    }

    pub(super) fn take(&mut self, key: &str) -> Option<&'a GivenOption> {
        self.known.push(key.to_owned());
        let at = self.list.iter().position(|option| option.key == key)?;
        Some(self.list.remove(at))
    }

    /// The first option whose key fits.
    pub(super) fn take_any(&mut self, fits: impl Fn(&str) -> bool) -> Option<&'a GivenOption> {
        let at = self.list.iter().position(|option| fits(&option.key))?;
        Some(self.list.remove(at))
    }

    pub(super) fn text(&mut self, key: &str) -> Checked<Option<(&'a str, Span)>> {
        self.take(key).map(|option| Ok((text(option)?, option.span))).transpose()
    }

    pub(super) fn required(&mut self, key: &str, help: &str) -> Checked<(&'a str, Span)> {
        match self.text(key)? {
            Some((value, span)) if value.trim().is_empty() => {
                Err(Problem::new(span, format!("the option `{key}` is empty")).help(help))
            }
            Some(found) => Ok(found),
            None => Err(self.missing(key, help)),
        }
    }

    /// An option that must be given; perhaps it is, under another name, and that is told once.
    pub(super) fn missing(&mut self, key: &str, help: &str) -> Box<Problem> {
        let meant = |option: &&GivenOption| match foreign(&option.key) {
            Some(help) => help.contains(&format!("{key} = ")),
            None => nearest(&option.key, [key]).is_some(),
        };
        match self.list.iter().position(meant).map(|at| self.list.remove(at)) {
            Some(option) => {
                let problem = Problem::new(option.key_span, format!("there is no option `{}`", option.key));
                problem.help(format!("did you mean `{key}`? {help}"))
            }
            None => Problem::new(self.span, format!("the option `{key}` is missing")).help(help),
        }
    }

    /// One of these words, without regard to case.
    pub(super) fn word(&mut self, key: &str, words: &[&'static str]) -> Checked<Option<&'static str>> {
        let Some((value, span)) = self.text(key)? else { return Ok(None) };
        match words.iter().find(|word| word.eq_ignore_ascii_case(value.trim())) {
            Some(word) => Ok(Some(word)),
            None => {
                let list = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", ");
                Err(Problem::new(span, format!("`{key}` cannot be '{value}'"))
                    .help(format!("it can be {list}")))
            }
        }
    }

    /// `'10 s'` or an INTERVAL, in microseconds, not negative.
    pub(super) fn duration(&mut self, key: &str) -> Checked<Option<(i64, Span)>> {
        let Some(option) = self.take(key) else { return Ok(None) };
        let micros = match &option.value {
            OptionText::Interval(micros) => *micros,
            OptionText::Text(text) => duration::microseconds(text, None).map_err(|wrong| {
                Problem::new(option.span, wrong.message).help("write it like '10 s' or INTERVAL '10' SECOND")
            })?,
            OptionText::Secret(_) | OptionText::List(_) => return Err(no_text(option)),
        };
        if micros < 0 {
            return Err(Problem::new(option.span, format!("`{key}` cannot be negative"))
                .help("write it like '10 s' or INTERVAL '10' SECOND"));
        }
        Ok(Some((micros, option.span)))
    }

    /// A size, in bytes.
    pub(super) fn size(&mut self, key: &str) -> Checked<Option<u64>> {
        let Some(option) = self.take(key) else { return Ok(None) };
        let value = text(option)?;
        let bytes = size::bytes(value).ok_or_else(|| {
            Problem::new(option.span, format!("`{key}` cannot be '{value}': it is a size"))
                .help(format!("write it like {}", size::SPELLING))
        })?;
        Ok(Some(bytes))
    }

    /// Nothing may be left over; `what` is what the options belong to.
    pub(super) fn finish(self, what: &str, errors: &mut Errors) {
        for option in &self.list {
            let problem = unknown(option, what);
            let known = self.known.iter().map(String::as_str);
            errors.push(match foreign(&option.key) {
                Some(help) => problem.help(help),
                None => match nearest(&option.key.replace(['-', '.'], "_"), known) {
                    Some(near) => problem.suggest(Some(near)),
                    None => problem.help(format!("its options are {}", self.known.join(", "))),
                },
            });
        }
    }

    /// Where the connector is not known: what is left over and has another name here.
    pub(super) fn finish_foreign(self, what: &str, errors: &mut Errors) {
        for option in &self.list {
            if let Some(help) = foreign(&option.key) {
                errors.push(unknown(option, &format!("a {what}")).help(help));
            }
        }
    }
}

fn unknown(option: &GivenOption, what: &str) -> Box<Problem> {
    Problem::new(option.key_span, format!("{what} has no option `{}`", option.key))
}

/// What the host refuses is an error where the option stands; where it does not stand, at the name.
pub(super) fn refuse(wrong: Option<WrongOption>, options: &[GivenOption], name: Span) -> Checked<()> {
    let Some(WrongOption { key, message, help }) = wrong else { return Ok(()) };
    let is_it = |option: &&GivenOption| match key.strip_prefix("kafka.") {
        Some(property) => kafka::property(&option.key).as_deref() == Some(property),
        None => option.key == key,
    };
    let span = options.iter().find(is_it).map_or(name, |option| option.span);
    Err(Problem::new(span, message).help(help))
}

pub(super) fn text(option: &GivenOption) -> Checked<&str> {
    match &option.value {
        OptionText::Text(text) => Ok(text),
        _ => Err(no_text(option)),
    }
}

/// What an option is that should be a text.
pub(super) fn no_text(option: &GivenOption) -> Box<Problem> {
    let why = match &option.value {
        OptionText::Text(_) | OptionText::Secret(_) => "cannot be a secret",
        OptionText::Interval(_) => "is no duration",
        OptionText::List(_) => "is no list",
    };
    Problem::new(option.span, format!("`{}` {why}", option.key)).help("write a text in single quotes")
}

/// Options of other systems.
fn foreign(key: &str) -> Option<&'static str> {
    Some(match key {
        "properties.bootstrap.servers" | "kafka.bootstrap.servers" | "bootstrap_server" | "broker" => {
            "write brokers = 'host:9092'"
        }
        "bootstrapservers" => "write brokers = 'host:9092'",
        "kafka_topic" | "topic.name" | "topics" => "write topic = 'name'",
        "scan.startup.mode" | "auto.offset.reset" | "auto_offset_reset" | "offset" => {
            "write start = 'earliest' or start = 'latest'"
        }
        "value_format" | "value.format" | "encode" | "data_format" => "write format = 'json'",
        "key.format" | "key_format" | "key.fields" => {
            "leave it out: fields of a source are those of the record's value"
        }
        "properties.group.id" => "leave it out: the host keeps offsets itself",
        "scan.startup.timestamp-millis" | "startingtimestamp" => "write start = '2026-01-01T00:00:00Z'",
        "startingoffsets" => "write start = 'earliest' or start = 'latest'",
        "subscribe" => "write topic = 'name'",
        "partitions" | "replicas" => "leave it out: the topic is there already",
        "json.ignore-parse-errors" | "json.fail-on-missing-field" => {
            "leave it out: a missing field is NULL, and a record that does not fit is a dead letter"
        }
        key if key.starts_with("properties.") => {
            "write it without `properties.`, such as sasl_username = 'name'"
        }
        "timestamp" => {
            "write WATERMARK FOR column AS column - INTERVAL '5' SECOND beside the columns of the source"
        }
        "timestamp_format" | "json.timestamp-format.standard" => {
            "write time_format = 'rfc3339', 'unix_s', 'unix_ms' or a pattern such as '%Y-%m-%d %H:%M:%S%z'"
        }
        "timezone" | "time.zone" | "tz" | "zone" => {
            "write time_zone = 'UTC' or '+02:00', beside a time_format that is a pattern"
        }
        "type" => "write connector = 'kafka'",
        "webhook_url" => "write url = secret('NAME')",
        "filename" | "file" => "write path = 'events.jsonl'",
        _ => return None,
    })
}
