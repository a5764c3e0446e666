//! `streamgauge tail`: the rows of a query as they come.

use std::fmt;

use clap::Args;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    HostOptions, Remote, Request,
    follow::{Event, kept},
};
use crate::cli::{Failure, cells::plain, print, say};

/// The least width of a column.
const WIDTH_MIN: usize = 8;

/// Options of `tail`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Options {
    /// The query, DEPLOYMENT.QUERY; the name of the deployment alone where it has one query
    query: String,
    /// How many of the rows that came before are shown first
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(..=1000))]
    rows: u16,
    /// Show these rows, and do not wait for more
    #[arg(long)]
    no_follow: bool,
    /// A JSON object a row
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    host: HostOptions,
}

pub(in crate::cli) fn run(options: &Options) -> Result<(), Failure> {
    let remote = Remote::new(&options.host)?;
    let query = remote.query(&options.query)?;
    let path = ["queries", query.as_str(), "rows"];
    let limit = [("limit", options.rows.to_string())];
    let mut table = RowTable::default();
    let mut show = |row: &str| match options.json {
        true => print(&format!("{row}\n")),
        false => print(&table.lines(row)),
    };
    if options.no_follow {
        let answer = remote.ask(Request { query: &limit, ..Request::get(&path) })?;
        let rows = kept(&answer.text);
        if rows.is_empty() {
            say(
                &"there are no rows since the host started: it keeps the last ones in memory, a sink keeps all",
            );
        }
        return rows.iter().try_for_each(|item| show(item.get()));
    }
    remote.follow(&path, &limit, |event| {
        match event {
            Event::Data(row) => show(&row)?,
            Event::Dropped(count) => {
                say(&format!("{count} rows came faster than they were read, and are not shown"))
            }
        }
        Ok(false)
    })
}

/// Rows under a heading; columns only grow wider.
#[derive(Default)]
struct RowTable {
    columns: Vec<(String, usize)>,
}

impl RowTable {
    fn lines(&mut self, row: &str) -> String {
        let Fields(row) = serde_json::from_str(row).unwrap_or_default();
        let cells: Vec<(String, String)> =
            row.iter().map(|(name, value)| (plain(name), cell(value))).collect();
        let is_same = self.columns.len() == cells.len()
            && self.columns.iter().zip(&cells).all(|((known, _), (name, _))| known == name);
        let mut out = String::new();
        if !is_same {
            let wide =
                |name: &str, value: &str| name.chars().count().max(value.chars().count()).max(WIDTH_MIN);
            self.columns = cells.iter().map(|(name, value)| (name.clone(), wide(name, value))).collect();
            let heads: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
            out.push_str(&self.line(&heads));
        }
        for ((_, width), (_, value)) in self.columns.iter_mut().zip(&cells) {
            *width = value.chars().count().max(*width);
        }
        let values: Vec<String> = cells.into_iter().map(|(_, value)| value).collect();
        out.push_str(&self.line(&values));
        out
    }

    fn line(&self, texts: &[String]) -> String {
        let padded: Vec<String> =
            self.columns.iter().zip(texts).map(|((_, width), text)| format!("{text:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    }
}

/// The fields of an object in their order.
#[derive(Default)]
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ordered;
        impl<'de> Visitor<'de> for Ordered {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Ordered)
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => plain(text),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_places_and_grow() {
        let mut table = RowTable::default();
        assert_eq!(table.lines(r#"{"model":"a","b":1}"#), "model     b\na         1\n");
        assert_eq!(table.lines(r#"{"model":"abcdefghijk","b":null}"#), "abcdefghijk  NULL\n");
        assert_eq!(table.lines(r#"{"model":"b\u001b[2J","b":2}"#), "b\u{fffd}[2J        2\n");
        assert_eq!(table.lines(r#"{"x":1}"#), "x\n1\n");
    }
}
