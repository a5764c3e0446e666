//! Expressions that are not in the language: what to write instead.

use sqlparser::ast::{
    BinaryOperator, DataType as Spelling, ExactNumberInfo, Expr as Ast, FunctionArg, FunctionArgExpr,
    FunctionArgumentList,
};
use sqlparser::tokenizer::Span;

use super::unit_of_time;
use crate::error::Problem;
use crate::parse::name::Name;
use crate::types::DataType;

pub(super) fn expression(ast: &Ast, span: Span) -> Box<Problem> {
    let (message, help) = match ast {
        Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => return subquery(span),
        Ast::SimilarTo { .. } | Ast::RLike { .. } => (
            "regular expressions are not in the language",
            "write LIKE, where % stands for any text and _ for a character",
        ),
        Ast::ILike { .. } => {
            ("ILIKE is not in the language", "write lower(x) LIKE 'pattern', with the pattern in lower case")
        }
        Ast::Like { .. } | Ast::AnyOp { .. } | Ast::AllOp { .. } => {
            ("ANY and ALL are not in the language", "write IN, or conditions with AND and OR")
        }
        Ast::AtTimeZone { .. } => {
            ("there are no time zones: a TIMESTAMP is always in UTC", "add an INTERVAL")
        }
        Ast::Extract { field, expr, .. } => {
            let help = match difference(expr) {
                Some(expr) => unit_of_time::field_of_difference(&field.to_string(), &expr),
                None => unit_of_time::field(&field.to_string(), &expr.to_string()),
            };
            return Problem::new(span, "EXTRACT is not in the language").help(help);
        }
        Ast::Ceil { .. } | Ast::Floor { .. } => {
            ("ceil and floor take one number", "for two digits write ceil(x * 100) / 100")
        }
        Ast::Substring { .. } | Ast::Position { .. } | Ast::Overlay { .. } => {
            ("this function is not in the language", ON_TEXTS)
        }
        Ast::Collate { .. } => ("COLLATE is not in the language: texts compare by bytes", "leave it out"),
        Ast::Convert { .. } => ("CONVERT is not in the language", "write CAST(x AS type)"),
        Ast::Tuple(_) => ("rows of values are not in the language", "compare the values one by one with AND"),
        Ast::CompoundFieldAccess { .. } | Ast::JsonAccess { .. } => (
            "a field inside a value cannot be read here",
            "declare it as a column of the source with PATH 'a.b' or PATH 'a[0]'",
        ),
        Ast::Wildcard(_) | Ast::QualifiedWildcard(..) => {
            ("`*` stands alone in a SELECT list", "name the column")
        }
        _ => return Problem::new(span, format!("`{}` is not in the language", short(ast))),
    };
    Problem::new(span, message).help(help)
}

/// The text of `a - b`, in parentheses; none of what else there is, and where an INTERVAL is taken from a time.
fn difference(ast: &Ast) -> Option<String> {
    match ast {
        Ast::Nested(inner) => difference(inner),
        Ast::BinaryOp { op: BinaryOperator::Minus, right, .. } if !matches!(**right, Ast::Interval(_)) => {
            Some(format!("({ast})"))
        }
        _ => None,
    }
}

pub(super) fn subquery(span: Span) -> Box<Problem> {
    Problem::new(span, "subqueries are not in the language")
        .help("write CREATE VIEW name AS SELECT ... and read that view")
}

fn short(ast: &Ast) -> String {
    let text = ast.to_string();
    let start: String = text.chars().take(60).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
}

const ON_TEXTS: &str =
    "the functions on texts are lower, upper, length, trim, ltrim, rtrim, split_part, `||` and LIKE";
const LIKES: &str = "write x LIKE '%text%', or 'text%' for its start; `_` and `%` in the text itself need ESCAPE: LIKE 'a!_b%' ESCAPE '!'";
const NO_CLOCK: &str = "a query has no clock, so that a replay gives the same rows: compare with the times of its events, or with window_end";
const FROM_EPOCH: &str = "declare the column of the source as a time: created TIMESTAMP FORMAT 'unix_s', 'unix_ms' or a pattern such as \
                          '%Y-%m-%d %H:%M:%S%z'";
