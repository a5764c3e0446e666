//! Who may do what: every route with every scope, and what is refused whoever asks.

use std::fs;

use rustix::process::Signal;
use streamgauge::server::{access::Scope, routes::ROUTES};

use crate::host::{Host, ask_raw};

/// A token of each scope, made by the command, in the host's file.
fn tokens(host: &Host) -> Vec<(Scope, String)> {
    let file = host.folder.path().join("tokens.toml");
    let made = Scope::ALL.into_iter().map(|scope| {
        let arguments = [
            "token",
            "new",
            "--name",
            scope.name(),
            "--scope",
            scope.name(),
            "--file",
            file.to_str().unwrap(),
        ];
        let output = host.command(&arguments);
        assert!(output.status.success(), "{output:?}");
        (scope, String::from_utf8(output.stdout).unwrap().trim().to_owned())
    });
    made.collect()
}

fn with_tokens() -> (Host, Vec<(Scope, String)>) {
    let mut host = Host::new("");
    let tokens = tokens(&host);
    let file = host.folder.path().join("tokens.toml");
    host.start_with(&[("STREAMGAUGE_SERVER_TOKENS", file.to_str().unwrap())]);
    (host, tokens)
}

#[test]
fn every_route_takes_the_scopes_that_it_needs_and_no_others() {
    let (mut host, tokens) = with_tokens();
    for route in ROUTES {
        let path =
            route.path.replace("{name}", "none").replace("{query}", "none.none").replace("{plugin}", "none");
        let mut ask = |token: Option<&str>| {
            host.token = token.map(str::to_owned);
            host.ask(route.method, &path, "no SQL")
        };
        let without = ask(None);
        let unknown = ask(Some("sgt_unknown"));
        let Some(needed) = route.scope else {
            assert!(without.status < 400 || without.status == 503, "{path}: {without:?}");
            continue;
        };
        for refused in [without, unknown] {
            assert_eq!(refused.status, 401, "{} {path}", route.method);
            assert!(
                refused.head.to_ascii_lowercase().contains("www-authenticate: bearer"),
                "{}",
                refused.head
            );
        }
        for (scope, token) in &tokens {
            let answer = ask(Some(token));
            match *scope >= needed {
                true => assert!(![401, 403].contains(&answer.status), "{} {path}: {answer:?}", route.method),
                false => assert_eq!(answer.status, 403, "{} {path} with {}", route.method, scope.name()),
            }
        }
    }
}

#[test]
fn tokens_are_read_again_and_changes_are_told_with_who_made_them() {
    let (mut host, tokens) = with_tokens();
    host.token = Some(tokens[1].1.clone());
    host.put("x", "", "SELECT 1").is(422);
    host.until("it is in the log", || host.log().contains("\"audit\":true"));
    let log = host.log();
    let audit = log.lines().find(|line| line.contains("\"audit\":true")).expect("it is in the log");
    assert!(
        audit.contains("\"token\":\"deploy\"") && audit.contains("\"path\":\"/v1/deployments/x\""),
        "{audit}"
    );
    assert!(tokens.iter().all(|(_, token)| !log.contains(token)), "no token is told");
    fs::write(host.folder.path().join("tokens.toml"), "").unwrap();
    host.signal(Signal::HUP);
    host.until("it is read again", || host.log().contains("the configuration was read again"));
    host.get("/v1/deployments").is(401);
    fs::write(host.folder.path().join("tokens.toml"), "x").unwrap();
    host.signal(Signal::HUP);
    host.until("it is refused", || host.log().contains("stays as it was"));
    host.get("/v1/deployments").is(401);
    host.get("/livez").is(200);
}

