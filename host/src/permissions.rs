//! What the operator of a host lets programs reach: brokers, hosts, addresses to listen on, and files.
//!
//! Who may deploy a program may name any of these in it. Files and private addresses are closed unless the operator opens them; brokers
//! and public hosts are open unless the operator lists some.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use reqwest::Url;
use streamgauge_sql::{
    Program,
    manifest::{OptionValue, Sink},
};

use crate::deliver::http::address::{forbidden_host, is_never_reached};

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
    /// Refuses what a program names as it stands. `files` are those that its sources read and its sinks write, with who does.
    ///
    /// # Errors
    /// The first thing that is not allowed.
    pub fn check(&self, program: &Program, files: &[(String, PathBuf)]) -> Result<(), Forbidden> {
        for (who, path) in files {
            self.check_file(who, path)?;
        }
        for source in &program.sources {
            let who = format!("source '{}'", source.name);
            if let Some(path) = &source.dead_letters {
                self.check_file(&format!("{who}: `dead_letters`"), Path::new(path))?;
            }
            for (key, value) in &source.options {
                self.check_option(&who, key, value)?;
            }
        }
        for sink in &program.sinks {
            let who = format!("sink '{}'", sink.name);
            for (key, value) in &sink.options {
                self.check_option(&who, key, value)?;
            }
            if let Some(OptionValue::Text(url)) = sink.options.get("url") {
                self.check_url(sink, url)?;
            }
        }
        Ok(())
    }

    fn check_option(&self, who: &str, key: &str, value: &OptionValue) -> Result<(), Forbidden> {
        let OptionValue::Text(text) = value else { return Ok(()) };
        match key {
            "brokers" | "bootstrap_servers" | "kafka.bootstrap.servers" => self.check_brokers(who, text),
            "listen" if !self.listen.contains(text) => {
                Err(Forbidden { what: format!("{who}: to listen on '{text}'"), setting: "listen" })
            }
            key if key.ends_with(".location") => self.check_file(&format!("{who}: `{key}`"), Path::new(text)),
            _ => Ok(()),
        }
    }

    fn check_brokers(&self, who: &str, brokers: &str) -> Result<(), Forbidden> {
        let Some(allowed) = &self.brokers else { return Ok(()) };
        for broker in brokers.split(',').map(str::trim).filter(|broker| !broker.is_empty()) {
            // A protocol may stand before it: SSL://host:port.
            let broker = broker.rsplit_once("://").map_or(broker, |(_, broker)| broker);
            let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
            if !allowed.iter().any(|one| one.eq_ignore_ascii_case(broker) || matches_host(one, host)) {
                return Err(Forbidden { what: format!("{who}: broker '{broker}'"), setting: "brokers" });
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
        for name in sink.options.values().flat_map(OptionValue::secrets) {
            let bound = self.secret_hosts.iter().find(|(bound, _)| bound == name);
            if bound.is_some_and(|(_, hosts)| !is_one_of(hosts)) {
                let what = format!("{who}: to send secret '{name}' to '{host}'");
                return Err(Forbidden { what, setting: "secret_hosts" });
            }
        }
        Ok(())
    }

    fn check_file(&self, who: &str, path: &Path) -> Result<(), Forbidden> {
        match self.file_roots.iter().any(|root| is_beneath(root, path)) {
            true => Ok(()),
            false => Err(Forbidden {
                what: format!("{who}: the file '{}'", path.display()),
                setting: "file_roots",
            }),
        }
    }
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
    use std::collections::BTreeMap;

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
        Program { sources: Vec::new(), sinks, queries: Vec::new() }
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
            permissions.check(&program(vec![sink]), &[]).err().map(|forbidden| forbidden.setting)
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
        assert_eq!(refused(&closed, &[("listen", "127.0.0.1:9464")]), Some("listen"));
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
        ] {
            let program = program(vec![sink(&[("brokers", brokers)])]);
            assert_eq!(permissions.check(&program, &[]).is_ok(), fits, "{brokers}");
        }
    }

    #[test]
    fn files_are_beneath_a_root_and_no_link_leads_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("data");
        fs::create_dir_all(root.join("in")).unwrap();
        std::os::unix::fs::symlink("/etc", root.join("out")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("in/link")).unwrap();
        let permissions = Permissions { file_roots: vec![root.clone()], ..Permissions::default() };
        let fits = |path: PathBuf| permissions.check(&program(Vec::new()), &[("s".into(), path)]).is_ok();
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
        assert!(none.check(&program(Vec::new()), &[("s".into(), root.join("a"))]).is_err());
        let located = program(vec![sink(&[("kafka.ssl.ca.location", "/etc/ssl/ca.pem")])]);
        assert!(permissions.check(&located, &[]).is_err());
    }
}