const TO_EPOCH: &str =
    "write ts - TIMESTAMP '1970-01-01T00:00:00Z', a BIGINT of microseconds; divide it by 1000000 for seconds";

/// What to write for a number that is meant as a time.
pub(super) const NUMBER_AS_TIME: &str = FROM_EPOCH;
/// What to write for a time that is meant as a number.
pub(super) const TIME_AS_NUMBER: &str = TO_EPOCH;

/// Calls of other systems, with their arguments where these say more than the name.
pub(super) fn call(name: &str, list: &FunctionArgumentList) -> Option<String> {
    let argument = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(ast)) => Some(ast.to_string()),
        _ => None,
    };
    let arguments = list.args.iter().map(argument).collect::<Option<Vec<String>>>().unwrap_or_default();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let text = |argument: &str| argument.trim_matches('\'').to_owned();
    Some(match (name, arguments.as_slice()) {
        ("trunc" | "truncate", [x, digits]) => truncated_number(x, digits)?,
        ("date_trunc", [unit, time]) => unit_of_time::truncated(&text(unit), time),
        ("date_part" | "datepart" | "extract", [field, time]) => unit_of_time::field(&text(field), time),
        (
            "hour" | "minute" | "second" | "dayofweek" | "day" | "dayofmonth" | "dayofyear" | "week"
            | "weekofyear" | "month" | "quarter" | "year",
            [time],
        ) => unit_of_time::field(name, time),
        ("if" | "iif", [condition, a, b]) => format!("write CASE WHEN {condition} THEN {a} ELSE {b} END"),
        ("nvl2", [x, a, b]) => format!("write CASE WHEN {x} IS NOT NULL THEN {a} ELSE {b} END"),
        ("ifnull" | "nvl" | "isnull", [a, b]) => format!("write coalesce({a}, {b})"),
        ("isnull", [x]) => format!("write {x} IS NULL"),
        ("unix_timestamp", []) => NO_CLOCK.to_owned(),
        _ => function(name)?.to_owned(),
    })
}

/// `trunc(x, 2)` for a constant number of digits.
fn truncated_number(x: &str, digits: &str) -> Option<String> {
    let digits: u32 = digits.parse().ok().filter(|digits| *digits <= 15)?;
    let scale = 10_u64.pow(digits);
    Some(format!(
        "write CASE WHEN {x} < 0 THEN ceil({x} * {scale}) / {scale} ELSE floor({x} * {scale}) / {scale} END; the last digit of a \
         DOUBLE may differ, as 0.29 * 100 is a little below 29"
    ))
}

/// What to write for a cast to a type that is not there and rounds or cuts.
pub(super) fn cast(target: &Spelling, operand: &str, source: DataType) -> Option<String> {
    let number = match source {
        DataType::Text => format!("CAST({operand} AS DOUBLE)"),
        _ => operand.to_owned(),
    };
    match target {
        Spelling::Decimal(info) | Spelling::Numeric(info) | Spelling::Dec(info) => Some(match info {
            ExactNumberInfo::None => {
                format!("write CAST({operand} AS DOUBLE), a binary number of about 16 digits")
            }
            ExactNumberInfo::Precision(_) => {
                format!("write round({number}, 0), a DOUBLE: a binary number of about 16 digits")
            }
            ExactNumberInfo::PrecisionAndScale(_, scale) => {
                format!("write round({number}, {scale}), a DOUBLE: a binary number of about 16 digits")
            }
        }),
        Spelling::Date if source == DataType::Timestamp => Some(unit_of_time::truncated("day", operand)),
        _ => None,
    }
}

/// `window.start` of Spark.
pub(super) fn bound(qualifier: &Name, name: &Name) -> Option<&'static str> {
    match (qualifier.means("window"), name.text.to_lowercase().as_str()) {
        (true, "start") => Some("write window_start, in a query that reads FROM TUMBLE(source, ts, size)"),
        (true, "end") => Some("write window_end, in a query that reads FROM TUMBLE(source, ts, size)"),
        _ => None,
    }
}

