//! A crash bundle as a file.
//!
//! ```text
//! streamgauge crash bundle 1 SHA-256 of all that follows, hexadecimal
//! {"kind":"reducer","query":"q","what":"trapped: ...", ...,"component_bytes":1234,"call_bytes":567}
//! the component, then what it was opened with and the calls
//! ```
//!
//! The first two lines are text, so that `head -2` shows what a file is.

use std::time::Duration;

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;

use super::{
    CrashBundle, CrashLimits, Opened, ReducerCall,
    cursor::{Reader, Writer, code},
};
use crate::limits::{GuestLimits, Limits};

/// A bundle is not larger, its component included.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;

const MAGIC: &str = "streamgauge crash bundle ";
const FORMAT: u32 = 1;
/// The version and a digest.
const FIRST_LINE_MAX: usize = MAGIC.len() + 10 + 1 + 64;
/// Calls before the one that failed.
const BEFORE_MAX: usize = 100_000;

/// Why bytes are no crash bundle that can be replayed: the end of a sentence about their file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABundle {
    /// They are something else.
    #[error("is no crash bundle: it does not begin with `{MAGIC}`")]
    Foreign,
    /// A later version wrote them.
    #[error(
        "is a crash bundle of format {0}, and this version of Streamgauge reads format {FORMAT}: use a newer one"
    )]
    Newer(u32),
    /// They are not as they were written.
    #[error("is damaged or cut off: its bytes have another SHA-256 than its first line says")]
    Damaged,
    /// They are as they were written, and not as they should be.
    #[error("is no crash bundle that can be replayed: {0}")]
    Wrong(&'static str),
    /// There are more than a bundle has.
    #[error("is larger than a crash bundle can be, which is {} MiB", BUNDLE_BYTES_MAX >> 20)]
    TooLarge,
}

impl CrashBundle {
    /// The bytes of its file; none where they would be too many.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let calls: usize = self.before.iter().chain([&self.call]).map(ReducerCall::bytes).sum();
        if self.component.len().saturating_add(calls) > BUNDLE_BYTES_MAX {
            return None;
        }
        let call = self.encode_call();
        let mut body = self.header(call.len()).to_string().into_bytes();
        body.push(b'\n');
        body.extend_from_slice(&self.component);
        body.extend(call);
        let mut bytes = format!("{MAGIC}{FORMAT} {}\n", hexadecimal(&Sha256::digest(&body))).into_bytes();
        bytes.extend(body);
        (bytes.len() <= BUNDLE_BYTES_MAX).then_some(bytes)
    }

    fn header(&self, call_bytes: usize) -> Json {
        let Self { streamgauge, contract, query, opened, limits, what, sha256, component, .. } = self;
        let CrashLimits { run, guest } = limits;
        json!({
            "kind": "reducer",
            "streamgauge": streamgauge,
            "contract": contract,
            "query": query,
            "aggregate": opened.text,
            "plugin": opened.name,
            "sha256": sha256,
            "call": self.call.name(),
            "what": what,
            "limits": {
                "plugin_memory": run.plugin_memory,
                "plugin_call_timeout_us": micros(run.plugin_call_timeout),
                "max_call_result_bytes": run.call_result_bytes_max,
                "max_component_bytes": run.component_bytes_max,
                "plugin_compile_memory": run.compile_memory,
                "plugin_compile_time_us": micros(run.compile_time),
                "memory": guest.memory,
                "call_timeout_us": guest.call_timeout.map(micros),
            },
            "component_bytes": component.len(),
            "call_bytes": call_bytes,
        })
    }

    /// What it was opened with, and the calls.
    fn encode_call(&self) -> Vec<u8> {
        let Self { opened, before, call, .. } = self;
        let mut out = Writer::default();
        out.u32(opened.signature);
        out.u32(opened.state_version);
        out.u64(opened.parameters.len() as u64);
        opened.parameters.iter().for_each(|parameter| out.value(parameter));
        out.u64(opened.arguments.len() as u64);
        opened.arguments.iter().for_each(|&argument| out.u8(code(argument)));
        out.u8(code(opened.returns));
        out.u64(before.len() as u64);
        before.iter().chain([call]).for_each(|call| call.write(&mut out));
        out.0
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// They are no crash bundle, damaged, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, NotABundle> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(NotABundle::TooLarge);
        }
        let body = checked(bytes)?;
        let wrong = || NotABundle::Wrong("it has no header");
        let end = body.iter().position(|&byte| byte == b'\n').ok_or_else(wrong)?;
        let (line, rest) = body.split_at_checked(end).ok_or_else(wrong)?;
        let header: Map<String, Json> = serde_json::from_slice(line).map_err(|_| wrong())?;
        let header = Header(&header);
        if header.text("kind") != Some("reducer") {
            return Err(NotABundle::Wrong("it is of a kind of plugin that this version does not know"));
        }
        let mut rest = Reader(rest.get(1..).unwrap_or_default());
        let (Some(component), Some(call)) = (
            header.size("component_bytes").and_then(|count| rest.raw(count)),
            header.size("call_bytes").and_then(|count| rest.raw(count)),
        ) else {
            return Err(NotABundle::Wrong("it is shorter than its header says"));
        };
        if !rest.0.is_empty() {
            return Err(NotABundle::Wrong("it is longer than its header says"));
        }
        let bundle = decode_parts(&header, component, call);
        let bundle = bundle.ok_or(NotABundle::Wrong("a field is missing, or is not what it should be"))?;
        let is_component = bundle.sha256 == hexadecimal(&Sha256::digest(component));
        if !is_component {
            return Err(NotABundle::Wrong("its component has another SHA-256 than it says"));
        }
        match bundle.limits.are_plausible() {
            true => Ok(bundle),
            false => Err(NotABundle::Wrong("it names limits that no run can have")),
        }
    }
}

