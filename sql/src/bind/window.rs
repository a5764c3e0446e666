//! TUMBLE and HOP: which windows a query makes over its source.

use sqlparser::tokenizer::Span;

use super::relation::{Relation, RelationKind, TimeRole};
use crate::error::{Checked, Problem};
use crate::errors::both;
use crate::manifest::WindowKind;
use crate::parse::duration;
use crate::parse::from::{Argument, ArgumentValue, WindowCall};
use crate::parse::name::{Name, nearest};

/// Sliding windows aligned to the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) kind: WindowKind,
    /// The column of the relation with the event time.
    pub(crate) time: usize,
}

impl Windows {
    /// For a query whose windows are wrong, so that the rest of it can be looked at.
    pub(super) const UNKNOWN: Self = Self { kind: WindowKind::Tumble { size_us: 1 }, time: 0 };
}

const MILLISECOND: i64 = 1_000;
/// The longest window, ten years.
const MAX_SIZE_US: i64 = 3_650 * 24 * 3_600 * 1_000_000;
/// How many windows may cover an event.
const MAX_OVERLAP: i64 = 1_000_000;

/// The parameters of a window function in order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Source,
    Time,
    Slide,
    Size,
}

const NO_OFFSET: &str = "offsets are not in the language yet, windows are aligned to the Unix epoch in UTC";
const FIXED_SIZE: &str =
    "there are windows of one size: TUMBLE(source, ts, size) and HOP(source, ts, slide, size)";

const TUMBLE: &[Parameter] = &[Parameter::Source, Parameter::Time, Parameter::Size];
const HOP: &[Parameter] = &[Parameter::Source, Parameter::Time, Parameter::Slide, Parameter::Size];

impl Parameter {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Time => "time",
            Self::Slide => "slide",
            Self::Size => "size",
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Source => &["source", "data", "table"],
            Self::Time => &["time", "timecol", "time_column", "ts"],
            Self::Slide => &["slide", "hop"],
            Self::Size => &["size"],
        }
    }
}

/// The arguments in the order of the parameters.
pub(super) struct Arguments<'a> {
    call: &'a WindowCall,
    found: Vec<(Parameter, &'a Argument)>,
}

/// Gives each argument of a window function to its parameter.
pub(super) fn arguments(call: &WindowCall) -> Checked<Arguments<'_>> {
    let parameters = parameters(call)?;
    let mut found: Vec<(Parameter, &Argument)> = Vec::new();
    for (position, argument) in call.arguments.iter().enumerate() {
        let parameter = match &argument.name {
            Some(name) => named(name, call, parameters)?,
            None if found.len() == position
                && call.arguments.iter().take(position).all(|a| a.name.is_none()) =>
            {
                *parameters.get(position).ok_or_else(|| too_many(call, argument))?
            }
            None => {
                return Err(Problem::new(
                    argument.span,
                    "an argument without name stands before those with names",
                )
                .help(spelling(call)));
            }
        };
        if found.iter().any(|(before, _)| *before == parameter) {
            return Err(Problem::new(argument.span, format!("`{}` is given twice", parameter.name()))
                .help(spelling(call)));
        }
        found.push((parameter, argument));
    }
    if let Some(missing) =
        parameters.iter().find(|parameter| !found.iter().any(|(found, _)| found == *parameter))
    {
        let message = format!("{} lacks its argument `{}`", upper(call), missing.name());
        return Err(Problem::new(call.span, message).help(spelling(call)));
    }
    Ok(Arguments { call, found })
}

fn parameters(call: &WindowCall) -> Checked<&'static [Parameter]> {
    let span = call.function.span;
    let later = |what: &str| {
        Problem::new(span, format!("{what} windows are not in the language yet")).help(FIXED_SIZE)
    };
    match call.function.text.to_ascii_lowercase().as_str() {
        "tumble" => Ok(TUMBLE),
        "hop" => Ok(HOP),
        "cumulate" => Err(later("CUMULATE")),
        "session" => Err(later("SESSION")),
        "tumbling" | "hopping" | "sliding" | "slide" | "tumblingwindow" | "hoppingwindow" => {
            Err(Problem::new(span, format!("`{}` is no window function", call.function.text))
                .help("write TUMBLE(source, ts, size) or HOP(source, ts, slide, size)"))
        }
        name => Err(Problem::new(span, format!("`{}` is no window function", call.function.text)).help(
            match nearest(name, ["tumble", "hop"]) {
                Some(near) => format!("did you mean {}?", near.to_uppercase()),
                None => "write TUMBLE(source, ts, size) or HOP(source, ts, slide, size)".to_owned(),
            },
        )),
    }
}

