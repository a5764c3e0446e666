//! A row as blocks: sections of fields, each a name over its value.

use streamgauge_sdk::{
    DataType,
    sink::{Operation, Row, Schema, SchemaColumn},
};

use crate::{
    field,
    text::{escaped, is_plain, line, push_json},
};

/// Slack's limit.
const FIELDS_MAX: usize = 10;
/// The longest name and value that are shown; Slack's limit is 2000 characters for both together, escapes included.
const NAME_MAX: usize = 60;
const VALUE_MAX: usize = 300;
/// Beyond so much JSON the other fields of a row are only counted: Slack refuses messages of more than about 13,000.
const ROW_BYTES_MAX: usize = 8000;

/// A row in blocks.
#[derive(Clone, Debug)]
pub(crate) struct RowBlocks {
    /// The blocks' JSON, with commas between them.
    pub(crate) json: String,
    /// How many blocks.
    pub(crate) blocks: usize,
    /// The row in one line, for notifications: not escaped.
    pub(crate) summary: String,
}

/// The blocks of a row. Its window stands in the header of its message.
pub(crate) fn row(schema: &Schema, row: &Row<'_>) -> RowBlocks {
    let mut fields = Vec::new();
    let mut summary = Vec::new();
    let mut bytes = 0;
    if row.operation() != Operation::Insert {
        let what = if row.operation() == Operation::Delete { "withdrawn" } else { "updated" };
        fields.push(field_json("revision", &format!("{}, {what}", row.revision())));
    }
    let mut columns = schema.columns.iter().zip(row.values()).filter(|(column, _)| is_shown(row, column));
    for (column, cell) in columns.by_ref() {
        let value = line(&field::value(cell), VALUE_MAX);
        let field = field_json(&column.name, &value);
        bytes += field.len();
        fields.push(field);
        summary.push(match column.data_type {
            DataType::Text => value,
            _ => format!("{} {value}", line(&column.name, NAME_MAX)),
        });
        if bytes > ROW_BYTES_MAX {
            break;
        }
    }
    match columns.count() {
        0 => {}
        more => fields.push(field_json("…", &format!("and {more} more columns"))),
    }
    if fields.is_empty() {
        fields.push(field_json("…", "no columns beside the window"));
    }
    let sections = fields.chunks(FIELDS_MAX).map(|fields| {
        let fields = fields.join(",");
        format!(r#"{{"type":"section","fields":[{fields}]}}"#)
    });
    let sections: Vec<String> = sections.collect();
    RowBlocks { json: sections.join(","), blocks: sections.len(), summary: summary.join(", ") }
}

/// Whether a column says more than the header does.
fn is_shown(row: &Row<'_>, column: &SchemaColumn) -> bool {
    let of_window = ["window_start", "window_end"].iter().any(|name| column.name.eq_ignore_ascii_case(name));
    !(of_window && column.data_type == DataType::Timestamp && row.window().is_some())
}

/// A name over its value, which is bold unless Slack would take it for something else than text.
fn field_json(name: &str, value: &str) -> String {
    let name = line(name, NAME_MAX);
    let mut out = String::new();
    if is_plain(&name) && is_plain(value) && !value.trim().is_empty() {
        out.push_str(r#"{"type":"mrkdwn","verbatim":true,"text":"#);
        push_json(&mut out, &format!("{}\n*{}*", escaped(&name), escaped(value.trim())));
    } else {
        out.push_str(r#"{"type":"plain_text","emoji":false,"text":"#);
        push_json(&mut out, &format!("{}\n{}", escaped(&name), escaped(value)));
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_bold_unless_it_looks_like_markup() {
        assert_eq!(
            field_json("model_name", "a<b> & \"c\""),
            r#"{"type":"mrkdwn","verbatim":true,"text":"model_name\n*a&lt;b&gt; &amp; \"c\"*"}"#
        );
        assert_eq!(
            field_json("model_name", "*a*"),
            r#"{"type":"plain_text","emoji":false,"text":"model_name\n*a*"}"#
        );
        assert_eq!(field_json("x", " "), r#"{"type":"plain_text","emoji":false,"text":"x\n "}"#);
    }
}
