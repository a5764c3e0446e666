//! Looks hosts up for the client, and gives it only addresses that may be reached.
//!
//! The client connects to what it gets here and asks again for every new connection, so there is nothing between the check
//! and the connection that a name server could change.

use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address;

/// The addresses of a host, some time later.
pub type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks hosts up. A clone is the same resolver.
#[derive(Clone)]
pub struct Resolver {
    allow_private: bool,
    never_link_local: bool,
    lookup: Arc<dyn Fn(String) -> Looking + Send + Sync>,
}

/// A name has no address that may be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// It has addresses, none of them public.
    #[error("its name leads to {0} address; set allow_private = true if that is meant")]
    Forbidden(&'static str),
    /// It has none at all.
    #[error("its name has no address")]
    Nowhere,
}

impl Resolver {
    /// Asks the system.
    pub fn new(allow_private: bool) -> Self {
        Self::with_lookup(allow_private, |host| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    /// Asks somebody else.
    pub fn with_lookup(
        allow_private: bool,
        lookup: impl Fn(String) -> Looking + Send + Sync + 'static,
    ) -> Self {
        Self { allow_private, never_link_local: false, lookup: Arc::new(lookup) }
    }

    /// Refuses link-local addresses, where clouds answer with credentials, whatever else is allowed.
    #[must_use]
    pub fn never_link_local(self) -> Self {
        Self { never_link_local: true, ..self }
    }

    /// Whether all addresses may be reached.
    pub fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// The addresses of a host that may be reached, at least one; the error's cause may be an [`Unresolved`].
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>> {
        let mut found = (self.lookup)(host.to_owned()).await?;
        let mut refused = Unresolved::Nowhere;
        found.retain(|&address| match address::forbidden(address) {
            Some(kind)
                if !self.allow_private || (self.never_link_local && address::is_link_local(address)) =>
            {
                refused = Unresolved::Forbidden(kind);
                false
            }
            _ => true,
        });
        if found.is_empty() { Err(refused.into()) } else { Ok(found) }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.addresses(name.as_str()).await?;
            // Port 0 stands for the URL's.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolver").field("allow_private", &self.allow_private).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(allow_private: bool, found: &'static [&'static str]) -> Resolver {
        Resolver::with_lookup(allow_private, |_| {
            Box::pin(async { Ok(found.iter().map(|address| address.parse().unwrap()).collect()) })
        })
    }

    async fn found(resolver: Resolver) -> Result<Vec<String>, Unresolved> {
        let found = resolver.addresses("hooks.example").await;
        found
            .map(|found| found.iter().map(IpAddr::to_string).collect())
            .map_err(|error| *error.downcast_ref().unwrap())
    }

    #[tokio::test]
    async fn of_a_mix_only_what_is_public_is_left() {
        let mixed = &["10.0.0.1", "93.184.216.34", "::1", "2606:4700::1111", "169.254.169.254"];
        assert_eq!(found(fake(false, mixed)).await.unwrap(), ["93.184.216.34", "2606:4700::1111"]);
        assert_eq!(found(fake(true, mixed)).await.unwrap().len(), 5);
    }

    #[tokio::test]
    async fn a_name_without_a_public_address_says_which_it_has() {
        assert_eq!(
            found(fake(false, &["::ffff:8.8.8.8"])).await,
            Err(Unresolved::Forbidden("an IPv4-mapped"))
        );
        assert_eq!(
            found(fake(false, &["127.0.0.1", "10.1.1.1"])).await,
            Err(Unresolved::Forbidden("a private"))
        );
        assert_eq!(found(fake(true, &[])).await, Err(Unresolved::Nowhere));
    }

    #[tokio::test]
    async fn the_system_knows_this_machine() {
        assert!(Resolver::new(true).addresses("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
        let refused = Resolver::new(false).addresses("localhost").await.unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&Unresolved::Forbidden("a loopback")));
    }
}