fn named(name: &Name, call: &WindowCall, parameters: &[Parameter]) -> Checked<Parameter> {
    let matches = |parameter: &&Parameter| parameter.names().iter().any(|known| name.means(known));
    if let Some(parameter) = parameters.iter().find(matches) {
        return Ok(*parameter);
    }
    let message = format!("{} has no argument `{}`", upper(call), name.text);
    let help = match name.text.to_ascii_lowercase().as_str() {
        "offset" => NO_OFFSET.to_owned(),
        "step" => "the distance of two windows of HOP is its `slide`".to_owned(),
        "gap" => format!("session windows are not in the language yet; {FIXED_SIZE}"),
        _ => spelling(call),
    };
    Err(Problem::new(name.span, message).help(help))
}

fn too_many(call: &WindowCall, argument: &Argument) -> Box<Problem> {
    let problem = Problem::new(argument.span, format!("{} takes no more arguments", upper(call)));
    match (call.function.means("tumble"), &argument.value) {
        // The author may have meant either.
        (true, ArgumentValue::Interval(_)) => problem.help(format!(
            "if it is an offset: {NO_OFFSET}; windows that overlap are HOP(source, ts, slide, size)"
        )),
        (false, ArgumentValue::Interval(_)) => problem.help(format!("if it is an offset: {NO_OFFSET}")),
        _ => problem.help(spelling(call)),
    }
}

fn upper(call: &WindowCall) -> String {
    call.function.text.to_uppercase()
}

fn spelling(call: &WindowCall) -> String {
    match call.function.means("tumble") {
        true => "write TUMBLE(source, ts, INTERVAL '1' MINUTE)".to_owned(),
        false => "write HOP(source, ts, INTERVAL '1' MINUTE, INTERVAL '5' MINUTE): source, time, slide, size"
            .to_owned(),
    }
}

