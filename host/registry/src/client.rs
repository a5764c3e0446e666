//! Pushes and pulls over the distribution protocol of OCI.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use oci_client::{
    Client,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest},
};
use tokio::{io::AsyncWrite, runtime};

use super::{
    artifact::{component_layer, config, layer},
    credentials,
    kept::{Kept, digest},
    location::Location,
};

/// How long a registry may take to accept a connection, and then between two parts of an answer.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// A component from a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Its bytes, of the digest that its manifest says.
    pub component: Vec<u8>,
    /// The digest of the manifest, by which the same component is found again.
    pub digest: String,
}

/// A component in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of its manifest.
    pub digest: String,
}

/// Why a component was not pulled; the text is the end of a sentence about its location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// The registry cannot be asked, or refuses: another time it may not.
    #[error("cannot be pulled: {0}")]
    Registry(String),
    /// What is there is no component.
    #[error("is no component: {0}")]
    NoComponent(String),
    /// It has more bytes than are read.
    #[error("has {bytes} bytes, but a component may have {bytes_max} at most")]
    TooLarge {
        /// What its manifest says.
        bytes: u64,
        /// The limit.
        bytes_max: usize,
    },
    /// What came is not what its digest says.
    #[error("was not pulled: {0}")]
    OtherBytes(String),
}

/// Why a component was not pushed; the text is the end of a sentence about its location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// It says which bytes are there already.
    #[error("has a digest, which only the registry gives: name a tag alone")]
    HasDigest,
    /// The registry cannot be asked, or refuses.
    #[error("was not pushed to: {0}")]
    Registry(String),
}

/// Fetches a component. With a digest in `location` and the component in `kept` no registry is asked. Without `kept` nothing is kept.
///
/// # Errors
/// See [`PullError`].
pub fn pull(location: &Location, kept: Option<&Kept>, bytes_max: usize) -> Result<Pulled, PullError> {
    if let Some(pulled) = location.digest().zip(kept).and_then(|(wanted, kept)| from_kept(kept, wanted)) {
        return Ok(pulled);
    }
    let (pulled, manifest) = block_on(PullError::Registry, fetch(location, bytes_max))?;
    if let Some(kept) = kept {
        // A folder that cannot be written to costs time at the next start, no more.
        let _ = kept.put(&manifest).and_then(|()| kept.put(&pulled.component));
    }
    Ok(pulled)
}

/// Stores a component, and says under which digest. `exports` are the names of the interfaces that it exports.
///
/// # Errors
/// See [`PushError`].
pub fn push(location: &Location, component: Vec<u8>, exports: &[String]) -> Result<Pushed, PushError> {
    if location.digest().is_some() {
        return Err(PushError::HasDigest);
    }
    let auth = credentials::of(location.registry()).map_err(PushError::Registry)?;
    let config = config(&component, exports);
    let layers = [layer(component, location.file_name())];
    let manifest = OciImageManifest::build(&layers, &config, None);
    block_on(PushError::Registry, async {
        let client = client(location);
        let reference = location.reference();
        client
            .push(reference, &layers, config, &auth, Some(manifest))
            .await
            .map_err(|error| PushError::Registry(told(location, &error)))?;
        let digest = client.fetch_manifest_digest(reference, &auth).await;
        Ok(Pushed { digest: digest.map_err(|error| PushError::Registry(told(location, &error)))? })
    })
}

/// What was pulled before under the digest of a manifest.
fn from_kept(kept: &Kept, wanted: &str) -> Option<Pulled> {
    let manifest: OciImageManifest = serde_json::from_slice(&kept.get(wanted)?).ok()?;
    let component = kept.get(&component_layer(&manifest).ok()?.digest)?;
    Some(Pulled { component, digest: wanted.to_owned() })
}

