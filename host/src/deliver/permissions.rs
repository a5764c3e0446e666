//! What the operator of a host lets programs reach: brokers, hosts, addresses to listen on, and files.
//!
//! Who may deploy a program may name any of these in it. Files and private addresses are closed unless the operator opens them; brokers
//! and public hosts are open unless the operator lists some.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{IpAddr, ToSocketAddrs as _},
    path::{Component, Path, PathBuf},
};

use reqwest::Url;
use streamgauge_sql::{
    Program,
    manifest::{OptionValue, Sink},
    table_options,
};

use super::http::address::{forbidden_host, is_link_local, is_never_reached};

/// What programs may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Kafka's brokers, `host:port` or `host`; none = any.
    pub brokers: Option<Vec<String>>,
    /// Hosts of URLs, `host` or `*.domain`; none = any that is public.
    pub url_hosts: Option<Vec<String>>,
    /// Hosts whose addresses need not be public.
    pub private_hosts: Vec<String>,
    /// Addresses that sinks may listen on, `address:port`.
    pub listen: Vec<String>,
    /// Folders in which files may be read and written.
    pub file_roots: Vec<PathBuf>,
    /// Secrets that go to some hosts only.
    pub secret_hosts: Vec<(String, Vec<String>)>,
}

/// What the operator does not let a program reach.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{what} is not allowed on this host\nhelp: the operator allows it with {setting} of [allow] in the configuration"
)]
pub struct Forbidden {
    /// What the program would reach.
    pub what: String,
    /// What the operator would set.
    pub setting: &'static str,
}

impl Permissions {
    /// Refuses what a program names as it stands. `files` are those that its sources read and its sinks write, `listens` are the addresses
    /// that its sinks listen on, each with who does.
    ///
    /// # Errors
    /// The first thing that is not allowed.
    pub fn check(
        &self,
        program: &Program,
        files: &[(String, PathBuf)],
        listens: &[(String, String)],
    ) -> Result<(), Forbidden> {
        for (who, path) in files {
            self.check_file(who, path)?;
        }
        for (who, address) in listens {
            if !self.listen.contains(address) {
                let what = format!("{who}: to listen on '{address}'");
                return Err(Forbidden { what, setting: "listen" });
            }
        }
        for source in &program.sources {
            let who = format!("source '{}'", source.name);
            if let Some(path) = &source.dead_letters {
                self.check_file(&format!("{who}: `dead_letters`"), Path::new(path))?;
            }
            self.check_options(&who, &source.options)?;
        }
        for table in &program.tables {
            if let Some(path) = table_options::path().text(&table.options) {
                self.check_file(&format!("table '{}'", table.name), Path::new(path))?;
            }
        }
        for sink in &program.sinks {
            self.check_options(&format!("sink '{}'", sink.name), &sink.options)?;
            if let Some(OptionValue::Text(url)) = sink.options.get("url") {
                self.check_url(sink, url)?;
            }
        }
        Ok(())
    }

    fn check_options(&self, who: &str, options: &BTreeMap<String, OptionValue>) -> Result<(), Forbidden> {
        for (key, value) in options {
            let OptionValue::Text(text) = value else { continue };
            if ["brokers", "bootstrap_servers", "kafka.bootstrap.servers"].contains(&key.as_str()) {
                self.check_brokers(who, text, options)?;
            } else if key.ends_with(".location") {
                self.check_file(&format!("{who}: `{key}`"), Path::new(text))?;
            }
        }
        Ok(())
    }

