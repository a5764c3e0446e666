//! Values as JSON: how rows leave, in the host and in sinks alike.

use crate::{format_f64, format_timestamp};

/// Appends UTF-8 text as a JSON string: quotes, backslashes and control characters are escaped, nothing else.
pub fn format_json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends a DOUBLE: its shortest round trip with `.` or `e`; `null` where JSON has no number for it.
pub fn format_json_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        format_f64(value, out);
    } else {
        out.extend_from_slice(b"null");
    }
}

/// Appends a TIMESTAMP as a string: RFC 3339 in UTC, cut to milliseconds.
pub fn format_json_timestamp(micros: i64, out: &mut Vec<u8>) {
    out.push(b'"');
    format_timestamp(micros, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_not_escaped_beyond_need() {
        let mut out = Vec::new();
        format_json_text("é \"\\\n\u{1}/\u{7f}".as_bytes(), &mut out);
        assert_eq!(out, "\"é \\\"\\\\\\n\\u0001/\u{7f}\"".as_bytes());
    }

    #[test]
    fn what_json_has_no_number_for_is_null() {
        let text = |value| {
            let mut out = Vec::new();
            format_json_f64(value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!([2000.0, f64::NAN, f64::NEG_INFINITY].map(text), ["2000.0", "null", "null"]);
    }
}
