//! EXPLAIN: the plan as text, step by step in the order of an event's way.

use std::fmt;

use super::Plan;
use crate::manifest::{
    Aggregate, Column, Field, Input, Join, Manifest, PluginFile, Stage, Target, Window, WindowKind,
};
use crate::parse::duration::describe;
use crate::size;
use crate::types::{DataType, Value};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let manifest = &self.manifest;
        writeln!(f, "query {}", manifest.name)?;
        let input = match &manifest.input {
            Input::Source(name) => format!("source {name}"),
            Input::View(name) => format!("view {name}"),
            Input::Late(name) => format!("late events of {name}"),
        };
        writeln!(f, "  read    {input}: {}", fields(&manifest.columns))?;
        let names = Names(manifest);
        for Join { table, key, columns, .. } in &manifest.joins {
            let key = names.column(Column::Input(*key));
            writeln!(f, "  join    table {table} by {key}: {}", fields(columns))?;
        }
        stage(f, "ingest", manifest.ingest.as_ref(), &names)?;
        if let Some(window) = &manifest.window {
            fold(f, window, &names)?;
            stage(f, "emit", manifest.emit.as_ref(), &names)?;
            if let Some(lateness_us) = manifest.lateness_us {
                late(f, window.kind, lateness_us)?;
            }
        }
        for (at, operator) in manifest.operators.iter().enumerate() {
            let label = if at == 0 { "over" } else { "" };
            let keys: Vec<String> = operator.keys.iter().map(|key| names.column(key.column)).collect();
            let states = match keys.is_empty() {
                true => "one state".to_owned(),
                false => format!("a state for each {}", keys.join(", ")),
            };
            writeln!(f, "  {label:<7} {}: {states}", operator.text)?;
        }
        for (at, output) in manifest.output.iter().enumerate() {
            let label = if at == 0 { "output" } else { "" };
            let value = names.column(output.column);
            writeln!(f, "  {label:<7} {} {} = {value}", output.name, output.data_type)?;
        }
        if let Some(order) = &manifest.order {
            let of = match &manifest.window {
                Some(window) if !window.kind.has_bounds() => "",
                _ => " in each window",
            };
            writeln!(f, "  order   {order}{of}")?;
        }
        match &manifest.target {
            Target::View => write!(f, "  to      the queries that read {}", manifest.name),
            Target::Sink(name) => write!(f, "  to      sink {name}"),
            Target::Console => write!(f, "  to      the console"),
        }
    }
}

fn fields(fields: &[Field]) -> String {
    let list: Vec<String> =
        fields.iter().map(|field| format!("{} {}", field.name, field.data_type)).collect();
    if list.is_empty() { "no column".to_owned() } else { list.join(", ") }
}

fn stage(f: &mut fmt::Formatter<'_>, label: &str, stage: Option<&Stage>, names: &Names<'_>) -> fmt::Result {
    let Some(stage) = stage else {
        return writeln!(f, "  {label:<7} nothing to do: does not cross into Wasm");
    };
    let arguments: Vec<String> = stage.arguments.iter().map(|column| names.column(*column)).collect();
    let arguments = if arguments.is_empty() { "no column".to_owned() } else { arguments.join(", ") };
    writeln!(f, "  {label:<7} crosses into Wasm: {arguments}")?;
    let mut texts = stage.expressions.iter();
    if stage.filters
        && let Some(text) = texts.next()
    {
        writeln!(f, "          keep where {text}")?;
    }
    for ((at, text), data_type) in texts.enumerate().zip(&stage.computed) {
        writeln!(f, "          #{} {data_type} = {text}", at + 1)?;
    }
    Ok(())
}

fn fold(f: &mut fmt::Formatter<'_>, window: &Window, names: &Names<'_>) -> fmt::Result {
    let time = names.column(Column::Input(window.time));
    let kind = match window.kind {
        WindowKind::Whole => "none: one row a group when the input ends".to_owned(),
        kind => windows(kind, &time),
    };
    writeln!(f, "  window  {kind}")?;
    let keys = window.keys.iter().filter(|key| key.column != Column::SetNumber);
    let keys: Vec<String> = keys.map(|key| names.column(key.column)).collect();
    writeln!(
        f,
        "  group   {}",
        if keys.is_empty() { "all rows in one".to_owned() } else { keys.join(", ") }
    )?;
    if !window.sets.is_empty() {
        let sets: Vec<String> = window.sets.iter().map(|&set| grouping_set(&keys, set)).collect();
        writeln!(f, "          in the sets {}", sets.join(", "))?;
    }
    for (at, aggregate) in window.aggregates.iter().enumerate() {
        let label = if at == 0 { "reduce" } else { "" };
        writeln!(f, "  {label:<7} {}: {}", aggregate.text, reducer(aggregate, window, names))?;
        if let Some(plugin) = &aggregate.plugin {
            writeln!(f, "          from {}", plugin_file(&plugin.file))?;
        }
    }
    Ok(())
}

/// The keys that are not left out of a set.
fn grouping_set(keys: &[String], set: i64) -> String {
    let kept: Vec<&str> =
        keys.iter().enumerate().filter(|(at, _)| set >> at & 1 == 0).map(|(_, key)| key.as_str()).collect();
    format!("({})", kept.join(", "))
}

/// When the rows of a window come that takes late events.
fn late(f: &mut fmt::Formatter<'_>, kind: WindowKind, lateness_us: i64) -> fmt::Result {
    let slide_us = match kind {
        WindowKind::Cumulate { step_us, .. } => step_us,
        kind => kind.slide_us(),
    };
    writeln!(
        f,
        "  late    a window closes (revision 0) and takes events for {} more",
        describe(lateness_us)
    )?;
    let end = describe(lateness_us);
    match lateness_us <= slide_us {
        true => writeln!(f, "          what they change comes {end} after its end"),
        false => writeln!(
            f,
            "          what they change comes each {} after its end, the last time {end} after it",
            describe(slide_us)
        ),
    }
}

