//! CREATE SINK: its connector and its options.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::kafka;
use super::options::Options;
use super::source::connector;
use crate::error::{Checked, Problem};
use crate::manifest::{OptionValue, Sink};
use crate::parse::options::{OptionText, plain_secret};
use crate::parse::secret::has_user;
use crate::parse::statement::SinkDef;

const CONNECTORS: &[&str] = &["console", "file", "kafka", "slack", "webhook", "prometheus"];

pub(super) fn bind(def: &SinkDef) -> Checked<Sink> {
    let mut options = Options::new(&def.options, def.name.span);
    let connector = connector(&mut options, CONNECTORS)?;
    let mut found = BTreeMap::new();
    match connector {
        "file" => {
            options.word("format", &["json"])?;
            let (path, _) = options.required("path", "write path = 'rows.jsonl'")?;
            found.insert("path".to_owned(), OptionValue::Text(path.to_owned()));
            // What becomes of what the file holds already; without it such a file is refused.
            word("mode", &["append", "overwrite"], &mut options, &mut found)?;
        }
        "kafka" => {
            options.word("format", &["json"])?;
            kafka::read(&mut options, &mut found)?;
            kafka::control_topic(&mut options, &mut found)?;
        }
        "slack" => slack(&mut options, &mut found)?,
        "webhook" => webhook(&mut options, &mut found)?,
        "prometheus" => prometheus(&mut options, &mut found)?,
        _ => {
            options.word("format", &["json"])?;
        }
    }
    options.finish(&format!("a {connector} sink"))?;
    Ok(Sink { name: def.name.text.clone(), connector: connector.to_owned(), options: found })
}

fn url(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    let help = "write url = secret('NAME') or url = 'https://...'";
    let Some(option) = options.take("url") else {
        return Err(Problem::new(options.span, "the option `url` is missing").help(help));
    };
    let value = match &option.value {
        OptionText::Secret(name) => OptionValue::Secret(name.clone()),
        OptionText::Text(url) => match wrong_url(url) {
            None => OptionValue::Text(url.clone()),
            Some(why) => return Err(Problem::new(option.span, format!("`url` {why}")).help(help)),
        },
        OptionText::Interval(_) => {
            return Err(Problem::new(option.span, "`url` is no duration").help(help));
        }
    };
    found.insert("url".to_owned(), value);
    Ok(())
}

/// Why a text is no URL to send to; none where it is one.
fn wrong_url(url: &str) -> Option<&'static str> {
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return Some("must begin with https:// or http://");
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("has a space in it");
    }
    if has_user(rest) {
        return Some("has a user or a password in it, so all of it must be a secret");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The colons of `[::1]` begin no port.
    let address_end = authority.rfind(']').unwrap_or_default();
    let colon = authority.rfind(':').filter(|&colon| colon >= address_end);
    let (host, port) = colon.map_or((authority, None), |colon| {
        let (host, port) = authority.split_at(colon);
        (host, port.strip_prefix(':'))
    });
    if host.is_empty() {
        return Some("names no host");
    }
    port.filter(|port| !port.parse::<u16>().is_ok_and(|port| port > 0))
        .map(|_| "has a port that is not between 1 and 65535")
}

fn slack(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    url(options, found)?;
    word("on_ambiguous", &["resend", "drop"], options, found)?;
    reject_after(options, found)?;
    allow_private(options, found)
}

/// How long an answer such as 403 is taken for a mistake that somebody mends.
fn reject_after(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    if let Some((micros, _)) = options.duration("reject_after")? {
        found.insert("reject_after_us".to_owned(), OptionValue::Text(micros.to_string()));
    }
    Ok(())
}

fn allow_private(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    word("allow_private", &["true", "false"], options, found)
}

/// An option that is one of these words, where it is given.
fn word(
    key: &'static str,
    words: &[&'static str],
    options: &mut Options<'_>,
    found: &mut BTreeMap<String, OptionValue>,
) -> Checked<()> {
    if let Some(word) = options.word(key, words)? {
        found.insert(key.to_owned(), OptionValue::Text(word.to_owned()));
    }
    Ok(())
}

fn webhook(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    url(options, found)?;
    if let Some(option) = options.take("signing_secret") {
        let value = match &option.value {
            OptionText::Secret(name) => OptionValue::Secret(name.clone()),
            _ => return Err(plain_secret("signing_secret", option.span)),
        };
        found.insert("signing_secret".to_owned(), value);
    }
    reject_after(options, found)?;
    allow_private(options, found)
}

fn prometheus(options: &mut Options<'_>, found: &mut BTreeMap<String, OptionValue>) -> Checked<()> {
    if let Some((listen, span)) = options.text("listen")? {
        if listen.parse::<SocketAddr>().is_err() {
            return Err(Problem::new(span, format!("'{listen}' is no address to listen on"))
                .help("write listen = '127.0.0.1:9464'"));
        }
        found.insert("listen".to_owned(), OptionValue::Text(listen.to_owned()));
    }
    if let Some((prefix, span)) = options.text("prefix")? {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        if prefix.is_empty() || prefix.starts_with(|c: char| c.is_ascii_digit()) || !prefix.chars().all(fits)
        {
            return Err(Problem::new(span, format!("'{prefix}' cannot begin the name of a metric"))
                .help("use letters, digits and `_`, such as 'llm'"));
        }
        found.insert("prefix".to_owned(), OptionValue::Text(prefix.to_owned()));
    }
    Ok(())
}
