//! The table as a recorder is told of it, and as people read it in docs/running.md.

use std::fmt::Write as _;

use metrics::{KeyName, SharedString, with_recorder};

use super::{Kind, METRICS, Metric};

/// Tells the recorder of this thread the unit and the meaning of each metric.
pub fn describe() {
    with_recorder(|recorder| {
        for &Metric { name, kind, unit, meaning, .. } in METRICS {
            let (name, unit) = (KeyName::from_const_str(name), Some(unit));
            let meaning = SharedString::const_str(meaning);
            match kind {
                Kind::Counter => recorder.describe_counter(name, unit, meaning),
                Kind::Gauge => recorder.describe_gauge(name, unit, meaning),
                Kind::Histogram => recorder.describe_histogram(name, unit, meaning),
            }
        }
    });
}

/// The table of docs/running.md.
pub fn markdown() -> String {
    let mut text = "| metric | type | unit | labels | what it counts |\n|---|---|---|---|---|\n".to_owned();
    for Metric { name, kind, unit, labels, meaning } in METRICS {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (unit, labels) = (unit.as_str(), labels.join(", "));
        // Writing to a text does not fail.
        let _ = writeln!(text, "| `{name}` | {kind} | {unit} | {labels} | {meaning} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// With `UPDATE_GOLDEN=1` the page is written anew.
    #[test]
    fn the_page_shows_the_table_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/running.md");
        let page = fs::read_to_string(&path).unwrap();
        let (before, table) = page.split_at(page.find("| metric |").unwrap());
        let (_, behind) = table.split_at(table.find("\n\n").unwrap() + 1);
        let wanted = format!("{before}{}{behind}", markdown());
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, wanted).unwrap();
        } else {
            assert!(page == wanted, "docs/running.md should show:\n\n{}", markdown());
        }
    }
}
