//! A limit as somebody sets it: its name and a value with a unit.

use std::time::Duration;

use streamgauge_sql::{nearest, size};

use super::{ELSEWHERE, LIMITS, Limit, Unit, shown::value};

/// A limit and what it is to be; it is permitted.
#[derive(Clone, Debug)]
pub struct Setting {
    pub(super) limit: &'static Limit,
    pub(super) value: u64,
}

/// Why a limit cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No `=`.
    #[error("write it as NAME=VALUE, such as max_groups=2000000")]
    Form,
    /// There is no such limit.
    #[error("there is no limit `{name}`{}", hint(*.nearest))]
    Unknown {
        /// What was written.
        name: String,
        /// The limit that is spelled most like it.
        nearest: Option<&'static str>,
    },
    /// It is set by an option, or not at all.
    #[error("`{name}` is no `--limit`: {by}")]
    Elsewhere {
        /// What was written.
        name: String,
        /// What sets it.
        by: &'static str,
    },
    /// It is no value of this unit.
    #[error("`{value}` is no {what}; `{name}` can be {range}")]
    Malformed {
        /// The limit.
        name: &'static str,
        /// What was written.
        value: String,
        /// What it should be, with an example.
        what: &'static str,
        /// What is permitted.
        range: String,
    },
    /// It is not permitted.
    #[error("{value} is not permitted; `{name}` can be {range}")]
    Range {
        /// The limit.
        name: &'static str,
        /// What was written.
        value: String,
        /// What is permitted.
        range: String,
    },
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || ": `streamgauge run --help` lists them".to_owned(),
        |name| format!("; did you mean `{name}`?"),
    )
}

impl Setting {
    /// A limit by its name, and its value as people write it.
    ///
    /// # Errors
    /// There is no such limit, or it cannot be this.
    pub fn new(name: &str, text: &str) -> Result<Self, LimitError> {
        let name = name.trim();
        let Some(limit) = LIMITS.iter().find(|limit| limit.name.eq_ignore_ascii_case(name)) else {
            return Err(unknown(name));
        };
        let text = text.trim().trim_matches('\'').trim();
        let (parsed, what) = match limit.unit {
            Unit::Count => (size::count(text), "whole number"),
            Unit::Bytes => (size::bytes(text), "size such as 64KiB, 256MiB or 2GiB"),
            Unit::Time => (parse_micros(text), "time such as 500ms, 30s or 2m"),
        };
        let range = || {
            let (least, most) = (limit.range.start(), limit.range.end());
            format!("{} to {}", value(limit.unit, *least), value(limit.unit, *most))
        };
        let Some(number) = parsed else {
            return Err(LimitError::Malformed {
                name: limit.name,
                value: text.to_owned(),
                what,
                range: range(),
            });
        };
        if !limit.range.contains(&number) {
            return Err(LimitError::Range { name: limit.name, value: text.to_owned(), range: range() });
        }
        Ok(Self { limit, value: number })
    }

    /// `NAME=VALUE`.
    ///
    /// # Errors
    /// As [`Setting::new`].
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        let (name, value) = text.split_once('=').ok_or(LimitError::Form)?;
        Self::new(name, value)
    }
}

fn unknown(name: &str) -> LimitError {
    let name = name.to_owned();
    match ELSEWHERE.iter().find(|other| other.name == name) {
        Some(other) => LimitError::Elsewhere { name, by: other.by },
        None => {
            let nearest = nearest(&name, LIMITS.iter().map(|limit| limit.name));
            LimitError::Unknown { name, nearest }
        }
    }
}

fn parse_micros(text: &str) -> Option<u64> {
    let duration: Duration = humantime::parse_duration(text).ok()?;
    u64::try_from(duration.as_micros()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn error(name: &str, value: &str) -> String {
        Limits::default().set(name, value).unwrap_err().to_string()
    }

    #[test]
    fn values_have_units_and_may_be_written_with_a_space() {
        let mut limits = Limits::default();
        for (name, value) in [
            ("max_groups", "2_000_000"),
            ("plugin_memory", "'2 GiB'"),
            ("plugin_call_timeout", "1m 30s"),
            ("MAX_RECORD_BYTES", "512"),
        ] {
            limits.set(name, value).unwrap();
        }
        assert_eq!((limits.max_groups, limits.plugin_memory), (2_000_000, 2 << 30));
        assert_eq!((limits.plugin_call_timeout, limits.max_record_bytes), (Duration::from_secs(90), 512));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_permitted() {
        assert_eq!(error("max_grops", "1"), "there is no limit `max_grops`; did you mean `max_groups`?");
        assert_eq!(error("x", "1"), "there is no limit `x`: `streamgauge run --help` lists them");
        assert_eq!(
            error("idle_timeout", "1s"),
            "`idle_timeout` is no `--limit`: the source's option `idle_timeout`"
        );
        assert_eq!(error("max_groups", "0"), "0 is not permitted; `max_groups` can be 1 to 100,000,000");
        assert_eq!(
            error("max_groups", "+5"),
            "`+5` is no whole number; `max_groups` can be 1 to 100,000,000"
        );
        assert_eq!(
            error("plugin_memory", "5GiB"),
            "5GiB is not permitted; `plugin_memory` can be 64 KiB to 4 GiB"
        );
        assert_eq!(
            error("plugin_memory", "1GB"),
            "`1GB` is no size such as 64KiB, 256MiB or 2GiB; `plugin_memory` can be 64 KiB to 4 GiB"
        );
        assert_eq!(
            error("plugin_call_timeout", "1"),
            "`1` is no time such as 500ms, 30s or 2m; `plugin_call_timeout` can be 10 ms to 1 h"
        );
        assert_eq!(error("plugin_memory", "99999999999GiB").split(';').count(), 2);
        assert_eq!(Setting::parse("max_groups").unwrap_err(), LimitError::Form);
    }
}
