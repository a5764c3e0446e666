//! The user's credentials for a registry, where `docker login` and `podman login` put them.

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential, get_podman_credential};
use oci_client::secrets::RegistryAuth;

/// The credentials for a registry; anonymous where there are none. An error says why those that are there cannot be read.
pub(super) fn of(registry: &str) -> Result<RegistryAuth, String> {
    // Docker keeps those of its own registry under another name.
    let docker = match registry {
        "docker.io" => "https://index.docker.io/v1/",
        other => other,
    };
    match get_credential(docker).or_else(|first| match is_absent(&first) {
        true => get_podman_credential(registry),
        false => Err(first),
    }) {
        Ok(DockerCredential::UsernamePassword(name, password)) => Ok(RegistryAuth::Basic(name, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(format!(
            "the credentials for {registry} are an identity token, which is not supported: log in with a password"
        )),
        Err(error) if is_absent(&error) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(format!("the credentials for {registry} cannot be read: {error}")),
    }
}

/// Whether there simply are none.
fn is_absent(error: &CredentialRetrievalError) -> bool {
    matches!(
        error,
        CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured
    )
}
