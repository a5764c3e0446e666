//! What the columns of a query become: decided once, from their names and types.

use std::collections::BTreeMap;

use streamgauge_sdk::{DataType, Error, sink::Schema};

use crate::name;

/// What the columns of a query become.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) query: String,
    /// Names, and which columns they are.
    pub(crate) labels: Vec<Label>,
    pub(crate) metrics: Vec<Metric>,
    /// The name of the metric for the window's end.
    pub(crate) window_end: String,
    /// The name of the metric for rows that are not shown.
    pub(crate) hidden_rows: String,
}

/// A column that tells series apart.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) name: String,
    pub(crate) column: usize,
}

/// A column with values.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) name: String,
    /// For `# HELP`.
    pub(crate) help: String,
    pub(crate) column: usize,
}

impl Plan {
    /// An error says which column to name otherwise.
    pub(crate) fn new(prefix: &str, schema: &Schema) -> Result<Self, Error> {
        let mut labels = Names::default();
        let mut metrics = Names::default();
        let window_end = metrics.add(name::metric(prefix, "window_end_seconds"), "window_end")?;
        let hidden_rows = metrics.add(name::metric(prefix, "hidden_rows"), "hidden_rows")?;
        let mut plan = Self {
            query: schema.query.clone(),
            labels: Vec::new(),
            metrics: Vec::new(),
            window_end,
            hidden_rows,
        };
        for (number, column) in schema.columns.iter().enumerate() {
            let of_window =
                ["window_start", "window_end"].iter().any(|name| column.name.eq_ignore_ascii_case(name));
            let place = format!("column_{}", number + 1);
            match column.data_type {
                DataType::Timestamp if of_window => {}
                DataType::Boolean | DataType::Text => {
                    let name = or(name::label(&column.name), || place);
                    plan.labels.push(Label { name: labels.add(name, &column.name)?, column: number });
                }
                DataType::Int64 | DataType::Float64 | DataType::Timestamp => {
                    let word = if name::label(&column.name).is_empty() { &place } else { &column.name };
                    let seconds = column.data_type == DataType::Timestamp && !word.ends_with("_seconds");
                    let name =
                        name::metric(prefix, &format!("{word}{}", if seconds { "_seconds" } else { "" }));
                    let help = format!("{} of the last closed window", column.name);
                    let name = metrics.add(name, &column.name)?;
                    plan.metrics.push(Metric { name, help, column: number });
                }
            }
        }
        if plan.metrics.is_empty() {
            return Err(Error::Invalid(
                "nothing to show: select a number for Prometheus, such as count(*)".into(),
            ));
        }
        Ok(plan)
    }
}

fn or(name: String, other: impl FnOnce() -> String) -> String {
    if name.is_empty() { other() } else { name }
}

/// Names that are taken, and by which column.
#[derive(Default)]
struct Names<'a>(BTreeMap<String, &'a str>);

impl<'a> Names<'a> {
    fn add(&mut self, name: String, column: &'a str) -> Result<String, Error> {
        if let Some(other) = self.0.insert(name.clone(), column) {
            return Err(Error::Invalid(format!(
                "`{other}` and `{column}` would both be `{name}` for Prometheus: rename one of them with AS"
            )));
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(columns: &[(&str, DataType)]) -> Result<Plan, Error> {
        Plan::new("llm", &Schema::of("latency", columns))
    }

    #[test]
    fn columns_are_labels_or_metrics_by_type() {
        use DataType::{Boolean, Float64, Int64, Text, Timestamp};
        let plan = plan(&[
            ("window_start", Timestamp),
            ("Window_End", Timestamp),
            ("model", Text),
            ("p95", Float64),
            ("ok", Boolean),
            ("count", Int64),
            ("last_seen", Timestamp),
            ("日本", Int64),
            ("本", Text),
        ])
        .unwrap();
        let labels: Vec<_> = plan.labels.iter().map(|label| (label.name.as_str(), label.column)).collect();
        assert_eq!(labels, [("model", 2), ("ok", 4), ("column_9", 8)]);
        let metrics: Vec<_> =
            plan.metrics.iter().map(|metric| (metric.name.as_str(), metric.column)).collect();
        assert_eq!(
            metrics,
            [("llm_p95", 3), ("llm_count_value", 5), ("llm_last_seen_seconds", 6), ("llm_column_8", 7)]
        );
    }

    #[test]
    fn names_that_fall_together_are_refused() {
        let both =
            |one, other, data_type| plan(&[(one, data_type), (other, data_type)]).unwrap_err().to_string();
        assert_eq!(
            both("p95", "P95", DataType::Int64),
            "`p95` and `P95` would both be `llm_p95` for Prometheus: rename one of them with AS"
        );
        assert!(both("a b", "a_b", DataType::Text).starts_with("`a b` and `a_b` would both be `a_b`"));
        let own = plan(&[("window_end_seconds", DataType::Int64)]).unwrap_err().to_string();
        assert!(own.starts_with("`window_end` and `window_end_seconds` would both be"), "{own}");
    }

    #[test]
    fn without_a_number_there_is_nothing_to_show() {
        let error = plan(&[("model", DataType::Text), ("window_end", DataType::Timestamp)]).unwrap_err();
        assert!(error.to_string().starts_with("nothing to show"), "{error}");
    }
}
