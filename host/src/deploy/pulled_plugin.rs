//! The components of users that a program names in a registry: `FROM 'oci://REGISTRY/NAME:TAG@sha256:DIGEST'`.

use std::env;

use streamgauge_registry::{Kept, Location, PullError, pull as pull_from_registry};
use streamgauge_sql::catalog::{PluginWarning, WrongPlugin};

use crate::cache_folder::cache_folder;

/// The bytes of a component that is not larger than one may be. A location without a digest gets a warning: the next start may find
/// another component there.
pub fn pull(location: &str, bytes_max: usize) -> Result<(Vec<u8>, Option<PluginWarning>), WrongPlugin> {
    let wrong = |message: String, help: Option<String>| WrongPlugin { option: None, message, help };
    let location: Location = location.parse().map_err(|error| wrong(format!("{error}"), None))?;
    let pulled = pull_from_registry(&location, kept().as_ref(), bytes_max).map_err(|error| {
        let help = match &error {
            PullError::Registry(_) if location.digest().is_none() => Some(
                "a location with a digest needs the registry only once: write NAME:TAG@sha256:DIGEST"
                    .to_owned(),
            ),
            PullError::TooLarge { .. } => {
                Some("the operator raises the limit with --limit max_component_bytes=SIZE".to_owned())
            }
            PullError::NoComponent(_) => {
                Some("`streamgauge plugin push` stores components as they are read here".to_owned())
            }
            _ => None,
        };
        wrong(format!("{location} {error}"), help)
    })?;
    let warning = location.digest().is_none().then(|| PluginWarning {
        message: "the location has no digest, so another component may be there at the next start".to_owned(),
        help: format!("to keep this one, write '{}'", location.at(&pulled.digest)),
    });
    Ok((pulled.component, warning))
}

/// Where components of registries are kept between runs: `components` in the user's cache folder; none where there is no such folder.
pub fn kept() -> Option<Kept> {
    Some(Kept::new(cache_folder(|name| env::var_os(name))?.join("components")))
}