/// Scalar functions of other systems: what gives the same, else what there is.
fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" | "current_timestamp" | "current_date" | "current_time" | "localtime" | "localtimestamp"
        | "getdate" | "sysdate" | "today" | "proctime" | "rowtime" | "age" => NO_CLOCK,
        "tumble_start" | "hop_start" | "session_start" | "cumulate_start" | "windowstart" => {
            "write window_start, in a query that reads FROM TUMBLE(...) or another window function"
        }
        "tumble_end" | "hop_end" | "session_end" | "cumulate_end" | "windowend" => {
            "write window_end, in a query that reads FROM TUMBLE(...) or another window function"
        }
        "tumble_rowtime" | "hop_rowtime" | "tumble_proctime" | "hop_proctime" => {
            "write window_end; TUMBLE_ROWTIME is a millisecond before it"
        }
        "datediff" | "date_diff" | "timediff" | "timestampdiff" | "timestamp_diff" => {
            "the difference of two times is a BIGINT of microseconds: (later - earlier) / 1000000 are whole seconds, / 86400000000 \
             days of 24 hours"
        }
        "dateadd" | "date_add" | "timestampadd" | "timestamp_add" => {
            "write ts + INTERVAL '1' DAY; months are no INTERVAL, as they have no fixed length"
        }
        "datesub" | "date_sub" | "timestamp_sub" => {
            "write ts - INTERVAL '1' DAY; months are no INTERVAL, as they have no fixed length"
        }
        "env" | "getenv" | "secret" => {
            "env('NAME') and secret('NAME') give options their values, in the WITH of a source or sink"
        }
        "ifnull" | "nvl" => "write coalesce(x, value)",
        "isnull" => "write x IS NULL, or coalesce(x, value)",
        "if" | "iif" => "write CASE WHEN condition THEN value ELSE value END",
        "decode" => {
            "write CASE x WHEN value THEN result ELSE result END; a NULL is found by CASE WHEN x IS NULL"
        }
        "greatest" => "write CASE WHEN a > b OR b IS NULL THEN a ELSE b END",
        "least" => "write CASE WHEN a < b OR b IS NULL THEN a ELSE b END",
        "concat" => "write coalesce(a, '') || coalesce(b, ''); a || b is NULL where one of them is",
        "concat_ws" => "write a || ', ' || b, which is NULL where one of them is",
        "lcase" => "write lower(x)",
        "ucase" => "write upper(x)",
        "len" => "write length(x)",
        "octet_length" => "there is only length(x), which counts characters",
        "truncate" | "trunc" => "write CASE WHEN x < 0 THEN ceil(x) ELSE floor(x) END",
        "contains" | "starts_with" | "startswith" => LIKES,
        "ends_with" | "endswith" => "write x LIKE '%text'",
        "strpos" | "instr" | "position" | "charindex" => {
            "nothing gives the place of a text; x LIKE '%text%' says whether it is there"
        }
        "regexp_like" | "regexp_matches" | "regexp_replace" | "regexp_extract" | "rlike" => {
            "there are no regular expressions; there are LIKE and split_part(text, 'separator', number)"
        }
        "date_trunc" | "date_bin" | "time_bucket" => {
            "windows group by time: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)"
        }
        "extract" | "date_part" | "datepart" => {
            "compute it in UTC: (ts - TIMESTAMP '1970-01-01T00:00:00Z') / 3600000000 % 24 is the hour of a time since 1970"
        }
        "to_timestamp" | "from_unixtime" | "epoch_ms" | "strptime" | "parse_timestamp" | "to_date" => {
            FROM_EPOCH
        }
        "unix_timestamp" | "epoch" | "to_unixtime" => TO_EPOCH,
        "strftime" | "date_format" | "to_char" => "write CAST(ts AS TEXT), which is RFC 3339 in UTC",
        "safe_cast" => "write TRY_CAST(x AS type), which is NULL where x does not fit",
        "substring" | "substr" | "replace" | "left" | "right" | "reverse" | "md5" | "initcap" | "lpad"
        | "rpad" => ON_TEXTS,
        "sqrt" | "power" | "pow" | "exp" | "ln" | "log" | "log10" | "log2" | "sign" | "random" | "rand"
        | "sin" | "cos" => "the functions on numbers are abs, round, floor, ceil and mod",
        "json_value" | "json_extract" | "json_query" | "get_json_object" | "json_extract_string" => {
            "declare the field as a column of the source with PATH 'a.b' or PATH 'a[0].b'"
        }
        _ => return None,
    })
}
