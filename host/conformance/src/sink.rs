//! The laws of a sink (`wit/sink.wit`), tried on a component.

mod law;
pub(crate) use law::SinkLaw;

mod trials;

use streamgauge_common::column::{DataType, Value};
use streamgauge_component::sink::{Descriptor, SinkComponent};
use streamgauge_laws::{Argument, Cell, Example, Outcome, Row, Signature, Table, cases, shrink};
use streamgauge_sql::manifest::{self, Output};

use self::trials::{Difference, Subject, Trial};
use crate::values::law_type;

/// Sets of generated rows.
const CASES: usize = 24;
/// The most rows of a set: a batch for a sink is what one close of windows gives it.
const ROWS_MAX: usize = 40;

/// What became of each law, in the order of [`SinkLaw::of`].
pub(crate) fn check(component: &SinkComponent) -> Vec<(SinkLaw, Outcome)> {
    let laws = SinkLaw::of(component.answers_scrapes());
    let mut verdicts: Vec<(SinkLaw, Outcome)> = Vec::new();
    let described = match law::description(component) {
        Ok(described) => described,
        Err(difference) => {
            verdicts.push((SinkLaw::Describe, broken("", None, *difference)));
            let why = "`describe` does not hold, and says how to open an encoder".to_owned();
            verdicts.extend(laws.iter().skip(1).map(|law| (*law, Outcome::Untried(why.clone()))));
            return verdicts;
        }
    };
    verdicts.push((SinkLaw::Describe, Outcome::Holds));
    let subject = match open(component, &described) {
        Ok(subject) => subject,
        Err(difference) => {
            verdicts.push((SinkLaw::Open, broken("", None, difference)));
            let why = "no encoder could be opened: see the law open".to_owned();
            verdicts.extend(laws.iter().skip(2).map(|law| (*law, Outcome::Untried(why.clone()))));
            return verdicts;
        }
    };
    verdicts.push((SinkLaw::Open, Outcome::Holds));
    let rows = rows(&subject.fields);
    for law in laws.into_iter().skip(2) {
        let obstacle = law.needs().iter().find(|needed| {
            verdicts.iter().any(|(law, outcome)| law == *needed && *outcome != Outcome::Holds)
        });
        let outcome = match (obstacle, law.trial()) {
            (Some(obstacle), _) => {
                Outcome::Untried(format!("it needs the law {}, which does not hold", obstacle.name()))
            }
            (None, Some(trial)) => try_on(&subject, trial, &rows),
            (None, None) => Outcome::Holds,
        };
        verdicts.push((law, outcome));
    }
    verdicts
}

fn try_on(subject: &Subject<'_>, trial: Trial, cases: &[Vec<Row>]) -> Outcome {
    for rows in cases {
        if let Err(difference) = trial(subject, rows) {
            let fails = |rows: &[Row]| trial(subject, rows).err();
            let (rows, difference) = shrink(rows.clone(), difference, fails);
            let mut table = Table::new(&rows, false);
            // As many words behind the slot, and the part where it is shown, as there are columns.
            let names = subject.fields.iter().map(|field| field.name.clone());
            table.head.iter_mut().rev().zip(names.rev()).for_each(|(word, name)| *word = name);
            return broken(&subject.shown(), Some(table), difference);
        }
    }
    Outcome::Holds
}

fn broken(options: &str, rows: Option<Table>, difference: Difference) -> Outcome {
    let Difference { what, expected, got } = difference;
    Outcome::Broken(Box::new(Example {
        signature: None,
        parameters: options.to_owned(),
        rows,
        what,
        expected,
        got,
    }))
}

/// Opens an encoder: with the defaults, for rows with a column of each type, or of fewer types where it does not take those.
fn open<'a>(component: &'a SinkComponent, described: &Descriptor) -> Result<Subject<'a>, Difference> {
    use DataType::{Boolean, Float64, Int64, Text, Timestamp};
    let schemas: [&[DataType]; 4] =
        [&[Timestamp, Text, Float64, Int64, Boolean], &[Text, Float64, Int64], &[Float64], &[Text]];
    let texts = ["{option:NAME}", "a", "https://example.com/", ""];
    let mut first = None;
    for schema in schemas {
        for text in texts {
            let fields = schema.iter().map(|&data_type| field(data_type)).collect();
            let subject = Subject { component, options: options(described, text), fields };
            match subject.start() {
                Ok(_) => return Ok(subject),
                Err(fault) => drop(first.get_or_insert((subject.shown(), fault.what))),
            }
        }
    }
    let (options, got) = first.unwrap_or_default();
    let what = format!("`open` with {options}, for rows with a column of each type, and for other ones");
    Err(Difference { what, expected: "an encoder".to_owned(), got })
}

/// The defaults; for what has none, a usual value.
fn options(described: &Descriptor, text: &str) -> Vec<(String, Value)> {
    let usual = |name: &str, data_type: DataType| match data_type {
        DataType::Boolean => Value::Boolean(true),
        DataType::Int64 => Value::Int64(1),
        DataType::Float64 => Value::Float64(1.0),
        DataType::Timestamp => Value::Timestamp(0),
        // As the host gives addresses and secrets.
        DataType::Text => Value::Text(text.replace("NAME", name)),
    };
    let without = described.options.iter().filter(|option| option.default.is_none());
    without.map(|option| (option.name.clone(), usual(&option.name, option.data_type))).collect()
}

fn field(data_type: DataType) -> Output {
    let name = match data_type {
        DataType::Boolean => "slow",
        DataType::Int64 => "requests",
        DataType::Float64 => "avg_latency",
        DataType::Timestamp => "window_end",
        DataType::Text => "model",
    };
    Output { name: name.to_owned(), data_type, column: manifest::Column::WindowEnd }
}

/// Rows for a schema: none, the extremes, generated ones.
fn rows(fields: &[Output]) -> Vec<Vec<Row>> {
    let signature = Signature {
        arguments: fields.iter().map(|field| law_type(field.data_type)).collect(),
        parameters: Vec::new(),
        returns: streamgauge_laws::DataType::Float64,
        needs_time: false,
        tolerance: 0.0,
        bytes_max: None,
        state_version: 1,
        restores: Vec::new(),
    };
    let mut cases = cases(&signature, CASES);
    cases.iter_mut().for_each(|rows| rows.truncate(ROWS_MAX));
    // Without a batch of many rows a sink that makes several requests would not be seen.
    let argument = |field: &Output| {
        let cell = match field.data_type {
            DataType::Boolean => Cell::Boolean(true),
            DataType::Int64 => Cell::Int64(7),
            DataType::Float64 => Cell::Float64(2000.5),
            DataType::Timestamp => Cell::Timestamp(1_767_225_600_000_000),
            DataType::Text => Cell::Text("gpt".to_owned()),
        };
        Argument { cell, valid: true }
    };
    let row =
        |number: u32| Row { slot: number % 3, part: 0, arguments: fields.iter().map(argument).collect() };
    cases.push((0..500).map(row).collect());
    cases
}
