//! Sizes as people write them: `64KiB`, `256 MiB`, `4096`.

/// What to write, for messages.
pub const SPELLING: &str = "64KiB, 256MiB or 2GiB";

/// The bytes of a size; none where it is no size.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(number.len()..) {
        Some("" | "B") => 1,
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        Some("GiB") => 1 << 30,
        _ => return None,
    };
    count(number.trim_end())?.checked_mul(unit)
}

/// In the greatest unit that is whole: `64 MiB`, `1000 bytes`.
pub fn spell(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.into_iter().find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bytes} bytes"), |(size, name)| format!("{} {name}", bytes / size))
}

/// A whole number: `2000000`, `2_000_000`; none where it is something else.
pub fn count(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|&c| c != '_').collect();
    // No sign: a number parses with a plus.
    digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_number_with_a_unit() {
        for (text, expected) in [
            ("4096", Some(4096)),
            (" 4_096 B ", Some(4096)),
            ("64KiB", Some(65_536)),
            ("256 MiB", Some(268_435_456)),
            ("2GiB", Some(2_147_483_648)),
            ("1 GB", None),
            ("1.5 GiB", None),
            ("-1", None),
            ("+1", None),
            ("MiB", None),
            ("", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }

    #[test]
    fn a_size_is_spelled_in_the_greatest_unit_that_is_whole() {
        for (size, expected) in [
            (1 << 30, "1 GiB"),
            (96 << 20, "96 MiB"),
            (1 << 10, "1 KiB"),
            (1000, "1000 bytes"),
            (0, "0 bytes"),
        ] {
            assert_eq!(spell(size), expected);
        }
    }
}