impl<'a> Arguments<'a> {
    fn get(&self, parameter: Parameter) -> Option<&'a Argument> {
        self.found.iter().find(|(found, _)| *found == parameter).map(|(_, argument)| *argument)
    }

    /// The name of the source.
    pub(super) fn source(&self) -> Checked<&'a Name> {
        match self.get(Parameter::Source) {
            Some(Argument { value: ArgumentValue::Name(name), .. }) => Ok(name),
            other => {
                Err(Problem::new(self.span(other), "expected the name of a source").help(spelling(self.call)))
            }
        }
    }

    fn span(&self, argument: Option<&Argument>) -> Span {
        argument.map_or(self.call.span, |argument| argument.span)
    }

    /// The windows, checked against what they stand on.
    pub(super) fn windows(&self, relation: &Relation) -> Checked<Windows> {
        let (time, (size_us, size_span)) = both(self.time(relation), self.duration(Parameter::Size))?;
        if size_us > MAX_SIZE_US {
            return Err(Problem::new(size_span, "a window can be at most 3650 days long")
                .help("write a size of at most INTERVAL '3650' DAY"));
        }
        if !self.found.iter().any(|(parameter, _)| *parameter == Parameter::Slide) {
            return Ok(Windows { kind: WindowKind::Tumble { size_us }, time });
        }
        let (slide_us, slide_span) = self.duration(Parameter::Slide)?;
        if slide_us > size_us {
            let message = "the slide is longer than the window: events between two windows would be lost";
            return Err(Problem::new(slide_span, message)
                .help("did you swap them? HOP takes the slide first, then the size"));
        }
        if size_us / slide_us > MAX_OVERLAP {
            let message = format!("more than {MAX_OVERLAP} windows would cover an event");
            return Err(Problem::new(slide_span, message).help("write a longer slide or a shorter size"));
        }
        let kind = match slide_us == size_us {
            true => WindowKind::Tumble { size_us },
            false => WindowKind::Hop { slide_us, size_us },
        };
        Ok(Windows { kind, time })
    }

    fn time(&self, relation: &Relation) -> Checked<usize> {
        let argument = self.get(Parameter::Time);
        let span = self.span(argument);
        let Some(Argument { value: ArgumentValue::Name(name), .. }) = argument else {
            return Err(
                Problem::new(span, "expected the column with the event time").help(spelling(self.call))
            );
        };
        let time = match relation.kind {
            RelationKind::Source { time } => time,
            RelationKind::WindowView | RelationKind::RowView(_) => return time_of_view(name, relation, span),
        };
        let names = relation.columns.iter().map(|column| column.name.text.as_str());
        let Some(column) = name.position_in(names.clone()) else {
            let problem =
                Problem::new(span, format!("{} has no column `{}`", relation.describe(), name.text));
            return Err(
                match (nearest(&name.text, names), time.and_then(|time| relation.columns.get(time))) {
                    (Some(near), _) => problem.suggest(Some(near)),
                    (None, Some(time)) => {
                        problem.help(format!("write `{}`, which has the WATERMARK", time.name.text))
                    }
                    (None, None) => problem.help("name the column with the event time"),
                },
            );
        };
        let Some(time) = time else {
            return Err(Problem::new(
                span,
                format!("{} has no WATERMARK, so no windows can close", relation.describe()),
            )
            .help(format!(
                "add WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND to CREATE SOURCE",
                name.text
            )));
        };
        if column != time {
            let declared = relation.columns.get(time).map_or("", |column| column.name.text.as_str());
            return Err(Problem::new(
                span,
                format!("the WATERMARK of {} is for `{declared}`", relation.describe()),
            )
            .help(format!("write `{declared}` here: windows close by the watermark")));
        }
        Ok(time)
    }

    fn duration(&self, parameter: Parameter) -> Checked<(i64, Span)> {
        let argument = self.get(parameter);
        let span = self.span(argument);
        let what = parameter.name();
        let Some(Argument { value: ArgumentValue::Interval(micros), .. }) = argument else {
            return Err(Problem::new(span, format!("the {what} of a window must be an INTERVAL"))
                .help("write it like INTERVAL '5' MINUTE"));
        };
        if *micros <= 0 {
            return Err(Problem::new(span, format!("the {what} of a window must be above 0"))
                .help("write it like INTERVAL '5' MINUTE"));
        }
        if micros % MILLISECOND != 0 {
            return Err(Problem::new(
                span,
                format!(
                    "the {what} of a window must be whole milliseconds, found {}",
                    duration::describe(*micros)
                ),
            )
            .help("write it like INTERVAL '250' MILLISECOND"));
        }
        Ok((*micros, span))
    }
}

/// The column of a view by which windows are made: the end of the windows that its rows are of, or the event time of the source whose
/// rows it selects.
fn time_of_view(name: &Name, view: &Relation, span: Span) -> Checked<usize> {
    let (wanted, what) = match view.has_window_rows() {
        false => (TimeRole::EventTime, "the column of the source's WATERMARK, unchanged"),
        true => (TimeRole::WindowEnd, "the end of its own windows"),
    };
    let names = view.columns.iter().map(|column| column.name.text.as_str());
    let at = name.position_in(names.clone());
    if let Some(at) = at
        && view.columns.get(at).is_some_and(|column| column.role == wanted)
    {
        return Ok(at);
    }
    let problem = match at {
        Some(_) => {
            format!("windows over {} are made by {what}, and `{}` is not that", view.describe(), name.text)
        }
        None => {
            format!("{} has no column `{}`; windows over it are made by {what}", view.describe(), name.text)
        }
    };
    let known = view.columns.iter().find(|column| column.role == wanted);
    Err(Problem::new(span, problem).help(match (known, wanted) {
        (Some(column), _) => format!("write `{}`", column.name.text),
        (None, TimeRole::EventTime) => format!("select that column in {}", view.describe()),
        (None, _) => format!("select window_end in {}", view.describe()),
    }))
}
