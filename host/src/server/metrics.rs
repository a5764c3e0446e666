//! The page of metrics: what was recorded, what is looked up when it is asked for, and the process itself.

mod families;

use std::{collections::BTreeMap, fmt::Write as _, fs, iter};

use metrics_exporter_prometheus::PrometheusHandle;
use streamgauge_common::{clock, partition::Partition};

use super::{
    deployments::Deployments,
    shapes::{DeploymentState, Query},
};
use crate::metrics::{
    CHECKPOINT_AGE, CPU_SECONDS, DEPLOYMENTS, Kind, LAG, Metric, OUTBOX_AGE, STARTS, WATERMARK_DELAY,
};

/// Of how many partitions of a source the delay is shown one by one.
const PARTITIONS_MAX: usize = 32;

/// The page, in the text format of Prometheus.
pub(super) fn page(recorded: &PrometheusHandle, deployments: &Deployments) -> String {
    let counted = deployments.registries();
    let counted = counted.iter().map(|registry| registry.recorded().render());
    let mut text = families::joined(iter::once(recorded.render()).chain(counted));
    // Where the runtime has ended nothing is known of them.
    let list = deployments.list().unwrap_or_default();
    let states = [
        (DeploymentState::Starting, "starting"),
        (DeploymentState::Running, "running"),
        (DeploymentState::Paused, "paused"),
        (DeploymentState::Ending, "ending"),
        (DeploymentState::Failed, "failed"),
        (DeploymentState::Finished, "finished"),
    ];
    head(&mut text, &DEPLOYMENTS);
    // What was dropped is not watched any more.
    for deployment in list.iter().filter(|deployment| deployment.state != DeploymentState::Dropped) {
        for (state, name) in states {
            let value = u8::from(deployment.state == state);
            let deployment = escaped(&deployment.name);
            line(
                &mut text,
                &DEPLOYMENTS,
                &format!("deployment=\"{deployment}\",state=\"{name}\""),
                f64::from(value),
            );
        }
    }
    let queries: Vec<&Query> = list.iter().flat_map(|deployment| &deployment.queries).collect();
    let mut gauge = |metric: &Metric, value: &dyn Fn(&Query) -> Option<f64>| {
        head(&mut text, metric);
        for query in &queries {
            let (deployment, name) = query.name.split_once('.').unwrap_or(("", &query.name));
            if let Some(value) = value(query) {
                let labels = format!("deployment=\"{}\",query=\"{}\"", escaped(deployment), escaped(name));
                line(&mut text, metric, &labels, value);
            }
        }
    };
    gauge(&LAG, &|query| query.lag.map(|lag| lag as f64));
    gauge(&CHECKPOINT_AGE, &|query| query.checkpoint_age_seconds);
    outbox_ages(&mut text, &queries);
    head(&mut text, &STARTS);
    for (deployment, starts) in deployments.starts() {
        line(&mut text, &STARTS, &format!("deployment=\"{}\"", escaped(&deployment)), starts as f64);
    }
    let subscriptions = deployments.subscriptions();
    head(&mut text, &WATERMARK_DELAY);
    for (deployment, source) in
        subscriptions.iter().flat_map(|(deployment, all)| all.iter().map(move |one| (deployment, one)))
    {
        let labels = format!("deployment=\"{}\",source=\"{}\"", escaped(deployment), escaped(&source.source));
        for (partition, delay) in delays(&source.progress.partition_watermarks(), clock::now_us()) {
            line(&mut text, &WATERMARK_DELAY, &format!("{labels},partition=\"{partition}\""), delay);
        }
    }
    head(&mut text, &CPU_SECONDS);
    for (deployment, subscriptions) in subscriptions {
        // All sources of a deployment count at one place.
        let Some(first) = subscriptions.first() else { continue };
        for (step, spent) in first.timings.by_step() {
            let labels = format!("deployment=\"{}\",step=\"{step}\"", escaped(&deployment));
            line(&mut text, &CPU_SECONDS, &labels, spent.as_secs_f64());
        }
    }
    process(&mut text);
    text
}

fn outbox_ages(text: &mut String, queries: &[&Query]) {
    head(text, &OUTBOX_AGE);
    for query in queries {
        let (deployment, name) = query.name.split_once('.').unwrap_or(("", &query.name));
        if let Some((sink, age)) = query.sink.as_deref().zip(query.outbox_age_seconds) {
            let [deployment, name, sink] = [deployment, name, sink].map(escaped);
            let labels = format!("deployment=\"{deployment}\",query=\"{name}\",sink=\"{sink}\"");
            line(text, &OUTBOX_AGE, &labels, age);
        }
    }
}

/// How far the watermark of each partition is behind the clock, in seconds; of many partitions only the largest.
fn delays(watermarks: &BTreeMap<Partition, i64>, now_us: i64) -> Vec<(String, f64)> {
    let delay = |at: &i64| now_us.saturating_sub(*at) as f64 / 1e6;
    match watermarks.values().min() {
        Some(least) if watermarks.len() > PARTITIONS_MAX => vec![("max".to_owned(), delay(least))],
        _ => watermarks.iter().map(|(partition, at)| (partition.number.to_string(), delay(at))).collect(),
    }
}

fn head(text: &mut String, metric: &Metric) {
    let Metric { name, meaning, .. } = metric;
    let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
    // Writing to a text does not fail.
    let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, metric: &Metric, labels: &str, value: f64) {
    let _ = writeln!(text, "{}{{{labels}}} {value}", metric.name);
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What the system says of the process, by the names that all programs use (proc(5)). What it does not say is left out.
fn process(text: &mut String) {
    let mut metric = |name: &str, kind: &str, meaning: &str, value: Option<f64>| {
        if let Some(value) = value {
            let _ = writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}\n{name} {value}");
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program stands in parentheses and may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let cpu = field(11).zip(field(12)).map(|(user, system)| (user + system) / ticks);
    metric("process_cpu_seconds_total", "counter", "processor time in seconds", cpu);
    metric("process_threads", "gauge", "threads", field(17));
    metric("process_virtual_memory_bytes", "gauge", "addresses in bytes", field(20));
    metric("process_resident_memory_bytes", "gauge", "memory in bytes", field(21).map(|pages| pages * page));
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<f64>().ok());
    let start = boot.zip(field(19)).map(|(boot, since)| boot + since / ticks);
    metric("process_start_time_seconds", "gauge", "when it started, in seconds since the epoch", start);
    let open = fs::read_dir("/proc/self/fd").ok().map(|files| files.count() as f64);
    metric("process_open_fds", "gauge", "open files", open);
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse::<f64>().ok());
    metric("process_max_fds", "gauge", "files that may be open", most);
}

#[cfg(test)]
mod tests {
    use streamgauge_common::partition::SourceIndex;

    use super::*;

    #[test]
    fn partitions_have_their_delays_and_of_many_the_largest_is_shown() {
        let partition = |number| SourceIndex::FIRST.partition(number);
        let few = [(partition(0), 1_000_000), (partition(7), 4_000_000)].into_iter().collect();
        assert_eq!(delays(&few, 5_000_000), [("0".to_owned(), 4.0), ("7".to_owned(), 1.0)]);
        let many = (0..33).map(|number| (partition(number), i64::from(number) * 1_000_000)).collect();
        assert_eq!(delays(&many, 40_000_000), [("max".to_owned(), 40.0)]);
        assert_eq!(delays(&BTreeMap::new(), 1), []);
    }
}
