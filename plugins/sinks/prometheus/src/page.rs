//! The page, in the text exposition format 0.0.4.

use std::collections::BTreeMap;

use streamgauge_sdk::sink::Response;

use crate::{
    Gauges,
    format::{escape, seconds},
};

/// Prometheus 3 refuses a page of another type.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Tells apart what several queries give under one name.
const QUERY_LABEL: &str = "streamgauge_query";

const WINDOW_END_HELP: &str = "The end of the last closed window";
const HIDDEN_ROWS_HELP: &str =
    "Rows of the last closed window that are not shown: others have the same labels, or there are too many";

/// One metric: what it means, and its lines.
struct Family<'a> {
    help: &'a str,
    /// The query that each line is of, as a number; its labels and its value.
    samples: Vec<(usize, &'a str, String)>,
    /// How many queries give it.
    queries: usize,
}

/// Metrics by name.
type Families<'a> = BTreeMap<&'a str, Family<'a>>;

/// The page of all queries, metrics in the order of their names. A metric that more than one query gives carries the label
/// [`QUERY_LABEL`].
pub(crate) fn render(queries: &[&Gauges]) -> Response {
    let mut families = Families::new();
    queries.iter().enumerate().for_each(|(query, gauges)| collect(&mut families, query, gauges));
    let names = names(queries);
    let mut page = String::new();
    for (name, family) in families.iter().filter(|(_, family)| !family.samples.is_empty()) {
        write(&mut page, name, family, &names);
    }
    let headers = vec![("content-type".into(), CONTENT_TYPE.into())];
    Response { status: 200, headers, body: page.into_bytes() }
}

/// The names of the queries; those that come again get a number.
fn names(queries: &[&Gauges]) -> Vec<String> {
    let mut seen = BTreeMap::new();
    let names = queries.iter().map(|gauges| gauges.plan.query.as_str()).map(|query| {
        let times = seen.entry(query).or_insert(0_usize);
        *times += 1;
        if *times == 1 { query.to_owned() } else { format!("{query} ({times})") }
    });
    names.collect()
}

fn collect<'a>(families: &mut Families<'a>, query: usize, Gauges { plan, window }: &'a Gauges) {
    let mut add = |name: &'a str, help: &'a str, samples: Vec<(&'a str, String)>| {
        let family = families.entry(name).or_insert(Family { help, samples: Vec::new(), queries: 0 });
        family.queries += 1;
        family.samples.extend(samples.into_iter().map(|(labels, value)| (query, labels, value)));
    };
    for (number, metric) in plan.metrics.iter().enumerate() {
        let samples = window.series.iter().filter_map(|(labels, series)| {
            let value = series.values.get(number)?.as_ref()?;
            Some((labels.as_str(), value.clone()))
        });
        add(&metric.name, &metric.help, samples.collect());
    }
    let end = window.end.map(|end| ("", seconds(end)));
    add(&plan.window_end, WINDOW_END_HELP, end.into_iter().collect());
    let told = window.end.is_some() || window.hidden_rows > 0;
    let hidden = told.then(|| ("", window.hidden_rows.to_string()));
    add(&plan.hidden_rows, HIDDEN_ROWS_HELP, hidden.into_iter().collect());
}

fn write(page: &mut String, name: &str, family: &Family<'_>, queries: &[String]) {
    page.push_str(&format!("# HELP {name} "));
    page.push_str(&family.help.replace('\\', "\\\\").replace('\n', "\\n"));
    page.push_str(&format!("\n# TYPE {name} gauge\n"));
    for (query, labels, value) in &family.samples {
        let mut labels = (*labels).to_owned();
        if family.queries > 1 {
            let comma = if labels.is_empty() { "" } else { "," };
            labels.push_str(&format!("{comma}{QUERY_LABEL}=\""));
            escape(&mut labels, queries.get(*query).map_or("", String::as_str));
            labels.push('"');
        }
        if labels.is_empty() {
            page.push_str(&format!("{name} {value}\n"));
        } else {
            page.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }
}
