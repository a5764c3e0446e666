//! What files and environments make of the configuration.

use super::*;

fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, String> {
    let environment = environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings::read(Some(("host.toml", text)), environment);
    let told =
        |wrong: Vec<WrongSetting>| wrong.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    settings.map_err(told).and_then(|settings| Config::new(&settings).map_err(|wrong| wrong.to_string()))
}

#[test]
fn nothing_that_is_set_is_the_defaults() {
    let settings = Settings::read(None, [].into_iter()).unwrap();
    let config = Config::new(&settings).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(config.server.body_bytes_max, 1 << 20);
    assert_eq!(config.state.drop_retention, Duration::from_secs(86_400));
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.allow, Allow::default());
    assert_eq!(config, read("", &[]).unwrap());
    for key in keys::KEYS {
        assert!(!key.meaning.contains('|'), "{}: it is a cell of a table", key.name);
        if let Some(default) = key.default {
            let mut settings = Settings::read(None, [].into_iter()).unwrap();
            settings.set(key.name, default, "--x").unwrap();
        }
    }
}

#[test]
fn the_environment_goes_before_the_file() {
    let text = "[server]\nlisten = \"[::1]:9000\"\n[limits]\nmax_groups = 5\nplugin_memory = \"2MiB\"\n\
                [allow]\nbrokers = [\"a:1\"]\nurl_hosts = []\n[allow.secret_hosts]\nX = [\"h\"]\n";
    let config = read(text, &[]).unwrap();
    assert_eq!(config.server.listen.to_string(), "[::1]:9000");
    assert_eq!((config.limits.max_groups, config.limits.plugin_memory), (5, 2 << 20));
    let permissions = &config.allow.permissions;
    assert_eq!(permissions.brokers, Some(vec!["a:1".into()]));
    assert_eq!(permissions.url_hosts, Some(vec![]), "an empty list allows nothing");
    assert_eq!(permissions.secret_hosts, [("X".to_owned(), vec!["h".to_owned()])]);
    let config = read(
        text,
        &[
            ("STREAMGAUGE_SERVER_LISTEN", "127.0.0.1:1"),
            ("STREAMGAUGE_LIMITS_MAX_GROUPS", "7"),
            ("STREAMGAUGE_ALLOW_BROKERS", "b:1, c:2"),
            ("STREAMGAUGE_SECRETS_DIR", "/x"),
            ("STREAMGAUGE_HOST", "http://x"),
            ("OTHER", "x"),
        ],
    );
    let config = config.unwrap();
    assert_eq!((config.server.listen.to_string().as_str(), config.limits.max_groups), ("127.0.0.1:1", 7));
    assert_eq!(config.allow.permissions.brokers, Some(vec!["b:1".into(), "c:2".into()]));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let wrong = |text: &str| read(text, &[]).unwrap_err();
    assert_eq!(
        wrong("[server]\n listn = \"x\"\n[sate]\n"),
        "host.toml:2:2: error: there is no key `server.listn`\nhelp: did you mean `server.listen`?\n\
         host.toml:3:2: error: there is no section [sate]\nhelp: did you mean `state`?"
    );
    assert_eq!(
        wrong("[server]\nlisten = 5\n"),
        "host.toml:2:1: error: `server.listen` is an address and a port: \"127.0.0.1:8420\" or \"[::1]:8420\""
    );
    assert!(wrong("[server\n").starts_with("host.toml:1:8: error: "), "{}", wrong("[server\n"));
    assert_eq!(
        wrong("[state]\ncheckpoints_kept = 0"),
        "host.toml:2:1: error: `state.checkpoints_kept` is a whole number from 1 to 255"
    );
    assert!(wrong("[limits]\nmax_group = 1").contains("did you mean `max_groups`?"));
    assert!(wrong("[allow]\nbrokers = \"a\"").contains("a list"));
    assert!(wrong("[state]\ncheckpoint_interval = \"soon\"").contains("a time such as"));
    assert!(wrong("[allow]\nfile_roots = [\"data\"]").contains("no absolute path"));
    let told = read("", &[("STREAMGAUGE_SERVER_LISTN", "x")]).unwrap_err();
    assert!(told.starts_with("STREAMGAUGE_SERVER_LISTN: error: there is no key"), "{told}");
    for others in ["STREAMGAUGE_SERVER_SERVICE_HOST", "STREAMGAUGE_SERVER_PORT_8420_TCP", "STREAMGAUGE_PORT"]
    {
        assert!(read("", &[(others, "10.0.0.1")]).is_ok(), "{others}");
    }
}

