//! What would be refused when a program is run, known before: without a network and without secrets.

use std::collections::BTreeMap;

use reqwest::Url;
use streamgauge_component::{runtime::Runtime, sink::SinkComponent};
use streamgauge_kafka::{Depth, Role, wrong_property};
use streamgauge_sql::{
    catalog::{UsedAs, WrongOption},
    manifest::{Manifest, OptionValue, Sink as Declared},
};

use super::open;
use crate::deliver::http::address::forbidden_host;

/// Why rows that are of no window cannot be scraped.
pub(super) const NO_WINDOW: &str = "it shows the last window of a view, but these rows have no window";

/// What of a source's or sink's options cannot be used.
pub fn wrong_option(
    used_as: UsedAs<'_>,
    options: &BTreeMap<String, OptionValue>,
    depth: Depth,
) -> Option<WrongOption> {
    let (role, connector) = match used_as {
        UsedAs::Source(connector) => (Role::Source, connector),
        UsedAs::Sink(connector) => (Role::Sink, connector),
    };
    if connector == "kafka" {
        let (property, message) = wrong_property(options, role, depth)?;
        let help = "the documentation of librdkafka says what it can be".to_owned();
        return Some(WrongOption { key: property, message, help });
    }
    let Some(OptionValue::Text(url)) = options.get("url") else { return None };
    let allows_private = options.get("allow_private") == Some(&OptionValue::Text("true".to_owned()));
    let (why, help) = wrong_url(url, allows_private)?;
    Some(WrongOption { key: "url".to_owned(), message: format!("`url` {why}"), help: help.to_owned() })
}

/// Why a sink does not take the rows of a query.
pub fn wrong_rows(sink: &Declared, query: &Manifest, windowed: bool, runtime: &Runtime) -> Option<String> {
    let component = SinkComponent::embedded(runtime, &sink.connector).ok()??;
    if component.answers_scrapes() && !windowed {
        return Some(format!("sink '{}': {NO_WINDOW}", sink.name));
    }
    let instance = component.start().ok()?;
    open(&instance, sink, query).err().map(|fault| format!("sink '{}': {fault}", sink.name))
}

/// Why a URL is not sent to, and what to do about it; none where it is. The text does not show it: it may be a secret.
pub(super) fn wrong_url(url: &str, allows_private: bool) -> Option<(String, &'static str)> {
    let url = match Url::parse(url) {
        Ok(url) => url,
        Err(error) => return Some((format!("is none: {error}"), "write url = 'https://...'")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        return Some(("must begin with https:// or http://".to_owned(), "write url = 'https://...'"));
    }
    let Some(host) = url.host_str() else {
        return Some(("names no host".to_owned(), "write url = 'https://...'"));
    };
    let kind = forbidden_host(host).filter(|_| !allows_private)?;
    Some((format!("leads to {kind} address"), "write allow_private = 'true' if that is meant"))
}