    fn check_brokers(
        &self,
        who: &str,
        brokers: &str,
        options: &BTreeMap<String, OptionValue>,
    ) -> Result<(), Forbidden> {
        for broker in brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
            let forbidden = || Forbidden { what: format!("{who}: broker '{broker}'"), setting: "brokers" };
            // A protocol may stand before it: SSL://host:port. What else has a slash the client might read in another way.
            let address = broker.split_once("://").map_or(broker, |(_, address)| address);
            if address.contains('/') {
                return Err(forbidden());
            }
            let host = host_of(broker);
            if is_never_reached(host) {
                return Err(Forbidden { setting: "nothing", ..forbidden() });
            }
            let allows = |one: &String| one.eq_ignore_ascii_case(address) || matches_host(one, host);
            if self.brokers.as_ref().is_some_and(|allowed| !allowed.iter().any(allows)) {
                return Err(forbidden());
            }
            self.check_secrets(who, host, options)?;
        }
        Ok(())
    }

    /// Refuses to send secrets to a host that they are not bound to.
    fn check_secrets(
        &self,
        who: &str,
        host: &str,
        options: &BTreeMap<String, OptionValue>,
    ) -> Result<(), Forbidden> {
        for name in options.values().flat_map(OptionValue::secrets) {
            let bound = self.secret_hosts.iter().find(|(bound, _)| bound == name);
            if bound.is_some_and(|(_, hosts)| !hosts.iter().any(|one| matches_host(one, host))) {
                let what = format!("{who}: to send secret '{name}' to '{host}'");
                return Err(Forbidden { what, setting: "secret_hosts" });
            }
        }
        Ok(())
    }

    /// Refuses to send a sink's requests to a URL. It may be a secret, so errors name its host only.
    ///
    /// # Errors
    /// Its host is not allowed.
    pub fn check_url(&self, sink: &Sink, url: &str) -> Result<(), Forbidden> {
        let who = format!("sink '{}'", sink.name);
        // What is no URL is refused elsewhere.
        let Some(host) = Url::parse(url).ok().and_then(|url| Some(url.host_str()?.to_owned())) else {
            return Ok(());
        };
        let is_one_of = |hosts: &[String]| hosts.iter().any(|one| matches_host(one, &host));
        let is_private = is_one_of(&self.private_hosts);
        if is_never_reached(&host) {
            return Err(Forbidden { what: format!("{who}: the address '{host}'"), setting: "nothing" });
        }
        let wants_private = sink.options.get("allow_private") == Some(&OptionValue::Text("true".into()));
        if (wants_private || forbidden_host(&host).is_some()) && !is_private {
            let what = format!("{who}: allow_private = 'true' for '{host}'");
            return Err(Forbidden { what, setting: "private_hosts" });
        }
        if !is_private && self.url_hosts.as_ref().is_some_and(|hosts| !is_one_of(hosts)) {
            return Err(Forbidden { what: format!("{who}: to send to '{host}'"), setting: "url_hosts" });
        }
        self.check_secrets(&who, &host, &sink.options)
    }

    /// Refuses to read or write a file.
    ///
    /// # Errors
    /// It is not beneath a folder that the operator has opened, or it is no plain file.
    pub fn check_file(&self, who: &str, path: &Path) -> Result<(), Forbidden> {
        // Whoever opens a pipe waits for its other side.
        let is_file = fs::metadata(path).map_or(true, |there| there.is_file());
        match is_file && self.file_roots.iter().any(|root| is_beneath(root, path)) {
            true => Ok(()),
            false => Err(Forbidden {
                what: format!("{who}: the file '{}'", path.display()),
                setting: "file_roots",
            }),
        }
    }
}

/// Refuses brokers of which a name leads to a link-local address, where clouds answer with credentials: asked when a client is about
/// to be opened. `lookup` gives the addresses of a name; one that has none now is left to the client, which looks for it until it has.
///
/// # Errors
/// The first broker that is not allowed.
pub fn check_resolved(
    who: &str,
    brokers: &str,
    lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>>,
) -> Result<(), Forbidden> {
    for broker in brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
        let host = host_of(broker);
        let leads = || lookup(host).is_ok_and(|found| found.into_iter().any(is_link_local));
        if is_never_reached(host) || leads() {
            let what = format!("{who}: broker '{broker}', whose address is link-local,");
            return Err(Forbidden { what, setting: "nothing" });
        }
    }
    Ok(())
}

