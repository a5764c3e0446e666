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

/// One metric: what it means, and its lines.
#[derive(Default)]
struct Family<'a> {
    help: String,
    /// Labels and value of each line, and the query that it is of.
    samples: Vec<(&'a str, &'a str, String)>,
    /// How many queries give it.
    queries: usize,
}

/// The page of all queries, metrics in the order of their names. A metric that more than one query gives carries the label
/// [`QUERY_LABEL`].
pub(crate) fn render(queries: &[&Gauges]) -> Response {
    let mut families = BTreeMap::new();
    queries.iter().for_each(|gauges| collect(&mut families, gauges));
    let mut page = String::new();
    for (name, family) in families.iter().filter(|(_, family)| !family.samples.is_empty()) {
        write(&mut page, name, family);
    }
    let headers = vec![("content-type".into(), CONTENT_TYPE.into())];
    Response { status: 200, headers, body: page.into_bytes() }
}

fn collect<'a>(families: &mut BTreeMap<&'a str, Family<'a>>, Gauges { plan, window }: &'a Gauges) {
    let mut family = |name: &'a str, help: String, samples: Vec<(&'a str, String)>| {
        let family = families.entry(name).or_default();
        if family.queries == 0 {
            family.help = help;
        }
        family.queries += 1;
        family
            .samples
            .extend(samples.into_iter().map(|(labels, value)| (plan.query.as_str(), labels, value)));
    };
    for (number, metric) in plan.metrics.iter().enumerate() {
        let samples = window.series.iter().filter_map(|(labels, series)| {
            let value = series.values.get(number)?.as_ref()?;
            Some((labels.as_str(), value.clone()))
        });
        family(&metric.name, metric.help.clone(), samples.collect());
    }
    let end = window.end.map(|end| ("", seconds(end))).into_iter().collect();
    family(&plan.window_end, format!("The end of the last closed window of {}", plan.query), end);
    let told = window.end.is_some() || window.hidden_rows > 0;
    let hidden = told.then(|| ("", window.hidden_rows.to_string())).into_iter().collect();
    let help = format!(
        "Rows of the last closed window of {} that are not shown: others have the same labels, or there are too many",
        plan.query
    );
    family(&plan.hidden_rows, help, hidden);
}

fn write(page: &mut String, name: &str, family: &Family<'_>) {
    page.push_str(&format!("# HELP {name} "));
    page.push_str(&family.help.replace('\\', "\\\\").replace('\n', "\\n"));
    page.push_str(&format!("\n# TYPE {name} gauge\n"));
    for (query, labels, value) in &family.samples {
        let mut labels = (*labels).to_owned();
        if family.queries > 1 {
            let comma = if labels.is_empty() { "" } else { "," };
            labels.push_str(&format!("{comma}{QUERY_LABEL}=\""));
            escape(&mut labels, query);
            labels.push('"');
        }
        if labels.is_empty() {
            page.push_str(&format!("{name} {value}\n"));
        } else {
            page.push_str(&format!("{name}{{{labels}}} {value}\n"));
        }
    }
}
