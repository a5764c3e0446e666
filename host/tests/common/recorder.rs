//! What was counted: a recorder that keeps every series by its name and labels. A thread that makes handles within
//! `metrics::with_local_recorder` has one of its own, so tests run side by side.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Series by name and labels, as `name label=value label=value`.
#[derive(Default)]
pub(crate) struct Recorded {
    series: Mutex<BTreeMap<String, Arc<Series>>>,
    /// The names that were described, with their units.
    pub(crate) described: Mutex<BTreeMap<String, Option<Unit>>>,
}

/// The value of a counter or a gauge; of a histogram, how many values it was told.
#[derive(Default)]
struct Series(Mutex<f64>);

impl Recorded {
    /// All series whose value is not 0.
    pub(crate) fn values(&self) -> BTreeMap<String, f64> {
        let series = self.series.lock().unwrap();
        let values = series.iter().map(|(key, series)| (key.clone(), *series.0.lock().unwrap()));
        values.filter(|(_, value)| *value != 0.0).collect()
    }

    /// The names and the names of the labels of all series.
    pub(crate) fn names(&self) -> BTreeMap<String, Vec<String>> {
        let series = self.series.lock().unwrap();
        let split = |key: &String| {
            let mut words = key.split(' ');
            let name = words.next().unwrap().to_owned();
            (name, words.map(|label| label.split('=').next().unwrap().to_owned()).collect())
        };
        series.keys().map(split).collect()
    }

    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        self.series.lock().unwrap().entry(name).or_default().clone()
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>) {
        self.described.lock().unwrap().insert(name.as_str().to_owned(), unit);
    }
}

/// What is expected, in the form of [`Recorded::values`].
pub(crate) fn expected<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> BTreeMap<String, f64> {
    values.into_iter().map(|(key, value)| (format!("streamgauge_{key}"), value)).collect()
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        *self.0.lock().unwrap() += value as f64;
    }

    fn absolute(&self, _: u64) {
        unreachable!("counters are incremented");
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        *self.0.lock().unwrap() += value;
    }

    fn decrement(&self, value: f64) {
        *self.0.lock().unwrap() -= value;
    }

    fn set(&self, value: f64) {
        *self.0.lock().unwrap() = value;
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        assert!(value.is_finite() && value >= 0.0, "{value}");
        *self.0.lock().unwrap() += 1.0;
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}