/// What stands behind the first line, where that has its digest.
fn checked(bytes: &[u8]) -> Result<&[u8], NotABundle> {
    let behind = bytes.strip_prefix(MAGIC.as_bytes()).ok_or(NotABundle::Foreign)?;
    let end = behind.iter().take(FIRST_LINE_MAX).position(|&byte| byte == b'\n');
    let (line, body) = end.and_then(|end| behind.split_at_checked(end)).ok_or(NotABundle::Damaged)?;
    let line = str::from_utf8(line).map_err(|_| NotABundle::Damaged)?;
    let (format, digest) = line.split_once(' ').unwrap_or((line, ""));
    let body = body.get(1..).unwrap_or_default();
    match format.parse::<u32>() {
        Ok(newer) if newer > FORMAT => Err(NotABundle::Newer(newer)),
        Ok(FORMAT) if digest == hexadecimal(&Sha256::digest(body)) => Ok(body),
        _ => Err(NotABundle::Damaged),
    }
}

/// The fields of the second line.
struct Header<'a>(&'a Map<String, Json>);

impl Header<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    fn size(&self, name: &str) -> Option<usize> {
        usize::try_from(self.0.get(name)?.as_u64()?).ok()
    }

    fn time(&self, name: &str) -> Option<Duration> {
        Some(Duration::from_micros(self.0.get(name)?.as_u64()?))
    }

    fn limits(&self) -> Option<CrashLimits> {
        let Json::Object(limits) = self.0.get("limits")? else { return None };
        let limits = Header(limits);
        let run = Limits {
            plugin_memory: limits.size("plugin_memory")?,
            plugin_call_timeout: limits.time("plugin_call_timeout_us")?,
            call_result_bytes_max: limits.size("max_call_result_bytes")?,
            component_bytes_max: limits.size("max_component_bytes")?,
            compile_memory: limits.size("plugin_compile_memory")?,
            compile_time: limits.time("plugin_compile_time_us")?,
            ..Limits::default()
        };
        let guest =
            GuestLimits { memory: limits.size("memory"), call_timeout: limits.time("call_timeout_us") };
        Some(CrashLimits { run, guest })
    }
}

fn decode_parts(header: &Header<'_>, component: &[u8], call: &[u8]) -> Option<CrashBundle> {
    let mut input = Reader(call);
    let (signature, state_version) = (input.u32()?, input.u32()?);
    let count = input.count(1)?;
    let parameters = (0..count).map(|_| input.value()).collect::<Option<_>>()?;
    let count = input.count(1)?;
    let arguments: Vec<_> = (0..count).map(|_| input.data_type()).collect::<Option<_>>()?;
    let returns = input.data_type()?;
    let count = input.count(1).filter(|&count| count <= BEFORE_MAX)?;
    let before = (0..count).map(|_| ReducerCall::read(&mut input, &arguments)).collect::<Option<_>>()?;
    let call = ReducerCall::read(&mut input, &arguments)?;
    let is_whole = input.0.is_empty() && header.text("call") == Some(call.name());
    is_whole.then_some(())?;
    let (text, name) = (header.owned("aggregate")?, header.owned("plugin")?);
    Some(CrashBundle {
        streamgauge: header.owned("streamgauge")?,
        contract: header.owned("contract")?,
        query: header.owned("query")?,
        opened: Opened { text, name, signature, parameters, arguments, returns, state_version },
        limits: header.limits()?,
        before,
        call,
        what: header.owned("what")?,
        sha256: header.owned("sha256")?,
        component: component.into(),
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
