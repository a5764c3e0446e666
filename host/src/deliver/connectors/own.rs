//! Connectors of users: CREATE CONNECTOR names a component that makes HTTP requests.
//!
//! Its requests go where the option `url` says and nowhere else (`http/client.rs`), so a component cannot send rows or secrets to
//! another address. It must describe that option, and the program must give it.

use std::time::Duration;

use streamgauge_component::sink::LoadedSink;
use streamgauge_sql::connector::{OptionSpec, SecretUse};

use super::{
    component,
    http::{HttpConnector, headers, on_ambiguous, signing_secret},
};
use crate::deliver::http::declared::is_address;

/// Requests of different groups are under way at the same time.
pub fn own() -> HttpConnector {
    let options = || vec![signing_secret(), headers(), on_ambiguous()];
    HttpConnector { name: "", own: options, secrets: &[], in_one_lane: false, gap: Duration::ZERO }
}

/// What WITH takes of such a connector.
///
/// # Errors
/// What its component lacks, or has too much.
pub fn options(loaded: &LoadedSink) -> Result<Vec<OptionSpec>, String> {
    if loaded.component.answers_scrapes() {
        return Err("answers scrapes, and a connector of your own makes requests".to_owned());
    }
    let described: Vec<OptionSpec> = component::specs(&loaded.description, SecretUse::Allowed)
        .map(|spec| if is_address(&spec.name) { spec.required("https://...") } else { spec })
        .collect();
    if !described.iter().any(|spec| is_address(&spec.name)) {
        return Err("describes no option `url`, which says where its requests go".to_owned());
    }
    let host: Vec<OptionSpec> = own().host_options().collect();
    if let Some(taken) = described.iter().find(|spec| host.iter().any(|known| known.name == spec.name)) {
        return Err(format!("describes an option `{}`, which the host has itself", taken.name));
    }
    Ok(described.into_iter().chain(host).collect())
}
