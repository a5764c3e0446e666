//! The configuration as people see it: what holds and where it comes from, and the table of the documents.

use std::fmt::Write as _;

use super::{
    keys::{self, KEYS, Kind},
    settings::{Settings, all_keys, variable},
};
use crate::limits::{LIMITS, Unit, shown_value};

impl Settings {
    /// What holds, as a file, with where each value comes from.
    pub fn shown(&self) -> String {
        let mut text = String::new();
        let mut section = "";
        for key in &all_keys() {
            let (of, name) = key.split_once('.').unwrap_or(("", key));
            if of != section {
                section = keys::sections().into_iter().find(|known| *known == of).unwrap_or_default();
                let blank = if text.is_empty() { "" } else { "\n" };
                // Writing to a text does not fail.
                let _ = writeln!(text, "{blank}[{of}]");
            }
            let line = match self.get(key) {
                Some((value, origin)) => format!("{name} = {value}  # {origin}"),
                None => match LIMITS.iter().find(|limit| Some(limit.name) == key.strip_prefix("limits.")) {
                    Some(limit) => {
                        let value = match limit.unit {
                            Unit::Count => limit.of(&self.limits).to_string(),
                            unit => format!("{:?}", shown_value(unit, limit.of(&self.limits))),
                        };
                        format!("{name} = {value}  # default")
                    }
                    None => format!("# {name} is not set"),
                },
            };
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

fn kind(kind: Kind) -> String {
    match kind {
        Kind::Text => "text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Address => "address:port".to_owned(),
        Kind::Switch => "true, false".to_owned(),
        Kind::Word(words) => words.join(", "),
        Kind::Duration => "time".to_owned(),
        Kind::Count(least, most) => format!("{least} to {most}"),
        Kind::Fraction => "0 to 1".to_owned(),
        Kind::Size => "size".to_owned(),
        Kind::Texts => "list of texts".to_owned(),
        Kind::Lists => "table of lists".to_owned(),
    }
}

/// The table of docs/host.md.
pub fn markdown() -> String {
    let mut text = "| key | value | default | environment | meaning |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let default = key.default.map_or_else(String::new, |default| format!("`{default}`"));
        let variable = match key.kind {
            Kind::Lists => String::new(),
            _ => format!("`{}`", variable(key.name)),
        };
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {variable} | {} |",
            key.name,
            kind(key.kind),
            key.meaning
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use super::*;

    /// With `UPDATE_GOLDEN=1` the page is written anew.
    #[test]
    fn the_page_shows_the_table_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/host.md");
        let page = fs::read_to_string(&path).unwrap();
        let (before, table) = page.split_at(page.find("| key | value |").unwrap());
        let (_, behind) = table.split_at(table.find("\n\n").unwrap() + 1);
        let wanted = format!("{before}{}{behind}", markdown());
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&path, wanted).unwrap();
        } else {
            assert!(page == wanted, "docs/host.md should show:\n\n{}", markdown());
        }
    }
}