/// Which windows, and how they are cut into slices.
fn windows(kind: WindowKind, time: &str) -> String {
    let (size, slide) = (describe(kind.size_us()), describe(kind.slide_us()));
    let offset = match kind.offset_us() {
        0 => String::new(),
        offset_us => format!(" from {} past the epoch", describe(offset_us)),
    };
    match kind {
        WindowKind::Tumble { .. } => format!("TUMBLE on {time}: {size}{offset}, one slice a window"),
        WindowKind::Hop { slide_us, size_us, .. } => {
            format!("HOP on {time}: {size} every {slide}{offset}, {}", slices(size_us, slide_us))
        }
        WindowKind::Cumulate { step_us, size_us, .. } => {
            let slices = size_us / step_us;
            format!(
                "CUMULATE on {time}: up to {size} by {slide}{offset}, {slices} slices of {slide}, kept merged"
            )
        }
        WindowKind::Session { gap_us, max_length_us } => format!(
            "SESSION on {time}: until no event comes for {}, cut every {}, slices of {0}",
            describe(gap_us),
            describe(max_length_us)
        ),
        WindowKind::Whole => format!("the whole input on {time}"),
    }
}

/// Slices are cut at window starts and ends.
fn slices(size_us: i64, slide_us: i64) -> String {
    let (whole, rest) = (size_us / slide_us, size_us % slide_us);
    match rest {
        0 => format!("{whole} slices of {} a window", describe(slide_us)),
        rest => {
            let (short, long) = (describe(rest), describe(slide_us - rest));
            format!("{} slices of {short} and {long} by turns a window", 2 * whole + 1)
        }
    }
}

/// What is called in the plugin: arguments; parameters.
fn reducer(aggregate: &Aggregate, window: &Window, names: &Names<'_>) -> String {
    let argument = |column: &Column| format!("{} {}", names.column(*column), names.data_type(*column));
    let mut arguments: Vec<String> = aggregate.arguments.iter().map(argument).collect();
    if aggregate.needs_time {
        let time = Column::Input(window.time);
        arguments.push(format!("{} {}", names.column(time), names.data_type(time)));
    }
    let parameters: Vec<String> = aggregate.parameters.iter().map(value).collect();
    let parameters =
        if parameters.is_empty() { String::new() } else { format!("; {}", parameters.join(", ")) };
    let state = match (aggregate.growing, aggregate.state_bytes_max) {
        (true, _) => ", its state grows with the values".to_owned(),
        (false, Some(bytes)) => format!(", {bytes} bytes of state a group and slice"),
        (false, None) => String::new(),
    };
    let Aggregate { reducer, signature, returns, .. } = aggregate;
    format!("reducer {reducer}#{signature}({}{parameters}) -> {returns}{state}", arguments.join(", "))
}

/// Where a reducer of the user's own comes from, and what it may use where that is less than the host's limit.
fn plugin_file(file: &PluginFile) -> String {
    let mut text = file.path.clone();
    if let Some(digest) = &file.sha256 {
        text.push_str(", sha256 ");
        text.push_str(digest);
    }
    if let Some(bytes) = file.memory_bytes {
        text.push_str(", at most ");
        text.push_str(&size::spell(bytes));
    }
    if let Some(micros) = file.call_timeout_us.and_then(|us| i64::try_from(us).ok()) {
        text.push_str(", a call at most ");
        text.push_str(&describe(micros));
    }
    text
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Int64(number) | Value::Timestamp(number) => number.to_string(),
        Value::Float64(number) => format!("{number:?}"),
        Value::Text(text) => format!("'{text}'"),
    }
}

/// Columns in words.
struct Names<'a>(&'a Manifest);

impl Names<'_> {
    fn column(&self, column: Column) -> String {
        let window = self.0.window.as_ref();
        let name = match column {
            Column::Input(at) => self.0.inputs().nth(at).map(|field| field.name.clone()),
            Column::Computed(at) => Some(format!("#{}", at + 1)),
            Column::Key(at) => {
                let key = window.and_then(|window| window.keys.get(at));
                key.map(|key| match key.column {
                    Column::Computed(at) => self.text(at),
                    column => self.column(column),
                })
            }
            Column::Aggregate(at) => {
                window.and_then(|window| window.aggregates.get(at)).map(|aggregate| aggregate.text.clone())
            }
            Column::WindowStart => Some("window start".to_owned()),
            Column::WindowEnd => Some("window end".to_owned()),
            Column::SetNumber => Some("the grouping set".to_owned()),
            Column::Operator(at) => self.0.operators.get(at).map(|operator| operator.text.clone()),
            Column::Revision => Some("revision".to_owned()),
            Column::Op => Some("insert, update or delete".to_owned()),
        };
        name.unwrap_or_default()
    }

    /// The text of a column that `ingest` computes.
    fn text(&self, at: usize) -> String {
        let text =
            self.0.ingest.as_ref().and_then(|stage| stage.expressions.get(at + usize::from(stage.filters)));
        text.cloned().unwrap_or_default()
    }

    fn data_type(&self, column: Column) -> DataType {
        let found = match column {
            Column::Input(at) => self.0.inputs().nth(at).map(|field| field.data_type),
            Column::Computed(at) => self.0.ingest.as_ref().and_then(|stage| stage.computed.get(at).copied()),
            _ => None,
        };
        found.unwrap_or(DataType::Timestamp)
    }
}
