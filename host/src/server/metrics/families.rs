//! Pages of metrics as one: all series of a metric stand together, below one head, as the format wants it.

use std::collections::BTreeMap;

/// The lines of several pages in the text format of Prometheus.
pub(super) fn joined(pages: impl IntoIterator<Item = String>) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for page in pages {
        let mut name = String::new();
        for line in page.lines().filter(|line| !line.is_empty()) {
            let head = line.strip_prefix("# HELP ").or_else(|| line.strip_prefix("# TYPE "));
            if let Some(head) = head {
                name = head.split(' ').next().unwrap_or_default().to_owned();
            }
            let family = families.entry(name.clone()).or_default();
            match head {
                // Each page has the same ones.
                Some(_) if family.head.iter().any(|known| known == line) => {}
                Some(_) => family.head.push(line.to_owned()),
                None => {
                    family.series.push_str(line);
                    family.series.push('\n');
                }
            }
        }
    }
    let heads = families
        .into_values()
        .flat_map(|family| family.head.into_iter().map(|line| format!("{line}\n")).chain([family.series]));
    heads.collect()
}

#[derive(Default)]
struct Family {
    head: Vec<String>,
    series: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_of_a_metric_stand_together_below_one_head() {
        let page = |deployment: &str| {
            format!(
                "# HELP b_total of b\n# TYPE b_total counter\nb_total{{d=\"{deployment}\"}} 1\n\n\
                 # TYPE a histogram\na_bucket{{d=\"{deployment}\",le=\"+Inf\"}} 2\na_sum{{d=\"{deployment}\"}} 3\n\n"
            )
        };
        assert_eq!(
            joined([page("x"), String::new(), page("y")]),
            "# TYPE a histogram\n\
             a_bucket{d=\"x\",le=\"+Inf\"} 2\na_sum{d=\"x\"} 3\na_bucket{d=\"y\",le=\"+Inf\"} 2\na_sum{d=\"y\"} 3\n\
             # HELP b_total of b\n# TYPE b_total counter\nb_total{d=\"x\"} 1\nb_total{d=\"y\"} 1\n"
        );
    }
}
