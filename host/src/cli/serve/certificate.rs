//! The certificate with which the API answers: read at the start, and again on SIGHUP.

use std::{fs, io, path::Path};

use openssl::pkey::PKey;
use tokio::sync::watch;
use tokio_native_tls::{
    TlsAcceptor,
    native_tls::{self, Identity},
};
use tracing::{error, info};

use crate::{cli::Failure, config::Config};

/// The certificate that holds now; new connections begin with it.
pub(super) struct Certificate(watch::Sender<TlsAcceptor>);

impl Certificate {
    /// Reads the certificate that a configuration names, if it names one.
    pub(super) fn read(config: &Config) -> Result<Option<Self>, Failure> {
        let Some((chain, key)) = &config.server.tls else { return Ok(None) };
        let acceptor = acceptor(chain, key).map_err(|why| Failure::Input(format!("error: TLS: {why}")))?;
        Ok(Some(Self(watch::Sender::new(acceptor))))
    }

    /// What a connection begins with.
    pub(super) fn follow(&self) -> watch::Receiver<TlsAcceptor> {
        self.0.subscribe()
    }

    /// Reads it again. One that cannot be used changes nothing.
    pub(super) fn reload(&self, config: &Config) {
        // Without one the host has to be started anew.
        let Some((chain, key)) = &config.server.tls else { return };
        match acceptor(chain, key) {
            Ok(acceptor) => {
                self.0.send_replace(acceptor);
                info!("the certificate was read again; connections that are made from now on get it");
            }
            Err(why) => {
                error!("error: the certificate is not read again, and the one before it stays: TLS: {why}");
            }
        }
    }
}

/// An error is which file cannot be used, with why.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, String> {
    let wrong = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let read = |path: &Path| fs::read(path).map_err(|error: io::Error| wrong(path, &error));
    let (chain, secret) = (read(certificate)?, read(key)?);
    // In whichever of its forms a key is: the library takes one of them.
    let secret = PKey::private_key_from_pem(&secret).and_then(|key| key.private_key_to_pem_pkcs8());
    let secret = secret
        .map_err(|error| wrong(key, &format!("it is no private key in PEM without a password: {error}")))?;
    let identity = Identity::from_pkcs8(&chain, &secret).map_err(|error| wrong(certificate, &error))?;
    let acceptor = native_tls::TlsAcceptor::builder(identity)
        .min_protocol_version(Some(native_tls::Protocol::Tlsv12))
        .build()
        .map_err(|error| wrong(certificate, &error))?;
    Ok(acceptor.into())
}