/// The addresses of a name, as the system knows them.
pub fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    Ok((bare, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// The host of a broker. A protocol may stand before it, and a port behind it.
fn host_of(broker: &str) -> &str {
    let address = broker.split_once("://").map_or(broker, |(_, address)| address);
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

/// Whether a host is the one that is allowed; `*.domain` are all hosts of a domain.
fn matches_host(allowed: &str, host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let allowed = allowed.to_ascii_lowercase();
    match allowed.strip_prefix("*.") {
        Some(domain) => {
            host.strip_suffix(domain).is_some_and(|before| before.len() > 1 && before.ends_with('.'))
        }
        None => host == allowed,
    }
}

/// Whether a path is in a folder, as it is written and as the file system has it: no part of it below the folder is a link.
fn is_beneath(root: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(root) else { return false };
    let mut reached = root.to_owned();
    for part in below.components() {
        let Component::Normal(name) = part else { return false };
        reached.push(name);
        if fs::symlink_metadata(&reached).is_ok_and(|there| there.file_type().is_symlink()) {
            return false;
        }
    }
    root.is_absolute() && reached != *root
}

#[cfg(test)]
mod tests {
    use streamgauge_sql::manifest::Sink;

    use super::*;

    fn sink(options: &[(&str, &str)]) -> Sink {
        let value = |text: &str| match text.strip_prefix('$') {
            Some(name) => OptionValue::Secret(name.to_owned()),
            None => OptionValue::Text(text.to_owned()),
        };
        let options: BTreeMap<_, _> =
            options.iter().map(|&(key, text)| (key.to_owned(), value(text))).collect();
        Sink { name: "k".into(), connector: "webhook".into(), options, plugin: None }
    }

    fn program(sinks: Vec<Sink>) -> Program {
        Program { sources: Vec::new(), tables: Vec::new(), sinks, queries: Vec::new() }
    }

    #[test]
    fn hosts_are_matched_as_they_are_written() {
        for (allowed, host, fits) in [
            ("a.example", "A.Example.", true),
            ("a.example", "b.a.example", false),
            ("*.example", "a.example", true),
            ("*.example", "b.a.example", true),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("*.example", "aexample", false),
        ] {
            assert_eq!(matches_host(allowed, host), fits, "{allowed} {host}");
        }
    }

    #[test]
    fn what_is_private_is_closed_and_what_is_link_local_stays_so() {
        let refused = |permissions: &Permissions, options: &[(&str, &str)]| {
            let sink = sink(options);
            permissions.check(&program(vec![sink]), &[], &[]).err().map(|forbidden| forbidden.setting)
        };
        let closed = Permissions::default();
        assert_eq!(refused(&closed, &[("url", "https://hooks.example/x")]), None);
        for url in ["http://127.0.0.1/", "http://2130706433/", "http://[::1]/", "http://localhost:8/"] {
            assert_eq!(refused(&closed, &[("url", url)]), Some("private_hosts"), "{url}");
            assert_eq!(refused(&closed, &[("url", url), ("allow_private", "true")]), Some("private_hosts"));
        }
        let by_name = [("url", "http://inside.example/"), ("allow_private", "true")];
        assert_eq!(refused(&closed, &by_name), Some("private_hosts"));
        let open = Permissions {
            private_hosts: vec!["127.0.0.1".into(), "inside.example".into(), "169.254.169.254".into()],
            ..Permissions::default()
        };
        assert_eq!(refused(&open, &by_name), None);
        assert_eq!(refused(&open, &[("url", "http://2130706433/"), ("allow_private", "true")]), None);
        for url in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/"] {
            let told = refused(&open, &[("url", url), ("allow_private", "true")]);
            assert!(told.is_some(), "{url}");
        }
        let listed = Permissions { url_hosts: Some(vec!["*.example".into()]), ..Permissions::default() };
        assert_eq!(refused(&listed, &[("url", "https://hooks.example/x")]), None);
        assert_eq!(refused(&listed, &[("url", "https://hooks.example.org/")]), Some("url_hosts"));
        let bound = Permissions {
            secret_hosts: vec![("TOKEN".into(), vec!["hooks.example".into()])],
            ..Permissions::default()
        };
        let secret = |url| [("url", url), ("signing_secret", "$TOKEN")];
        assert_eq!(refused(&bound, &secret("https://hooks.example/")), None);
        assert_eq!(refused(&bound, &secret("https://evil.example/")), Some("secret_hosts"));
        let listens = [("sink".to_owned(), "127.0.0.1:9464".to_owned())];
        assert_eq!(closed.check(&program(Vec::new()), &[], &listens).unwrap_err().setting, "listen");
        let brokers = |brokers| [("brokers", brokers), ("kafka.sasl.password", "$TOKEN")];
        assert_eq!(refused(&bound, &brokers("hooks.example:9092")), None);
        assert_eq!(refused(&bound, &brokers("evil.example:9092")), Some("secret_hosts"));
        assert_eq!(refused(&closed, &[("brokers", "169.254.169.254:80")]), Some("nothing"));
    }

    #[test]
    fn brokers_are_those_that_are_listed() {
        let permissions = Permissions {
            brokers: Some(vec!["kafka:9092".into(), "*.kafka".into()]),
            ..Permissions::default()
        };
        for (brokers, fits) in [
            ("kafka:9092", true),
            ("KAFKA:9092, b-1.kafka:1", true),
            ("SSL://kafka:9092", true),
            ("kafka:9093", false),
            ("kafka:9092,evil:9092", false),
            ("PLAINTEXT://evil:8590/://kafka:9092", false),
            ("evil:8590/.x.kafka:1", false),
            ("SSL://PLAINTEXT://kafka:9092", false),
        ] {
            let program = program(vec![sink(&[("brokers", brokers)])]);
            assert_eq!(permissions.check(&program, &[], &[]).is_ok(), fits, "{brokers}");
        }
    }

    #[test]
    fn names_of_brokers_that_lead_to_link_local_addresses_are_refused() {
        let lookup = |name: &str| match name {
            "public" => Ok(vec!["192.0.2.1".parse().unwrap()]),
            "private" => Ok(vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()]),
            "metadata" => Ok(vec!["192.0.2.1".parse().unwrap(), "169.254.169.254".parse().unwrap()]),
            "six" => Ok(vec!["fe80::1".parse().unwrap()]),
            "mapped" => Ok(vec!["::ffff:169.254.1.1".parse().unwrap()]),
            _ => Err(io::Error::other("no such name")),
        };
        let refused = |brokers: &str| check_resolved("source 's'", brokers, lookup).err();
        for brokers in ["public:9092", "SSL://private:1, public", "unknown:9092", "", "10.0.0.1:9092"] {
            assert_eq!(refused(brokers), None, "{brokers}");
        }
        for brokers in
            ["metadata:80", "public:1,SSL://six:1", "mapped", "169.254.169.254:80", "[fe80::1]:9092"]
        {
            assert_eq!(refused(brokers).map(|forbidden| forbidden.setting), Some("nothing"), "{brokers}");
        }
        let told = refused("public:1, metadata:80").unwrap().to_string();
        assert!(
            told.starts_with("source 's': broker 'metadata:80', whose address is link-local, is not allowed"),
            "{told}"
        );
        assert!(look_up("localhost").unwrap().iter().all(IpAddr::is_loopback));
        assert_eq!(look_up("[::1]").unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn files_are_beneath_a_root_and_no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("data");
        fs::create_dir_all(root.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("in/link")).unwrap();
        let permissions = Permissions { file_roots: vec![root.clone()], ..Permissions::default() };
        let fits =
            |path: PathBuf| permissions.check(&program(Vec::new()), &[("s".into(), path)], &[]).is_ok();
        assert!(fits(root.join("a.jsonl")));
        assert!(fits(root.join("in/b.jsonl")));
        for path in [
            root.clone(),
            root.join("../x"),
            root.join("in/../../x"),
            root.join("out/passwd"),
            root.join("in/link"),
            folder.path().join("data-2/x"),
            PathBuf::from("a.jsonl"),
            PathBuf::from("/etc/passwd"),
        ] {
            assert!(!fits(path.clone()), "{}", path.display());
        }
        let none = Permissions::default();
        assert!(none.check(&program(Vec::new()), &[("s".into(), root.join("a"))], &[]).is_err());
        let located = program(vec![sink(&[("kafka.ssl.ca.location", "/etc/ssl/ca.pem")])]);
        assert!(permissions.check(&located, &[], &[]).is_err());
    }
}
