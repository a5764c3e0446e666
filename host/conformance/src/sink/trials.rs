//! The laws of a sink as functions of rows.

use streamgauge_common::{
    column::{Bitmap, Column, Texts, Value},
    message::Response,
};
use streamgauge_component::sink::{
    Deliveries, Encoded, Encoder, Outcome, SinkComponent, SinkInstance, Windows,
};
use streamgauge_engine::Fault;
use streamgauge_laws::Row;
use streamgauge_sql::manifest::Output;

use crate::values::{cell, column};

/// A sink with options and columns that it takes.
pub(super) struct Subject<'a> {
    pub(super) component: &'a SinkComponent,
    pub(super) options: Vec<(String, Value)>,
    pub(super) fields: Vec<Output>,
}

/// What was done, what was due, and what came.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) what: String,
    pub(super) expected: String,
    pub(super) got: String,
}

/// A law, tried on rows.
pub(super) type Trial = fn(&Subject<'_>, &[Row]) -> Result<(), Difference>;

const MINUTE: i64 = 60_000_000;

impl Subject<'_> {
    /// An encoder in an instance of its own.
    pub(super) fn start(&self) -> Result<(SinkInstance, Encoder), Fault> {
        let instance = self.component.start()?;
        let options: Vec<(&str, Value)> =
            self.options.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let encoder = instance.open(&options, "latency", &self.fields)?;
        Ok((instance, encoder))
    }

    /// The options that are not as by default.
    pub(super) fn shown(&self) -> String {
        let pairs = self.options.iter().map(|(name, value)| format!("{name} = {}", cell(value.clone())));
        pairs.collect::<Vec<_>>().join(", ")
    }

    fn opened(&self) -> Result<(SinkInstance, Encoder), Difference> {
        self.start().map_err(|fault| stopped("`open`", &fault))
    }

    /// The requests of rows, which are of windows or not.
    fn encode(&self, encoder: &Encoder, rows: &[Row], windowed: bool) -> Result<Vec<Encoded>, Difference> {
        let mut keys = Texts::default();
        (1..=rows.len()).for_each(|number| keys.push(format!("key-{number}").as_bytes()));
        let sequences: Vec<u64> = (1..=rows.len() as u64).collect();
        let starts: Vec<i64> = rows.iter().map(|row| i64::from(row.slot) * MINUTE).collect();
        let ends: Vec<i64> = starts.iter().map(|start| start + 5 * MINUTE).collect();
        let forced: Bitmap = rows.iter().map(|row| row.part == 1).collect();
        let columns: Vec<Column> = self
            .fields
            .iter()
            .enumerate()
            .map(|(index, field)| column(field.data_type, index, rows))
            .collect();
        let windows = Windows { starts: &starts, ends: &ends, forced: &forced };
        let windows = windowed.then_some(windows);
        let deliveries = Deliveries { keys: &keys, sequences: &sequences, windows, columns: &columns };
        let what = match windowed {
            true => "`encode` of the rows, the slot being the minute in which a window starts",
            false => "`encode` of the rows, without windows",
        };
        encoder.encode(&deliveries).map_err(|fault| stopped(what, &fault))
    }
}

fn stopped(what: &str, fault: &Fault) -> Difference {
    Difference { what: what.to_owned(), expected: "an answer".to_owned(), got: fault.what.clone() }
}

/// What differs first between requests.
fn same(one: &[Encoded], other: &[Encoded], what: &str) -> Result<(), Difference> {
    if one == other {
        return Ok(());
    }
    let at = one.iter().zip(other).find(|(one, other)| one != other);
    let (expected, got) = match at {
        None => (format!("{} requests", one.len()), format!("{} requests", other.len())),
        Some((one, other)) => (shown(one), shown(other)),
    };
    Err(Difference { what: what.to_owned(), expected, got })
}

