//! The table as people read it: in `--help`, and in ARCHITECTURE.md.

use std::fmt::Write as _;

use super::{ELSEWHERE, LIMITS, Unit};

/// A value with its unit: `1,000,000`, `64 KiB`, `1 s`.
pub fn value(unit: Unit, value: u64) -> String {
    match unit {
        Unit::Count => grouped(value),
        Unit::Bytes if value == 1 => "1 byte".to_owned(),
        Unit::Bytes => {
            let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
            let fits = |&(bits, _): &(u32, &str)| value > 0 && value.is_multiple_of(1 << bits);
            let unit = units.into_iter().find(fits);
            unit.map_or_else(
                || format!("{} bytes", grouped(value)),
                |(bits, name)| format!("{} {name}", value >> bits),
            )
        }
        Unit::Time if value == 0 => "0".to_owned(),
        Unit::Time => {
            let units = [(3_600_000_000, "h"), (1_000_000, "s"), (1_000, "ms")];
            let unit = units.into_iter().find(|&(micros, _)| value > 0 && value.is_multiple_of(micros));
            unit.map_or_else(|| format!("{value} us"), |(micros, name)| format!("{} {name}", value / micros))
        }
    }
}

/// `1,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// The names with their defaults, for `--help`.
pub fn help() -> String {
    let mut text = "Limits (--limit NAME=VALUE), with their defaults and what they may be:\n".to_owned();
    let wide = LIMITS.iter().map(|limit| limit.name.len()).max().unwrap_or(0);
    for limit in LIMITS {
        let [default, least, most] =
            [limit.default, *limit.range.start(), *limit.range.end()].map(|number| value(limit.unit, number));
        let (name, of) = (limit.name, limit.of);
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {name:<wide$}  {default:<11}  {of} ({least} to {most})");
    }
    text.pop();
    text
}

/// The tables of ARCHITECTURE.md.
pub fn markdown() -> String {
    let mut text =
        "| `--limit` | of what | default | range | what happens beyond it |\n|---|---|---|---|---|\n"
            .to_owned();
    for limit in LIMITS {
        let [default, least, most] =
            [limit.default, *limit.range.start(), *limit.range.end()].map(|number| value(limit.unit, number));
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {least} to {most} | {} |",
            limit.name, limit.of, limit.beyond
        );
    }
    text.push_str("\nSet by other options, or fixed:\n\n| limit | default | set by | what happens beyond it |\n|---|---|---|---|\n");
    for other in ELSEWHERE {
        let _ = writeln!(text, "| {} | {} | {} | {} |", other.name, other.default, other.by, other.beyond);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    #[test]
    fn values_are_said_in_round_units() {
        let bytes = [0, 1, 1500, 64 << 10, 1 << 20, 3 << 30].map(|bytes| value(Unit::Bytes, bytes));
        assert_eq!(bytes, ["0 bytes", "1 byte", "1,500 bytes", "64 KiB", "1 MiB", "3 GiB"]);
        let times = [0, 10_000, 1_000_000, 75_000_000, 3_600_000_000].map(|micros| value(Unit::Time, micros));
        assert_eq!(times, ["0", "10 ms", "1 s", "75 s", "1 h"]);
        assert_eq!([0, 100, 1000, 1_234_567].map(grouped), ["0", "100", "1,000", "1,234,567"]);
    }

    /// With `UPDATE_GOLDEN=1` the page is written anew.
    #[test]
    fn the_architecture_shows_the_table_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
        let page = fs::read_to_string(&path).unwrap();
        let at = page.find("| `--limit` |").unwrap();
        let wanted = format!("{}{}", &page[..at], markdown());
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, wanted).unwrap();
        } else {
            assert!(page == wanted, "ARCHITECTURE.md should end with:\n\n{}", markdown());
        }
    }
}
