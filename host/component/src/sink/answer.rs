//! What a sink gives back, if it is what the contract promises; else what is wrong with it.

use streamgauge_common::message::Response;

use super::{Encoded, Outcome, exports::Given};
use crate::guest::words;

/// The longest body of a request, and the largest page for a scrape.
const BODY_BYTES_MAX: usize = 16 << 20;
const PAGE_BYTES_MAX: usize = 64 << 20;
/// The longest URL and the longest value of a header.
const LINE_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 100;
const METHOD_BYTES_MAX: usize = 16;
/// Headers that are of the connection: the client sets them.
const HEADERS_OF_CLIENT: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Requests that together carry so many deliveries.
pub(super) fn requests(requests: Vec<Given>, due: usize) -> Result<Vec<Encoded>, String> {
    let encoded: Vec<Encoded> = requests.into_iter().map(request).collect::<Result<_, _>>()?;
    let carried: u64 = encoded.iter().map(|encoded| u64::from(encoded.deliveries)).sum();
    if carried != due as u64 {
        return Err(format!("gave requests for {carried} deliveries where {due} were due"));
    }
    Ok(encoded)
}

fn request(Given { request, deliveries }: Given) -> Result<Encoded, String> {
    let Some(http) = request else {
        return Err("gave a message that is no HTTP request; others are not sent for plugins".to_owned());
    };
    if deliveries == 0 {
        return Err("gave a request that carries no delivery".to_owned());
    }
    let method = &http.method;
    if method.is_empty()
        || method.len() > METHOD_BYTES_MAX
        || !method.bytes().all(|byte| byte.is_ascii_uppercase())
    {
        return Err(format!("gave a request with the method `{}`", words(method)));
    }
    if http.url.is_empty() || !is_line(&http.url) || http.url.contains(' ') {
        return Err(
            "gave a request with a URL that is empty, too long or has characters no URL has".to_owned()
        );
    }
    if http.body.len() > BODY_BYTES_MAX {
        let bytes = http.body.len();
        return Err(format!("gave a body of {bytes} bytes, but one may have {BODY_BYTES_MAX} at most"));
    }
    check_headers(&http.headers)?;
    Ok(Encoded { request: http, deliveries })
}

/// One outcome a delivery.
pub(super) fn outcomes(outcomes: Vec<Outcome>, due: usize) -> Result<Vec<Outcome>, String> {
    match outcomes.len() == due {
        true => Ok(outcomes),
        false => Err(format!("gave {} outcomes for {due} deliveries", outcomes.len())),
    }
}

/// A page for a scrape.
pub(super) fn page(page: Response) -> Result<Response, String> {
    if !(200..=599).contains(&page.status) {
        return Err(format!("gave a page with the status {}", page.status));
    }
    if page.body.len() > PAGE_BYTES_MAX {
        let bytes = page.body.len();
        return Err(format!("gave a page of {bytes} bytes, but one may have {PAGE_BYTES_MAX} at most"));
    }
    check_headers(&page.headers)?;
    Ok(page)
}

/// Whether no header can be taken for more than it is.
fn check_headers(headers: &[(String, String)]) -> Result<(), String> {
    if headers.len() > HEADERS_MAX {
        return Err(format!("gave {} headers, but there may be {HEADERS_MAX} at most", headers.len()));
    }
    for (name, value) in headers {
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(is_token) {
            return Err(format!("gave a header with the name `{}`", words(name)));
        }
        if HEADERS_OF_CLIENT.iter().any(|of_client| name.eq_ignore_ascii_case(of_client)) {
            return Err(format!("gave the header `{name}`, which the host sets itself"));
        }
        if !is_line(value) {
            return Err(format!("gave the header `{name}` a value that is too long or no visible ASCII"));
        }
    }
    Ok(())
}

/// Visible ASCII and spaces, not too long.
fn is_line(text: &str) -> bool {
    text.len() <= LINE_BYTES_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

/// A character of a header's name (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
