//! The components of users that a program names: their files, their digests and what they may use.

use std::{
    fs::File,
    io::{self, Read as _},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_component::{
    check::{Refusal, Refused},
    limits::{GuestLimits, Limits},
    plugins::Plugins,
};
use streamgauge_registry::Location;
use streamgauge_sql::{
    catalog::{OwnPlugin, PluginWarning, Reducer, SinkPlugin, WrongPlugin},
    manifest::PluginFile,
    size,
};

use super::{catalog::PluginPlace, pulled_plugin};
use crate::deliver::connectors::own;

/// Reads, checks and compiles the reducer of a file, and asks it what it is.
pub(super) fn reducer(
    plugins: &Plugins,
    place: &dyn PluginPlace,
    name: &str,
    file: &PluginFile,
) -> Result<OwnPlugin<Reducer>, WrongPlugin> {
    let Read { bytes, sha256, limits, warning } = Read::of(file, place, plugins.runtime().limits())?;
    let known = PluginFile { sha256: Some(sha256.clone()), ..file.clone() };
    let reducer = plugins.load_own(name, &known, &bytes, limits);
    let reducer = reducer.map_err(|refused| unusable(file, &refused.to_string(), help(&refused)))?;
    check(&reducer).map_err(|why| unusable(file, &format!("reducer `{name}` {why}"), None))?;
    Ok(OwnPlugin { described: reducer, sha256, warning })
}

/// The same for a sink.
pub(super) fn connector(
    plugins: &Plugins,
    place: &dyn PluginPlace,
    name: &str,
    file: &PluginFile,
) -> Result<OwnPlugin<SinkPlugin>, WrongPlugin> {
    let Read { bytes, sha256, limits, warning } = Read::of(file, place, plugins.runtime().limits())?;
    let known = PluginFile { sha256: Some(sha256.clone()), ..file.clone() };
    let loaded = plugins.load_own_sink(name, &known, &bytes, limits);
    let loaded = loaded.map_err(|refused| unusable(file, &refused.to_string(), help(&refused)))?;
    let options =
        own::options(&loaded).map_err(|why| unusable(file, &format!("sink `{name}` {why}"), None))?;
    let described = SinkPlugin { name: loaded.description.name.clone(), options };
    Ok(OwnPlugin { described, sha256, warning })
}

/// Files and registries, as the user of the process may read them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anywhere;

impl PluginPlace for Anywhere {
    fn read(&self, from: &str, bytes_max: usize) -> Result<(Vec<u8>, Option<PluginWarning>), WrongPlugin> {
        match Location::is_meant(from) {
            true => pulled_plugin::pull(from, bytes_max),
            false => Ok((read(from, bytes_max)?, None)),
        }
    }
}

/// A file's bytes, and what its component may use.
struct Read {
    bytes: Vec<u8>,
    sha256: String,
    limits: GuestLimits,
    /// About where it was read from.
    warning: Option<PluginWarning>,
}

impl Read {
    fn of(file: &PluginFile, place: &dyn PluginPlace, limits: Limits) -> Result<Self, WrongPlugin> {
        let own = guest_limits(file, limits)?;
        let (bytes, warning) = place.read(&file.path, limits.component_bytes_max)?;
        let found = hexadecimal(&Sha256::digest(&bytes));
        if let Some(pinned) = file.sha256.as_ref().filter(|pinned| **pinned != found) {
            return Err(WrongPlugin {
                option: Some("sha256"),
                message: format!("the bytes of {} have another SHA-256 than {pinned}", file.path),
                help: Some(format!(
                    "it is {found}: if these are the bytes that you want, write sha256 = '{found}'"
                )),
            });
        }
        Ok(Self { bytes, sha256: found, limits: own, warning })
    }
}

fn unusable(file: &PluginFile, why: &str, help: Option<String>) -> WrongPlugin {
    WrongPlugin { option: None, message: format!("{} cannot be used: {why}", file.path), help }
}

/// What it may use; a program can lower the limits of the host, and not raise them.
fn guest_limits(file: &PluginFile, limits: Limits) -> Result<GuestLimits, WrongPlugin> {
    let too_much = |option: &'static str, most: String, limit: &str| WrongPlugin {
        option: Some(option),
        message: format!("`{option}` is more than this host lets a plugin have, which is {most}"),
        help: Some(format!(
            "leave it out or write less; the operator raises the limit with --limit {limit}=..."
        )),
    };
    let memory = file.memory_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if memory.is_some_and(|memory| memory > limits.plugin_memory) {
        let most = size::spell(u64::try_from(limits.plugin_memory).unwrap_or(u64::MAX));
        return Err(too_much("memory", most, "plugin_memory"));
    }
    let call_timeout = file.call_timeout_us.map(Duration::from_micros);
    if call_timeout.is_some_and(|timeout| timeout > limits.plugin_call_timeout) {
        let most = format!("{} ms", limits.plugin_call_timeout.as_millis());
        return Err(too_much("call_timeout", most, "plugin_call_timeout"));
    }
    Ok(GuestLimits { memory, call_timeout })
}

/// The bytes of a file that is not larger than a component may be.
fn read(path: &str, bytes_max: usize) -> Result<Vec<u8>, WrongPlugin> {
    let unreadable = |error: io::Error| WrongPlugin {
        option: None,
        message: format!("cannot read the component {path}: {error}"),
        help: Some("the path is relative to the folder of this query file".to_owned()),
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than there may be: then it is known to be too large.
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > bytes_max {
        return Err(WrongPlugin {
            option: None,
            message: format!("the component {path} is larger than {bytes_max} bytes"),
            help: Some("the operator raises the limit with --limit max_component_bytes=SIZE".to_owned()),
        });
    }
    Ok(bytes)
}

/// What the author of the component can do.
fn help(refused: &Refused) -> Option<String> {
    Some(match &refused.why {
        Refusal::NotWasm => "FROM names the file of a WebAssembly component".to_owned(),
        Refusal::Export(..) => "CREATE AGGREGATE takes components of the world `reducer-plugin`, CREATE CONNECTOR of `sink-plugin` \
                                (wit/worlds.wit)"
            .to_owned(),
        _ => return None,
    })
}

/// A description that can be called.
fn check(reducer: &Reducer) -> Result<(), String> {
    if reducer.signatures.is_empty() {
        return Err("describes no signature, so it cannot be called".to_owned());
    }
    for (at, signature) in reducer.signatures.iter().enumerate() {
        let twin = reducer.signatures.iter().take(at).position(|other| {
            other.arguments == signature.arguments && other.parameters.len() == signature.parameters.len()
        });
        if let Some(twin) = twin {
            return Err(format!("describes signatures {twin} and {at} with the same arguments"));
        }
    }
    Ok(())
}