/// A component and the bytes of its manifest.
async fn fetch(location: &Location, bytes_max: usize) -> Result<(Pulled, Vec<u8>), PullError> {
    let auth = credentials::of(location.registry()).map_err(PullError::Registry)?;
    let (client, reference) = (client(location), location.reference());
    let manifest = client.pull_manifest_raw(reference, &auth, &[OCI_IMAGE_MEDIA_TYPE]).await;
    let (bytes, _) = manifest.map_err(|error| pull_error(location, &error))?;
    // Not what the registry says that it is, but what it is.
    let found = digest(&bytes);
    if let Some(wanted) = location.digest().filter(|wanted| *wanted != found) {
        return Err(PullError::OtherBytes(format!("its manifest has the digest {found}, not {wanted}")));
    }
    let no_manifest = |error: serde_json::Error| {
        PullError::NoComponent(format!("its manifest is not one of an OCI artifact: {error}"))
    };
    let manifest: OciImageManifest = serde_json::from_slice(&bytes).map_err(no_manifest)?;
    let layer = component_layer(&manifest).map_err(PullError::NoComponent)?;
    let size = u64::try_from(layer.size).unwrap_or(0);
    if size > bytes_max as u64 {
        return Err(PullError::TooLarge { bytes: size, bytes_max });
    }
    let mut component = Bounded { bytes: Vec::new(), bytes_max: size as usize };
    client.pull_blob(reference, layer, &mut component).await.map_err(|error| pull_error(location, &error))?;
    Ok((Pulled { component: component.bytes, digest: found }, bytes.to_vec()))
}

fn client(location: &Location) -> Client {
    let protocol = if location.is_local() { ClientProtocol::Http } else { ClientProtocol::Https };
    Client::new(ClientConfig {
        protocol,
        connect_timeout: Some(CONNECT_TIMEOUT),
        read_timeout: Some(READ_TIMEOUT),
        user_agent: concat!("streamgauge/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    })
}

/// Runs one exchange with a registry on a runtime of its own.
fn block_on<T, E>(failed: fn(String) -> E, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| failed(format!("no runtime starts: {error}")))?.block_on(work)
}

fn pull_error(location: &Location, error: &OciDistributionError) -> PullError {
    match error {
        OciDistributionError::DigestError(error) => PullError::OtherBytes(error.to_string()),
        OciDistributionError::IoError(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            PullError::OtherBytes("its layer has more bytes than its manifest says".to_owned())
        }
        error => PullError::Registry(told(location, error)),
    }
}

/// An error of the client, in words that say what to do.
fn told(location: &Location, error: &OciDistributionError) -> String {
    let registry = location.registry();
    let absent = || "the registry has nothing under this name".to_owned();
    let unauthorized = || {
        format!(
            "the registry does not accept the credentials for it: run `docker login {registry}` or `podman login {registry}`"
        )
    };
    match error {
        OciDistributionError::ImageManifestNotFoundError(_)
        | OciDistributionError::ServerError { code: 404, .. } => absent(),
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_)
        | OciDistributionError::ServerError { code: 401 | 403, .. } => unauthorized(),
        OciDistributionError::RegistryError { envelope, .. } => {
            match envelope.errors.first().map(|first| &first.code) {
                Some(
                    OciErrorCode::ManifestUnknown
                    | OciErrorCode::NameUnknown
                    | OciErrorCode::BlobUnknown
                    | OciErrorCode::NotFound,
                ) => absent(),
                Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => unauthorized(),
                _ => causes(error),
            }
        }
        OciDistributionError::RequestError(error) => {
            format!("the registry does not answer: {}", causes(error))
        }
        error => causes(error),
    }
}

/// An error with its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let error_text = error.to_string();
        if !text.contains(&error_text) {
            text = format!("{text}: {error_text}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Bytes up to a number that is known before they come.
struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl AsyncWrite for Bounded {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, more: &[u8]) -> Poll<io::Result<usize>> {
        if self.bytes.len() + more.len() > self.bytes_max {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        self.bytes.extend_from_slice(more);
        Poll::Ready(Ok(more.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
