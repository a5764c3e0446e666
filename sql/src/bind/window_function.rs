//! The window functions, their parameters and how they are written.

use crate::error::{Checked, Problem};
use crate::parse::from::WindowCall;
use crate::parse::name::{Name, nearest};

/// A window function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Tumble,
    Hop,
    Cumulate,
    Session,
}

/// A parameter of a window function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameter {
    Source,
    Time,
    Slide,
    Step,
    Size,
    Offset,
    Gap,
    MaxLength,
}

const TUMBLE: &str = "write TUMBLE(source, ts, INTERVAL '1' MINUTE)";
const HOP: &str =
    "write HOP(source, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE): source, time, slide, size";
const CUMULATE: &str =
    "write CUMULATE(source, ts, INTERVAL '1' HOUR, INTERVAL '1' DAY): source, time, step, size";
const SESSION: &str = "write SESSION(source, ts, INTERVAL '30' MINUTE): source, time, gap";

impl Function {
    const ALL: [Self; 4] = [Self::Tumble, Self::Hop, Self::Cumulate, Self::Session];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tumble => "TUMBLE",
            Self::Hop => "HOP",
            Self::Cumulate => "CUMULATE",
            Self::Session => "SESSION",
        }
    }

    /// How it is written.
    pub(super) fn spelling(self) -> &'static str {
        match self {
            Self::Tumble => TUMBLE,
            Self::Hop => HOP,
            Self::Cumulate => CUMULATE,
            Self::Session => SESSION,
        }
    }

    /// Its parameters in order.
    pub(super) fn parameters(self) -> &'static [Parameter] {
        use Parameter::{Gap, MaxLength, Offset, Size, Slide, Source, Step, Time};
        match self {
            Self::Tumble => &[Source, Time, Size, Offset],
            Self::Hop => &[Source, Time, Slide, Size, Offset],
            Self::Cumulate => &[Source, Time, Step, Size, Offset],
            Self::Session => &[Source, Time, Gap, MaxLength],
        }
    }

    pub(super) fn of(call: &WindowCall) -> Checked<Self> {
        let Name { text, span, .. } = &call.function;
        let known = Self::ALL.into_iter().find(|function| text.eq_ignore_ascii_case(function.name()));
        if let Some(function) = known {
            return Ok(function);
        }
        let name = text.to_ascii_lowercase();
        let foreign =
            ["tumbling", "hopping", "sliding", "slide", "tumblingwindow", "hoppingwindow", "slidingwindow"];
        let near = match foreign.contains(&name.as_str()) {
            true => None,
            false => nearest(&name, ["tumble", "hop", "cumulate", "session"]),
        };
        Err(Problem::new(*span, format!("`{text}` is no window function")).help(match near {
            Some(near) => format!("did you mean {}?", near.to_uppercase()),
            None => "write TUMBLE(source, ts, size) or HOP(source, ts, slide, size)".to_owned(),
        }))
    }
}

impl Parameter {
    pub(super) fn name(self) -> &'static str {
        self.names().first().copied().unwrap_or_default()
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Source => &["source", "data", "table"],
            Self::Time => &["time", "timecol", "time_column", "ts"],
            Self::Slide => &["slide", "hop"],
            Self::Step => &["step"],
            Self::Size => &["size"],
            Self::Offset => &["offset"],
            Self::Gap => &["gap"],
            Self::MaxLength => &["max_length"],
        }
    }

    pub(super) fn is_optional(self) -> bool {
        matches!(self, Self::Offset | Self::MaxLength)
    }
}

/// The parameter of a named argument.
pub(super) fn named(name: &Name, function: Function) -> Checked<Parameter> {
    let matches = |parameter: &&Parameter| parameter.names().iter().any(|known| name.means(known));
    if let Some(parameter) = function.parameters().iter().find(matches) {
        return Ok(*parameter);
    }
    let message = format!("{} has no argument `{}`", function.name(), name.text);
    let help = match (name.text.to_ascii_lowercase().as_str(), function) {
        ("step", Function::Hop) => "the distance of two windows of HOP is its `slide`".to_owned(),
        ("slide", Function::Cumulate) => "windows of CUMULATE grow by a `step`".to_owned(),
        ("slide", Function::Tumble) => HOP.to_owned(),
        ("step", Function::Tumble) => CUMULATE.to_owned(),
        ("gap" | "max_length", _) => SESSION.to_owned(),
        ("offset", _) => "a session starts with its first event, so nothing is there to be moved".to_owned(),
        ("size", Function::Session) => "a session ends when no event comes for its `gap`".to_owned(),
        _ => function.spelling().to_owned(),
    };
    Err(Problem::new(name.span, message).help(help))
}
