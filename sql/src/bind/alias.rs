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
        "first_value" => ("first", vec![]),
        "last_value" => ("last", vec![]),
        "min_by" => ("arg_min", vec![]),
        "max_by" => ("arg_max", vec![]),
        "every" => ("bool_and", vec![]),
        "median" => ("percentile_cont", vec![("q", Value::Float64(0.5))]),
        "quantile_cont" => ("percentile_cont", vec![]),
        "quantile_disc" => ("percentile_disc", vec![]),
        "approx_distinct" => ("approx_count_distinct", vec![]),
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
    "percentile_cont",
    "percentile_disc",
    "median",
    "z_score",
    "first",
    "last",
    "arg_min",
    "arg_max",
    "bool_and",
    "bool_or",
    "count_distinct",
    "approx_count_distinct",
    "corr",
    "regr_slope",
    "mad",
    "ewma",
    "rate",
    "string_agg",
    "top_k",
    "histogram",
];

/// The aggregate whose full English name this is, or nearly.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let words = [("average", "avg"), ("minimum", "min"), ("maximum", "max"), ("total", "sum")];
    let near = nearest(name, words.iter().map(|(word, _)| *word))?;
    words.iter().find(|(word, _)| *word == near).map(|(_, aggregate)| *aggregate)
}

/// The reducer of `name(DISTINCT ...)` with so many arguments; none if there is none.
pub(super) fn distinct(name: &str, arguments: usize) -> Option<&str> {
    match (name, arguments) {
        ("count", 1) => Some("count_distinct"),
        // Equal values do not change these.
        ("min" | "max", _) => Some(name),
        _ => None,
    }
}

/// What there is with DISTINCT.
pub(super) const ONLY_DISTINCT: &str = "of one value there are count(DISTINCT x), min and max; GROUP BY the column gives a row for each of its values";

/// Functions of other systems: what to write instead, if there is something that gives the same; else what there is.
pub(super) fn refused(name: &str) -> Option<&'static str> {
    Some(match name {
        "quantile" => {
            "write quantile_cont(x, 0.95), between two values, or quantile_disc(x, 0.95), one of the values"
        }
        "approx_quantile" | "approx_percentile_cont" | "percentile_approx" | "quantile_tdigest" => {
            "write percentile(x, 95), with a percentage from 0 to 100"
        }
        "latest_by_offset" => "last(x) is near: the last value by event time, not by offset",
        "earliest_by_offset" => "first(x) is near: the first value by event time, not by offset",
        "countif" | "count_if" => "write count(*) FILTER (WHERE condition)",
        "sumif" | "sum_if" => "write sum(x) FILTER (WHERE condition)",
        "avgif" | "avg_if" => "write avg(x) FILTER (WHERE condition)",
        "any_value" => "write min(x) or max(x)",
        "listagg" | "group_concat" => "write string_agg(x, ', '), in the order of event times",
        "array_agg" | "list" | "collect_list" => {
            "there are no arrays; string_agg(x, ', ') gives a text, in the order of event times"
        }
        "mode" => "top_k(x, 1) is near: the most frequent value with its count, as JSON",
        "covar_pop" | "covar_samp" => {
            "corr(y, x) * stddev_pop(y) * stddev_pop(x) is covar_pop where no value is NULL; with stddev_samp it is covar_samp"
        }
        "irate" | "increase" => "there is rate(x), the increase a second",
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