#[test]
fn without_tokens_no_page_of_a_browser_may_ask() {
    let host = Host::of_files();
    let ask = |headers: &str| {
        let head = format!("GET /v1/deployments HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
        ask_raw(host.address(), head.as_bytes(), b"").status
    };
    assert_eq!(ask("Host: localhost\r\n"), 200);
    assert_eq!(ask("Host: rebound.example\r\n"), 403);
    assert_eq!(ask("Host: localhost\r\nOrigin: https://evil.example\r\n"), 403);
    assert_eq!(ask(""), 403, "it names no host");
}

#[test]
fn what_the_operator_does_not_allow_is_refused_however_it_is_written() {
    let host = Host::of_files();
    let source = "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json');";
    let files = host.files();
    std::os::unix::fs::symlink("/etc", files.join("etc")).unwrap();
    let files = files.display();
    let refused = |sql: &str| {
        let problem = host.put("x", "", sql).is(422).json();
        (problem["type"].as_str().unwrap().replace("urn:streamgauge:problem:", ""), problem.to_string())
    };
    for (what, sink) in [
        ("a file elsewhere", "connector = 'file', path = '/tmp/streamgauge-not-here'".to_owned()),
        ("a relative path", "connector = 'file', path = 'rows.jsonl'".to_owned()),
        ("a way out", format!("connector = 'file', path = '{files}/../../x'")),
        ("a link", format!("connector = 'file', path = '{files}/etc/x'")),
        ("loopback", "connector = 'webhook', url = 'http://127.0.0.1:1/'".to_owned()),
        ("private", "connector = 'webhook', url = 'http://10.0.0.1/', allow_private = 'true'".to_owned()),
        (
            "link-local",
            "connector = 'webhook', url = 'http://169.254.169.254/', allow_private = 'true'".to_owned(),
        ),
        ("a port", "connector = 'prometheus', listen = '0.0.0.0:9999'".to_owned()),
        (
            "a file of librdkafka",
            "connector = 'kafka', brokers = '127.0.0.1:1', topic = 'u', kafka.ssl.ca.location = '/etc/ssl/x'"
                .to_owned(),
        ),
    ] {
        let (kind, text) =
            refused(&format!("{source} CREATE SINK k WITH ({sink}); INSERT INTO k SELECT n FROM s;"));
        assert!(kind == "forbidden" || kind == "sql", "{what}: {text}");
    }
    let source_of = |path: &str| {
        format!(
            "CREATE SOURCE f (n BIGINT) WITH (connector = 'file', path = '{path}', format = 'json'); SELECT n FROM f;"
        )
    };
    assert_eq!(refused(&source_of("/etc/passwd")).0, "forbidden");
    assert_eq!(refused(&source_of("/proc/self/environ")).0, "forbidden");
    let letters = source.replace("format = 'json'", "format = 'json', dead_letters = '/tmp/letters'");
    assert_eq!(refused(&format!("{letters} SELECT n FROM s;")).0, "forbidden");
    let (kind, text) =
        refused(&format!("{} SELECT n FROM s;", source.replace("'127.0.0.1:1'", "env('PATH')")));
    assert_eq!(kind, "sql");
    assert!(!text.contains("/usr/bin"), "the value is not told: {text}");
    let secret = format!(
        "{source} CREATE SINK k WITH (connector = 'webhook', url = secret('PATH')); INSERT INTO k SELECT n FROM s;"
    );
    let (kind, text) = refused(&secret);
    assert_eq!(kind, "unusable");
    assert!(text.contains("secrets") && !text.contains("/usr/bin"), "{text}");
    for from in ["/etc/passwd", "../x.wasm", "oci://registry.example/x:1"] {
        let (kind, text) = refused(&format!("CREATE AGGREGATE g FROM '{from}'; {source} SELECT n FROM s;"));
        assert_eq!(kind, "sql", "{from}");
        assert!(!text.contains("root:"), "{text}");
    }
    assert_eq!(host.get("/v1/deployments").json()["deployments"].as_array().unwrap().len(), 0);
}

#[test]
fn by_tls_only_those_are_answered_who_speak_it() {
    let mut host = Host::new("");
    let at = |name: &str| host.folder.path().join(name).display().to_string();
    let (certificate, key) = (at("cert.pem"), at("key.pem"));
    make_certificate("localhost", &key, &certificate);
    let tokens = tokens(&host);
    let file = at("tokens.toml");
    host.start_with(&[
        ("STREAMGAUGE_SERVER_TLS_CERT", &certificate),
        ("STREAMGAUGE_SERVER_TLS_KEY", &key),
        ("STREAMGAUGE_SERVER_TOKENS", &file),
    ]);
    host.token = Some(tokens[0].1.clone());
    let port = host.address().rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}");
    let list = host.command(&["list", "--host", &url, "--ca-cert", &certificate]);
    assert!(list.status.success(), "{list:?}");
    let unknown = host.command(&["list", "--host", &url]);
    assert_eq!(unknown.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("certificate"), "{unknown:?}");
    let plain = host.command(&["list", "--host", &format!("http://localhost:{port}")]);
    assert_eq!(plain.status.code(), Some(3), "{plain:?}");
    assert!(host.end().success());
}

fn make_certificate(name: &str, key: &str, certificate: &str) {
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-subj",
            &format!("/CN={name}"),
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            key,
            "-out",
            certificate,
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn a_new_certificate_is_read_on_a_signal_and_a_broken_one_is_not_used() {
    let mut host = Host::new("");
    let folder = host.folder.path().to_owned();
    let at = |name: &str| folder.join(name).display().to_string();
    let (certificate, key, first) = (at("cert.pem"), at("key.pem"), at("first.pem"));
    make_certificate("first", &key, &certificate);
    fs::copy(&certificate, &first).unwrap();
    let tokens = tokens(&host);
    let file = at("tokens.toml");
    host.start_with(&[
        ("STREAMGAUGE_SERVER_TLS_CERT", &certificate),
        ("STREAMGAUGE_SERVER_TLS_KEY", &key),
        ("STREAMGAUGE_SERVER_TOKENS", &file),
    ]);
    host.token = Some(tokens[0].1.clone());
    let url = format!("https://localhost:{}", host.address().rsplit(':').next().unwrap());
    let asks = |trusted: &str| host.command(&["list", "--host", &url, "--ca-cert", trusted]).status.success();
    assert!(asks(&first));
    make_certificate("second", &key, &certificate);
    assert!(asks(&first), "it is not read before it is to be");
    host.signal(Signal::HUP);
    host.until_log("the certificate was read again");
    assert!(asks(&certificate) && !asks(&first), "connections get the new one");
    let second = at("second.pem");
    fs::copy(&certificate, &second).unwrap();
    fs::write(&certificate, "broken").unwrap();
    host.signal(Signal::HUP);
    host.until_log("the certificate is not read again, and the one before it stays: TLS: ");
    assert!(asks(&second));
    // What else was changed holds all the same.
    host.until_log("the configuration was read again");
    assert!(!host.log().contains("need a restart"), "{}", host.log());
    assert!(host.end().success());
}