#[test]
fn other_machines_need_tokens_and_tls_or_a_word() {
    let listen = "[server]\nlisten = \"0.0.0.0:8420\"\n";
    assert!(read(listen, &[]).unwrap_err().contains("without tokens and TLS"));
    let tokens = format!("{listen}tokens = \"t\"\n");
    assert!(read(&tokens, &[]).unwrap_err().contains("without TLS"));
    let tls = format!("{listen}tls_cert = \"c\"\ntls_key = \"k\"\n");
    assert!(read(&tls, &[]).unwrap_err().contains("without tokens"));
    assert!(read(&format!("{tls}tokens = \"t\"\n"), &[]).is_ok());
    assert!(read(&format!("{listen}insecure = true\n"), &[]).is_ok());
    assert!(read("[server]\ntls_cert = \"c\"\n", &[]).unwrap_err().contains("without `tls_key`"));
}

#[test]
fn what_can_change_while_the_host_runs_does_and_the_rest_is_named() {
    let before = read("", &[]).unwrap();
    let after =
        read("[allow]\nenv = [\"A\"]\n[state]\nurl = \"/x\"\n[queries]\ndrop_after = \"1m\"\n", &[]).unwrap();
    let Reloaded { config, needs_restart } = before.reload(&after);
    assert_eq!(needs_restart, ["state"]);
    assert_eq!(config.allow.env, ["A"]);
    assert_eq!(config.queries.drop_after, Duration::from_secs(60));
    assert_eq!(config.state, before.state);
    assert_eq!(before.reload(&before), Reloaded { config: before.clone(), needs_restart: vec![] });
}

#[test]
fn where_traces_go_is_checked_before_the_host_starts() {
    let text = "[telemetry]\notlp_endpoint = \"http://c:4318\"\notlp_headers = [\"Authorization=token\"]\ntrace_sample_ratio = 0.25\n";
    let Telemetry { traces, headers, sample_ratio } = read(text, &[]).unwrap().telemetry;
    assert_eq!(traces.unwrap().url(), "http://c:4318/v1/traces");
    assert_eq!(headers, [Header { name: "Authorization".into(), secret: "token".into() }]);
    assert!((sample_ratio - 0.25).abs() < 1e-9);
    let variables = [
        ("STREAMGAUGE_TELEMETRY_OTLP_ENDPOINT", "https://d"),
        ("STREAMGAUGE_TELEMETRY_TRACE_SAMPLE_RATIO", "1"),
    ];
    let telemetry = read(text, &variables).unwrap().telemetry;
    assert_eq!(telemetry.traces.unwrap().url(), "https://d/v1/traces");
    assert!((telemetry.sample_ratio - 1.0).abs() < 1e-9);
    let wrong = |text: &str| read(&format!("[telemetry]\n{text}\n"), &[]).unwrap_err();
    let told = wrong("otlp_endpoint = \"http://user:sesame@c\"");
    assert!(told.starts_with("host.toml:2:1: ") && !told.contains("sesame"), "{told}");
    assert!(wrong("otlp_headers = [\"Authorization\"]").contains("NAME-OF-A-SECRET"));
    for ratio in ["1.5", "-0.1", "\"all\"", "nan"] {
        let told = wrong(&format!("trace_sample_ratio = {ratio}"));
        assert!(told.contains("`telemetry.trace_sample_ratio` is a number from 0 to 1"), "{told}");
    }
    assert_eq!(read("", &[]).unwrap().reload(&read(text, &[]).unwrap()).needs_restart, ["telemetry"]);
}

#[test]
fn the_schema_has_every_key() {
    let schema = schema();
    for key in settings::all_keys() {
        let (section, name) = key.split_once('.').unwrap();
        assert!(schema["properties"][section]["properties"][name].is_object(), "{key}");
    }
}

#[test]
fn what_is_shown_can_be_read_again() {
    let text = "[server]\nlisten = \"127.0.0.1:9\"\n[limits]\nmax_groups = 5\n[telemetry]\ntrace_sample_ratio = 0.5\n[allow]\nenv = [\"A\"]\n[allow.secret_hosts]\nX = [\"h\"]\n";
    for text in ["", text] {
        let settings = Settings::read(Some(("a.toml", text)), [].into_iter()).unwrap();
        assert_eq!(read(&settings.shown(), &[]).unwrap(), Config::new(&settings).unwrap());
    }
}
