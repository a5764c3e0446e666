//! CREATE SINK: its connector and its options.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::kafka;
use super::options::Options;
use super::source::connector;
use crate::error::{Checked, Problem};
use crate::manifest::{OptionValue, Sink};
use crate::parse::options::{OptionText, plain_secret};
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
        }
        "kafka" => {
            options.word("format", &["json"])?;
            kafka::read(&mut options, &mut found)?;
        }
        "slack" => url(&mut options, &mut found)?,
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
        OptionText::Text(url) if is_http(url) => OptionValue::Text(url.clone()),
        _ => return Err(Problem::new(option.span, "`url` must begin with https:// or http://").help(help)),
    };
    found.insert("url".to_owned(), value);
    Ok(())
}

fn is_http(url: &str) -> bool {
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !url.contains(char::is_whitespace))
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
    if let Some(allow) = options.word("allow_private", &["true", "false"])? {
        found.insert("allow_private".to_owned(), OptionValue::Text(allow.to_owned()));
    }
    Ok(())
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
