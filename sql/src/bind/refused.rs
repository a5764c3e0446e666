//! Expressions that are not in the language: what to write instead.

use sqlparser::ast::{
    DataType as Spelling, ExactNumberInfo, Expr as Ast, FunctionArg, FunctionArgExpr, FunctionArgumentList,
};
use sqlparser::tokenizer::Span;

use crate::error::Problem;
use crate::parse::name::Name;
use crate::types::DataType;

pub(super) fn expression(ast: &Ast, span: Span) -> Box<Problem> {
    let (message, help) = match ast {
        Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => return subquery(span),
        Ast::SimilarTo { .. } | Ast::RLike { .. } => (
            "SIMILAR TO, RLIKE and REGEXP are not in the language",
            "write x ~ 'pattern' for a regular expression, or LIKE",
        ),
        Ast::Like { .. } | Ast::ILike { .. } | Ast::AnyOp { .. } | Ast::AllOp { .. } => {
            ("ANY and ALL are not in the language", "write IN, or conditions with AND and OR")
        }
        Ast::AtTimeZone { .. } => (
            "AT TIME ZONE is not in the language yet: a TIMESTAMP is always in UTC",
            "for a fixed distance write ts + INTERVAL '2' HOUR; days that begin at another hour are \
             TUMBLE(source, ts, INTERVAL '1' DAY, offset => INTERVAL '-2' HOUR)",
        ),
        Ast::Ceil { .. } | Ast::Floor { .. } => {
            ("ceil and floor take one number", "for two digits write ceil(x * 100) / 100")
        }
        Ast::Overlay { .. } => {
            ("OVERLAY is not in the language", "write left(x, n) || 'text' || substring(x FROM m)")
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

pub(super) fn subquery(span: Span) -> Box<Problem> {
    Problem::new(span, "subqueries are not in the language")
        .help("write CREATE VIEW name AS SELECT ... and read that view")
}

fn short(ast: &Ast) -> String {
    let text = ast.to_string();
    let start: String = text.chars().take(60).collect();
    if start.len() < text.len() { format!("{start}...") } else { start }
}

const ON_TEXTS: &str = "the functions on texts are lower, upper, length, trim, ltrim, rtrim, left, right, substring, strpos, starts_with, replace, split_part, \
     reverse, lpad, rpad, concat, sha256, regexp_extract, `||`, LIKE, ILIKE and `~`";
const ON_NUMBERS: &str =
    "the functions on numbers are abs, sign, round, trunc, floor, ceil, mod, sqrt, power, exp, ln and log10";
const LIKES: &str = "write x LIKE '%text%', or 'text%' for its start; `_` and `%` in the text itself need ESCAPE: LIKE 'a!_b%' ESCAPE '!'";
const NO_CLOCK: &str = "a query has no clock, so that a replay gives the same rows: compare with the times of its events, or with window_end";
const FROM_EPOCH: &str = "write to_timestamp(seconds), or declare the column of the source as a time: created TIMESTAMP FORMAT 'unix_s', \
                          'unix_ms' or a pattern such as '%Y-%m-%d %H:%M:%S%z'";
const TO_EPOCH: &str = "write extract(epoch FROM ts), the seconds since 1970 as a DOUBLE";

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
    Some(match (name, arguments.as_slice()) {
        ("datepart" | "extract", [field, time]) => {
            format!("write extract({} FROM {time}), in UTC", field.trim_matches('\''))
        }
        ("hour" | "minute" | "second" | "day" | "week" | "month" | "quarter" | "year", [time]) => {
            format!("write extract({name} FROM {time}), in UTC")
        }
        ("dayofmonth", [time]) => format!("write extract(day FROM {time}), in UTC"),
        ("dayofyear", [time]) => format!("write extract(doy FROM {time}), in UTC"),
        ("weekofyear", [time]) => format!("write extract(week FROM {time}), in UTC"),
        ("dayofweek", [time]) => format!("write extract(dow FROM {time}), where Sunday is 0, in UTC"),
        ("time_bucket", [size, time, origin]) => format!("write date_bin({size}, {time}, {origin})"),
        ("truncate", [x, digits]) => format!("write trunc({x}, {digits})"),
        ("contains", [text, part]) => format!("write strpos({text}, {part}) > 0"),
        ("instr" | "position", [text, part]) => format!("write strpos({text}, {part})"),
        ("charindex" | "locate", [part, text]) => format!("write strpos({text}, {part})"),
        ("log2", [x]) => format!("write ln({x}) / ln(2)"),
        ("regexp_like" | "regexp_matches" | "rlike", [text, pattern]) => format!("write {text} ~ {pattern}"),
        ("regexp_substr", [text, pattern]) => format!("write regexp_extract({text}, {pattern})"),
        ("if" | "iif", [condition, a, b]) => format!("write CASE WHEN {condition} THEN {a} ELSE {b} END"),
        ("nvl2", [x, a, b]) => format!("write CASE WHEN {x} IS NOT NULL THEN {a} ELSE {b} END"),
        ("ifnull" | "nvl" | "isnull", [a, b]) => format!("write coalesce({a}, {b})"),
        ("isnull", [x]) => format!("write {x} IS NULL"),
        ("unix_timestamp", []) => NO_CLOCK.to_owned(),
        _ => function(name)?.to_owned(),
    })
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
        Spelling::Date if source == DataType::Timestamp => {
            Some(format!("write date_trunc('day', {operand}), the first instant of the day"))
        }
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
        "lcase" => "write lower(x)",
        "ucase" => "write upper(x)",
        "len" => "write length(x)",
        "octet_length" => "there is only length(x), which counts characters",
        "truncate" => "write trunc(x)",
        "contains" => LIKES,
        "startswith" => "write starts_with(x, 'text')",
        "ends_with" | "endswith" => "write x LIKE '%text'",
        "instr" | "position" | "charindex" | "locate" => "write strpos(text, 'part')",
        "regexp_like" | "regexp_matches" | "rlike" => "write text ~ 'pattern'",
        "regexp_substr" => "write regexp_extract(text, 'pattern')",
        "time_bucket" => {
            "write date_bin(INTERVAL '15' MINUTE, ts, TIMESTAMP '2026-01-01T00:00:00Z'), or group by windows: FROM TUMBLE(...)"
        }
        "extract" | "datepart" => "write extract(hour FROM ts), in UTC",
        "from_unixtime" | "epoch_ms" | "strptime" | "parse_timestamp" | "to_date" => FROM_EPOCH,
        "unix_timestamp" | "to_unixtime" => TO_EPOCH,
        "strftime" | "date_format" | "to_char" => "write CAST(ts AS TEXT), which is RFC 3339 in UTC",
        "safe_cast" => "write TRY_CAST(x AS type), which is NULL where x does not fit",
        "md5" | "sha1" | "sha2" => "write sha256(text), in 64 hexadecimal digits",
        "initcap" | "repeat" | "translate" | "chr" | "ascii" => ON_TEXTS,
        "log2" | "cbrt" | "random" | "rand" | "sin" | "cos" | "tan" | "pi" => ON_NUMBERS,
        "json_value" | "json_extract" | "json_query" | "get_json_object" | "json_extract_string" => {
            "declare the field as a column of the source with PATH 'a.b' or PATH 'a[0].b'"
        }
        "unnest" | "explode" | "flatten" | "jsonb_array_elements" | "json_array_elements" => {
            "the elements of an array are no rows yet: declare those that are needed as columns of the source with PATH 'a[0]', or let \
             the producer send an event for each"
        }
        _ => return None,
    })
}
