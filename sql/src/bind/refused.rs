//! Expressions that are not in the language: what to write instead.

use sqlparser::ast::Expr as Ast;
use sqlparser::tokenizer::Span;

use crate::error::Problem;

pub(super) fn expression(ast: &Ast, span: Span) -> Box<Problem> {
    let (message, help) = match ast {
        Ast::Subquery(_) | Ast::InSubquery { .. } | Ast::Exists { .. } => return subquery(span),
        Ast::SimilarTo { .. } | Ast::RLike { .. } => (
            "regular expressions are not in the language",
            "write LIKE, where % stands for any text and _ for a character",
        ),
        Ast::ILike { .. } => ("ILIKE is not in the language", "write lower(x) LIKE 'pattern'"),
        Ast::Like { .. } | Ast::AnyOp { .. } | Ast::AllOp { .. } => {
            ("ANY and ALL are not in the language", "write IN, or conditions with AND and OR")
        }
        Ast::AtTimeZone { .. } => {
            ("there are no time zones: a TIMESTAMP is always in UTC", "add an INTERVAL")
        }
        Ast::Extract { .. } => {
            ("EXTRACT is not in the language", "compute with differences of timestamps, in microseconds")
        }
        Ast::Ceil { .. } | Ast::Floor { .. } => ("ceil and floor take one number", "write round(x, digits)"),
        Ast::Trim { .. } | Ast::Substring { .. } | Ast::Position { .. } | Ast::Overlay { .. } => (
            "this function is not in the language",
            "the functions on texts are lower, upper, length, `||` and LIKE",
        ),
        Ast::Collate { .. } => ("COLLATE is not in the language: texts compare by bytes", "leave it out"),
        Ast::Convert { .. } => ("CONVERT is not in the language", "write CAST(x AS type)"),
        Ast::Tuple(_) => ("rows of values are not in the language", "compare the values one by one with AND"),
        Ast::CompoundFieldAccess { .. } | Ast::JsonAccess { .. } => (
            "a field inside a value cannot be read here",
            "declare it as a column of the source with PATH 'a.b'",
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

/// Scalar functions of other systems.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" | "current_timestamp" | "current_date" | "current_time" | "localtime" | "localtimestamp"
        | "getdate" | "sysdate" | "today" | "proctime" | "rowtime" => {
            "a query is a function of its events: compare with their time column, or with window_end"
        }
        "ifnull" | "nvl" | "isnull" => "write coalesce(x, value)",
        "if" | "iif" | "decode" => "write CASE WHEN condition THEN value ELSE value END",
        "greatest" | "least" => "write CASE WHEN a > b THEN a ELSE b END",
        "concat" | "concat_ws" => "write a || b",
        "lcase" => "write lower(x)",
        "ucase" => "write upper(x)",
        "len" | "octet_length" => "write length(x)",
        "truncate" | "trunc" => "write floor(x), or CASE WHEN x < 0 THEN ceil(x) ELSE floor(x) END",
        "contains" | "starts_with" | "ends_with" | "strpos" | "instr" | "position" => "write x LIKE '%text%'",
        "regexp_like" | "regexp_matches" | "regexp_replace" | "regexp_extract" | "rlike" => {
            "there are no regular expressions; write LIKE"
        }
        "date_trunc" | "date_bin" | "time_bucket" | "extract" | "date_part" | "hour" | "minute"
        | "dayofweek" => "windows group by time: FROM TUMBLE(source, ts, INTERVAL '1' MINUTE)",
        "to_timestamp" | "from_unixtime" | "unix_timestamp" | "epoch" | "strptime" | "strftime" => {
            "write CAST(x AS TIMESTAMP), or give the source the option time_format"
        }
        "substring" | "substr" | "trim" | "ltrim" | "rtrim" | "replace" | "split_part" | "left" | "right"
        | "reverse" | "concat_lower" | "md5" | "initcap" | "lpad" | "rpad" => {
            "the functions on texts are lower, upper, length, `||` and LIKE"
        }
        "sqrt" | "power" | "pow" | "exp" | "ln" | "log" | "log10" | "log2" | "sign" | "random" | "rand"
        | "sin" | "cos" => "the functions on numbers are abs, round, floor and ceil",
        "json_value" | "json_extract" | "json_query" | "get_json_object" | "json_extract_string" => {
            "declare the field as a column of the source with PATH 'a.b'"
        }
        _ => return None,
    })
}
