//! A broker that asks for TLS, a password and permissions.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use streamgauge_kafka::create_topic;

use super::{broker::broker, outage::kafka, *};

const PASSWORD: &str = "gauge-secret";

/// A broker with two addresses, one of them secure; gone when dropped.
struct Secure {
    folder: tempfile::TempDir,
    open: Connection,
    address: String,
}

impl Secure {
    fn start() -> Option<Self> {
        broker()?;
        let folder = tempfile::tempdir().unwrap();
        let addresses = kafka(&["start-secure", folder.path().to_str().unwrap()]);
        let (open, address) = addresses.split_once(' ').unwrap();
        let open = Connection { brokers: open.into(), ..Connection::default() };
        Some(Self { open, address: address.into(), folder })
    }

    fn path(&self) -> &str {
        self.folder.path().to_str().unwrap()
    }

    fn grant(&self, options: &[&str]) {
        kafka(&[&["grant", self.path()], options].concat());
    }

    /// How to reach the secure address, as it should be.
    fn options(&self) -> Vec<(&'static str, String)> {
        vec![
            ("security.protocol", "SASL_SSL".into()),
            ("sasl.mechanism", "SCRAM-SHA-512".into()),
            ("sasl.username", "gauge".into()),
            ("sasl.password", PASSWORD.into()),
            ("ssl.ca.location", format!("{}/ca.pem", self.path())),
        ]
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        kafka(&["stop", self.path()]);
    }
}

#[test]
fn what_is_wrong_with_a_connection_is_told_at_once() {
    let Some(secure) = Secure::start() else { return };
    let told = |changes: &[(&str, &str)]| {
        let mut properties: BTreeMap<String, String> =
            secure.options().into_iter().map(|(name, value)| (name.into(), value)).collect();
        for &(name, value) in changes {
            properties.remove(name);
            if !value.is_empty() {
                properties.insert(name.into(), value.into());
            }
        }
        let connection = Connection { brokers: secure.address.clone(), properties };
        let Event::Waiting { message } = next(&mut open(&connection, reading("requests"))) else {
            panic!("it cannot be read")
        };
        message
    };
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("sasl.password", "other")], "invalid credentials"),
        (&[("sasl.mechanism", "PLAIN")], "supported mechanisms: SCRAM-SHA-512"),
        (&[("ssl.ca.location", "")], "certificate verify failed"),
        (&[("security.protocol", "SASL_PLAINTEXT")], "does security_protocol fit this address?"),
        (&[], "topic 'requests' may not be read: allow its user Read"),
    ];
    create_topic(&secure.open, "requests", 1).unwrap();
    for (changes, expected) in cases {
        let message = told(changes);
        assert!(message.contains(expected), "{changes:?}: {message}");
        assert!(!message.contains(PASSWORD), "{message}");
    }
}

