//! A request, read to its end, and whether it is signed as Standard Webhooks says.

use std::io::{self, BufRead, Error, ErrorKind};

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use streamgauge_common::clock;

/// What signs the requests: 24 bytes, as the environment has them and as they are.
pub(crate) const SECRET_NAME: &str = "KILLS_HOOK_SECRET";
const SECRET: &[u8; 24] = b"streamgauge-kills-secret";
/// Bounds of what is read.
const HEAD_LINES_MAX: usize = 64;
const BODY_BYTES_MAX: usize = 1 << 20;
/// How old a signature may be.
const AGE_S_MAX: i64 = 300;

/// The secret as the environment has it.
pub(crate) fn secret() -> String {
    format!("whsec_{}", STANDARD.encode(SECRET))
}

/// A request that was read completely.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) line: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// Reads it to its end; one that is cut short is an error.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        let mut request = Self { line: line(reader)?, ..Self::default() };
        loop {
            let header = line(reader)?;
            let Some((name, value)) = header.split_once(':') else { break };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            if request.headers.len() > HEAD_LINES_MAX {
                return Err(Error::new(ErrorKind::InvalidData, "too many headers"));
            }
        }
        let length = request.header("content-length").and_then(|length| length.parse().ok());
        let length: usize = length.filter(|&length| length <= BODY_BYTES_MAX).unwrap_or_default();
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        request.body = String::from_utf8_lossy(&body).into_owned();
        Ok(request)
    }

    /// A header's value; none where it is missing or there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name);
        let value = values.next().map(|(_, value)| value.as_str());
        value.filter(|_| values.next().is_none())
    }

    /// Its idempotency key, if everything around the body is as it should be.
    pub(crate) fn key(&self) -> Result<String, String> {
        if !self.line.starts_with("POST /hook HTTP/1.1") {
            return Err(format!("'{}' was asked", self.line));
        }
        let header = |name: &str| self.header(name).ok_or_else(|| format!("no single header '{name}'"));
        let id = header("webhook-id")?;
        let quoted = header("idempotency-key")?;
        if quoted != format!("\"{id}\"") || id.is_empty() {
            return Err(format!("the keys differ: {quoted} and {id}"));
        }
        let time = header("webhook-timestamp")?;
        let age_s = time.parse::<i64>().map(|time_s| clock::now_us() / 1_000_000 - time_s);
        if !age_s.is_ok_and(|age_s| age_s.abs() <= AGE_S_MAX) {
            return Err(format!("webhook-timestamp is {time}"));
        }
        let signature = signature(id, time, &self.body);
        if !header("webhook-signature")?.split(' ').any(|one| one == signature) {
            return Err(format!("the signature of {id} is wrong"));
        }
        Ok(id.to_owned())
    }
}

fn signature(id: &str, time: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(format!("{id}.{time}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A request as it should be.
#[cfg(test)]
pub(crate) fn signed(key: &str, body: &str) -> Request {
    let time = (clock::now_us() / 1_000_000).to_string();
    let headers = [
        ("content-length", body.len().to_string()),
        ("idempotency-key", format!("\"{key}\"")),
        ("webhook-id", key.to_owned()),
        ("webhook-signature", format!("v1,another {}", signature(key, &time, body))),
        ("webhook-timestamp", time),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
    Request { line: "POST /hook HTTP/1.1".to_owned(), headers, body: body.to_owned() }
}

fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    if !line.ends_with('\n') {
        return Err(Error::from(ErrorKind::UnexpectedEof));
    }
    Ok(line.trim_end().to_owned())
}
