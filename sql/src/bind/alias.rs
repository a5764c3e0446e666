//! Other names of aggregate functions, and those that are not there yet. The one place to add a spelling.

use sqlparser::tokenizer::Span;

use crate::error::Problem;
use crate::parse::name::nearest;
use crate::types::Value;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resolved {
    /// The reducer to look up.
    pub(super) reducer: String,
    /// Parameters that the name fixes.
    pub(super) fixed: Vec<(&'static str, Value)>,
}

/// Resolves a lower-case name; most stand for themselves.
pub(super) fn resolve(name: &str) -> Resolved {
    let flag = |parameter, value| (parameter, Value::Boolean(value));
    let (reducer, fixed) = match name {
        "mean" => ("avg", vec![]),
        "std" | "stddev" | "stddev_samp" => ("stddev", vec![]),
        "stddev_pop" => ("stddev", vec![flag("sample", false)]),
        "variance" | "var_samp" => ("stddev", vec![flag("root", false)]),
        "var_pop" => ("stddev", vec![flag("sample", false), flag("root", false)]),
        _ => match percent(name) {
            Some(percent) => ("percentile", vec![("p", Value::Float64(percent))]),
            None => (name, vec![]),
        },
    };
    Resolved { reducer: reducer.to_owned(), fixed }
}

/// `p95` is 95 %, `p999` is 99.9 %: two digits before the point, the others behind it.
fn percent(name: &str) -> Option<f64> {
    let digits = name.strip_prefix('p')?;
    let (whole, fraction) = digits.split_at_checked(2)?;
    let is_number = digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { format!("{whole}.{fraction}").parse().ok() } else { None }
}

/// `p5` and `p100`, which are no percentiles here: of two digits and more the first two are the percent.
pub(super) fn percentile_refused(name: &str, span: Span) -> Option<Box<Problem>> {
    let digits = name.strip_prefix('p').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let help = match digits {
        "0" | "00" => "for the least value write min(x)".to_owned(),
        "" => return None,
        digits if digits.len() == 1 => format!("write percentile(x, {digits}) or p0{digits}(x)"),
        digits if digits.starts_with("100") => "for the greatest value write max(x)".to_owned(),
        _ => return None,
    };
    Some(Problem::new(span, format!("there is no percentile `{name}`")).help(help))
}

/// `p101`, which is the percentile 10.1 and looks like a percentage above 100.
pub(super) fn percentile_doubtful(name: &str) -> Option<(String, String)> {
    let percent =
        percent(name).filter(|_| name.len() > 3 && !name.starts_with("p0") && !name.starts_with("p9"))?;
    Some((format!("`{name}` is the percentile {percent}"), format!("write percentile(x, {percent})")))
}

/// The names to choose from when one is misspelled.
pub(super) const KNOWN: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "percentile",
    "p50",
    "p90",
    "p95",
    "p99",
    "p999",
    "approx_percentile",
    "z_score",
];

/// The aggregate whose full English name this is, or nearly.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let words = [("average", "avg"), ("minimum", "min"), ("maximum", "max"), ("total", "sum")];
    let near = nearest(name, words.iter().map(|(word, _)| *word))?;
    words.iter().find(|(word, _)| *word == near).map(|(_, aggregate)| *aggregate)
}

/// There is no exact substitute for what counts or adds each value once.
pub(super) const NO_DISTINCT: &str =
    "nothing counts or adds each value once yet; GROUP BY the column gives a row for each of its values";
const KNOWN_IN_WORDS: &str = "there are count, sum, avg, min, max, stddev, variance, percentile and z_score";

/// Functions of other systems: what to write instead, if there is something that gives the same; else what there is.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "percentile_cont" | "quantile_cont" | "quantile" => {
            "percentile(x, 95) is near: the value at the nearest rank, within 0.1 %, not one between two values"
        }
        "percentile_disc" | "quantile_disc" => "percentile(x, 95) is near: that value within 0.1 %",
        "median" => {
            "percentile(x, 50) is near: of an even count the lower one of the two in the middle, within 0.1 %"
        }
        "approx_quantile" | "approx_percentile_cont" | "percentile_approx" | "quantile_tdigest" => {
            "write percentile(x, 95), with a percentage from 0 to 100"
        }
        "first" | "last" | "first_value" | "last_value" | "arg_max" | "arg_min" | "max_by" | "min_by"
        | "latest_by_offset" | "earliest_by_offset" => {
            "no aggregate picks a value by the time or by another column yet"
        }
        "count_distinct" | "approx_count_distinct" | "approx_distinct" => NO_DISTINCT,
        "countif" | "count_if" => "write count(*) FILTER (WHERE condition)",
        "sumif" | "sum_if" => "write sum(x) FILTER (WHERE condition)",
        "avgif" | "avg_if" => "write avg(x) FILTER (WHERE condition)",
        "any_value" => "write min(x) or max(x)",
        "string_agg" | "array_agg" | "list" | "listagg" | "collect_list" | "group_concat" => {
            "no aggregate collects values; GROUP BY the column gives a row for each of its values"
        }
        "bool_and" | "every" => "write min(CASE WHEN condition THEN 1 WHEN NOT condition THEN 0 END) = 1",
        "bool_or" => "write max(CASE WHEN condition THEN 1 WHEN NOT condition THEN 0 END) = 1",
        "ewma" | "corr" | "covar_pop" | "covar_samp" | "mode" | "histogram" => KNOWN_IN_WORDS,
        "row_number" => {
            "write row_number() OVER (PARTITION BY column ORDER BY window_end) in a query that reads a view"
        }
        "rank" | "dense_rank" | "lag" | "lead" | "ntile" => {
            "of the functions over rows there is row_number() OVER (...)"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_by_name() {
        for (name, expected) in [("p50", 50.0), ("p95", 95.0), ("p999", 99.9), ("p9999", 99.99), ("p05", 5.0)]
        {
            let resolved = resolve(name);
            assert_eq!(resolved.reducer, "percentile");
            assert_eq!(resolved.fixed, [("p", Value::Float64(expected))], "{name}");
        }
        for name in ["p", "p5", "p9x", "pä9", "percentile", "p999999999"] {
            assert_eq!(resolve(name).reducer, name);
        }
    }
}