#[test]
fn who_may_see_a_topic_and_not_read_it_waits_for_the_permission() {
    let Some(secure) = Secure::start() else { return };
    create_topic(&secure.open, "requests", 2).unwrap();
    write(&secure.open, "requests", 0, 0..100);
    write(&secure.open, "requests", 1, 0..10);
    secure.grant(&["--operation", "Describe", "--topic", "requests"]);
    let properties = secure.options().into_iter().map(|(name, value)| (name.into(), value)).collect();
    let connection = Connection { brokers: secure.address.clone(), properties };
    let mut source = open(&connection, reading("requests"));
    let starts = [next(&mut source), next(&mut source)];
    assert!(starts.iter().all(|event| matches!(event, Event::Started(_))), "{starts:?}");
    let Event::Waiting { message } = next(&mut source) else { panic!("it may not be read") };
    assert_eq!(message, "topic 'requests' may not be read: allow its user Read");
    assert_quiet(&mut source, Duration::from_secs(4), "nothing has changed");
    secure.grant(&["--operation", "Read", "--topic", "requests"]);
    let (mut records, mut resumed) = (0, false);
    while records < 110 || !resumed {
        match next(&mut source) {
            Event::Records(chunk) => records += chunk.len(),
            Event::Resumed => resumed = true,
            Event::ReachedEnd { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(records, 110);
}

/// Starts the host on a query that reads and writes at the secure address.
fn host(secure: &Secure, folder: &Path) -> (Child, PathBuf) {
    let address = &secure.address;
    let options: Vec<String> = secure
        .options()
        .into_iter()
        .map(|(name, value)| match name {
            "sasl.password" => "sasl_password = secret('KAFKA_PASSWORD')".into(),
            name => format!("{} = '{value}'", name.replace('.', "_")),
        })
        .collect();
    let options = options.join(", ");
    let sql = format!(
        "CREATE SOURCE requests (n BIGINT) WITH (connector = 'kafka', brokers = '{address}', topic = 'requests', \
         format = 'json', {options});\n\
         CREATE SINK rows WITH (connector = 'kafka', brokers = '{address}', topic = 'rows', {options});\n\
         INSERT INTO rows SELECT n FROM requests WHERE n < 1000;\n"
    );
    fs::write(folder.join("query.sql"), sql).unwrap();
    let said = folder.join("said");
    let child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .arg("run")
        .arg(folder.join("query.sql"))
        .arg("--state")
        .arg(folder.join("state"))
        .arg("--bounded")
        .env("NO_COLOR", "1")
        .env("KAFKA_PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    (child, said)
}

#[test]
fn the_permissions_in_the_readme_are_enough_to_read_and_deliver() {
    let Some(secure) = Secure::start() else { return };
    for topic in ["requests", "rows"] {
        create_topic(&secure.open, topic, 2).unwrap();
    }
    write(&secure.open, "requests", 0, 0..100);
    write(&secure.open, "requests", 1, 900..1100);
    let folder = tempfile::tempdir().unwrap();
    let (mut child, said) = host(&secure, folder.path());
    let mut says = |what: &str| {
        let waited = crossbeam_channel::tick(Duration::from_millis(50));
        let mut said_until_now = String::new();
        for _ in 0..600 {
            said_until_now = fs::read_to_string(&said).unwrap();
            assert_eq!(child.try_wait().unwrap(), None, "{said_until_now}");
            if said_until_now.contains(what) {
                return;
            }
            waited.recv().unwrap();
        }
        panic!("not said: {what}\n{said_until_now}");
    };
    says("topic 'requests' may not be read: allow its user Read");
    says("allow its user Write on transactional ids that begin with 'streamgauge/'");
    // As the README says, one by one: what is still missing is told each time.
    secure.grant(&["--operation", "Read", "--topic", "requests"]);
    let ids = ["--transactional-id", "streamgauge/", "--resource-pattern-type", "prefixed"];
    secure.grant(&[["--operation", "Write"].as_slice(), &ids].concat());
    let control = |operation: &str| {
        secure.grant(&["--operation", operation, "--topic", "streamgauge-control"]);
    };
    says("control topic 'streamgauge-control' may not be seen, or made");
    control("Create");
    control("DescribeConfigs");
    says("topic 'rows', or its control topic, may not be written: allow their user Write on both");
    secure.grant(&["--operation", "Write", "--topic", "rows"]);
    control("Write");
    says("control topic 'streamgauge-control' may not be read: allow its user Read");
    control("Read");
    let status = child.wait().unwrap();
    let said = fs::read_to_string(said).unwrap();
    assert!(status.success(), "{status}: {said}");
    assert!(!said.contains(PASSWORD), "{said}");
    let mut source = open(&secure.open, Reading { bounded: true, ..reading("rows") });
    let seen = read_until(&mut source, |seen| seen.done.len() == 2);
    let mut rows: Vec<String> = seen.records.into_values().flatten().map(|(_, row)| row).collect();
    rows.sort();
    let mut expected: Vec<String> = (0..100).chain(900..1000).map(|n| format!("{{\"n\":{n}}}")).collect();
    expected.sort();
    assert_eq!(rows, expected);
}