/// A request, cut.
fn shown(encoded: &Encoded) -> String {
    const SHOWN: usize = 60;
    let Encoded { request, deliveries } = encoded;
    let body: String = String::from_utf8_lossy(&request.body).chars().take(SHOWN).collect();
    let (method, url, bytes) = (&request.method, &request.url, request.body.len());
    let headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let headers = headers.join(", ");
    format!("{method} {url} [{headers}] for {deliveries} rows, {bytes} bytes: {}", body.escape_debug())
}

pub(super) fn encode(subject: &Subject<'_>, rows: &[Row]) -> Result<(), Difference> {
    let (_instance, encoder) = subject.opened()?;
    subject.encode(&encoder, rows, true)?;
    let (_instance, encoder) = subject.opened()?;
    subject.encode(&encoder, rows, false).map(drop)
}

pub(super) fn two_instances(subject: &Subject<'_>, rows: &[Row]) -> Result<(), Difference> {
    let (_one, encoder) = subject.opened()?;
    let one = subject.encode(&encoder, rows, true)?;
    let (_other, encoder) = subject.opened()?;
    let other = subject.encode(&encoder, rows, true)?;
    same(&one, &other, "`encode` of the rows in two instances")
}

pub(super) fn keeps_nothing(subject: &Subject<'_>, rows: &[Row]) -> Result<(), Difference> {
    let (_instance, encoder) = subject.opened()?;
    let one = subject.encode(&encoder, rows, true)?;
    let again = subject.encode(&encoder, rows, true)?;
    same(&one, &again, "`encode` of the rows, and once more in the same instance")
}

/// Answers without their status: plain, with the time of the next try, and with headers and a body that are hard to read.
fn answers() -> [Response; 3] {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let plain = Response::default();
    let headers = vec![header("retry-after", "7"), header("content-type", "text/plain")];
    let told = Response { headers, body: b"no_service".to_vec(), ..plain.clone() };
    let headers = vec![header("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT; x")];
    let hard = Response { headers, body: vec![0xff; 65_536], ..plain.clone() };
    [plain, told, hard]
}

pub(super) fn judge(subject: &Subject<'_>, rows: &[Row]) -> Result<(), Difference> {
    let (_one, encoder) = subject.opened()?;
    let (_other, another) = subject.opened()?;
    let requests = subject.encode(&encoder, rows, true)?;
    // All statuses for one request; of many requests the others are alike.
    let Some(Encoded { request, deliveries }) = requests.first() else { return Ok(()) };
    for status in 200..=599 {
        for answer in answers() {
            let response = Response { status, ..answer };
            let what = format!("`judge` of a request for {deliveries} of the rows and the status {status}");
            let judged = |encoder: &Encoder| -> Result<Vec<Outcome>, Difference> {
                encoder.judge(request, *deliveries, &response).map_err(|fault| stopped(&what, &fault))
            };
            let (here, elsewhere) = (judged(&encoder)?, judged(&another)?);
            if here != elsewhere {
                let (expected, got) = (format!("{here:?}"), format!("{elsewhere:?}, in another instance"));
                return Err(Difference { what, expected, got });
            }
        }
    }
    Ok(())
}

pub(super) fn render(subject: &Subject<'_>, rows: &[Row]) -> Result<(), Difference> {
    let mut pages = Vec::new();
    for _ in 0..2 {
        let (instance, encoder) = subject.opened()?;
        subject.encode(&encoder, rows, true)?;
        for _ in 0..2 {
            pages.push(
                instance.render().map_err(|fault| stopped("`render` after `encode` of the rows", &fault))?,
            );
        }
    }
    let Some((first, others)) = pages.split_first() else { return Ok(()) };
    let Some(other) = others.iter().find(|other| *other != first) else { return Ok(()) };
    let shown = |page: &Response| format!("status {}, {} bytes", page.status, page.body.len());
    let what = "`render` after `encode` of the rows, twice in each of two instances".to_owned();
    Err(Difference { what, expected: shown(first), got: shown(other) })
}
