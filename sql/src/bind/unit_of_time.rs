//! Fields of times and times cut to a unit, which other systems compute by function: the arithmetic that gives the same.

const NO_CALENDAR: &str =
    "there is no calendar: let the producer write the year, the month or the day as a field of its own";

/// Microseconds of a unit that always has the same length, and when its first one began; weeks begin on Mondays.
fn fixed(unit: &str) -> Option<(u64, &'static str, &'static str)> {
    let epoch = "1970-01-01T00:00:00Z";
    Some(match unit {
        "second" | "seconds" => (1_000_000, epoch, "SECOND"),
        "minute" | "minutes" => (60_000_000, epoch, "MINUTE"),
        "hour" | "hours" => (3_600_000_000, epoch, "HOUR"),
        "day" | "days" => (86_400_000_000, epoch, "DAY"),
        "week" | "weeks" => (604_800_000_000, "1970-01-05T00:00:00Z", "WEEK"),
        _ => return None,
    })
}

/// What to write for `date_trunc('unit', time)`.
pub(super) fn truncated(unit: &str, time: &str) -> String {
    match fixed(&unit.to_lowercase()) {
        Some((micros, first, name)) => format!(
            "for times since 1970 write {time} - ({time} - TIMESTAMP '{first}') % {micros}; rows by time come from windows: \
             FROM TUMBLE(source, ts, INTERVAL '1' {name})"
        ),
        None => format!(
            "{NO_CALENDAR}; windows have one size in days or less: FROM TUMBLE(source, ts, INTERVAL '1' DAY)"
        ),
    }
}

/// What to write for `EXTRACT(field FROM (a - b))` of two times.
pub(super) fn field_of_difference(field: &str, difference: &str) -> String {
    match field.to_lowercase().as_str() {
        "epoch" => format!(
            "the seconds are {difference} / 1000000.0: the difference of two times is a BIGINT of microseconds"
        ),
        _ => format!(
            "the difference of two times is a BIGINT of microseconds: {difference} / 1000000.0 are seconds"
        ),
    }
}

/// What to write for `EXTRACT(field FROM time)`.
pub(super) fn field(field: &str, time: &str) -> String {
    let since = format!("({time} - TIMESTAMP '1970-01-01T00:00:00Z')");
    let (what, expression) = match field.to_lowercase().as_str() {
        "hour" | "hours" => ("the hour", format!("{since} / 3600000000 % 24")),
        "minute" | "minutes" => ("the minute", format!("{since} / 60000000 % 60")),
        "second" | "seconds" => ("the second", format!("{since} % 60000000 / 1000000.0")),
        "millisecond" | "milliseconds" => {
            ("the second in milliseconds", format!("{since} % 60000000 / 1000.0"))
        }
        "microsecond" | "microseconds" => ("the second in microseconds", format!("{since} % 60000000")),
        "epoch" => ("the seconds since 1970", format!("{since} / 1000000.0")),
        "dow" => ("the day of the week (Sunday is 0)", format!("({since} / 86400000000 + 4) % 7")),
        "dayofweek" => ("the day of the week (Sunday is 1)", format!("({since} / 86400000000 + 4) % 7 + 1")),
        "isodow" => ("the day of the week (Monday is 1)", format!("({since} / 86400000000 + 3) % 7 + 1")),
        _ => return NO_CALENDAR.to_owned(),
    };
    format!("{what} is {expression}: in UTC, for times since 1970")
}
