//! What is said of an event that no window takes any more.

use streamgauge_engine::LateRow;
use streamgauge_functions::format_json_timestamp;

/// Which windows an event missed, and what had closed them. A replay says the same, so that it is said once.
pub(super) fn message(late: &LateRow) -> String {
    let (start, end) = late.first;
    let mut message = format!("late for all its windows: [{}, {})", written(start), written(end));
    if late.windows > 1 {
        message.push_str(&format!(" and {} more", late.windows - 1));
    }
    let watermark = match late.watermark {
        i64::MIN => "the partition had no watermark yet".to_owned(),
        watermark => format!("the partition's watermark was {}", written(watermark)),
    };
    message.push_str("; ");
    message.push_str(&watermark);
    if let Some(closed) = late.closed {
        message.push_str(", and windows up to ");
        message.push_str(&written(closed));
        message.push_str(" were closed while the partition was silent");
    }
    message
}

/// A time as rows have it.
fn written(time_us: i64) -> String {
    let mut text = Vec::new();
    format_json_timestamp(time_us, &mut text);
    String::from_utf8_lossy(&text).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_windows_and_what_closed_them_are_named() {
        let second = 1_000_000;
        let row =
            LateRow { row: 0, first: (0, 60 * second), windows: 1, watermark: 61 * second, closed: None };
        assert_eq!(
            message(&row),
            "late for all its windows: [1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z); \
             the partition's watermark was 1970-01-01T00:01:01.000Z"
        );
        let forced = LateRow { windows: 5, watermark: i64::MIN, closed: Some(120 * second), ..row };
        assert_eq!(
            message(&forced),
            "late for all its windows: [1970-01-01T00:00:00.000Z, 1970-01-01T00:01:00.000Z) and 4 more; \
             the partition had no watermark yet, and windows up to 1970-01-01T00:02:00.000Z were closed while the \
             partition was silent"
        );
    }
}
