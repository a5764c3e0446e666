//! `run` sends spans of its work where the standard variables of OpenTelemetry say.

use std::net::TcpListener;

use crate::{
    kept::{folder, rows, run, to_file},
    otlp::Receiver,
    outcome,
};

const ARGUMENTS: [&str; 4] = ["--input", "s=events.jsonl", "--state", "state"];

#[test]
fn the_variables_of_the_environment_name_the_endpoint() {
    let receiver = Receiver::start(&[]);
    let folder = folder(&to_file("plain", ""));
    let mut command = run(folder.path(), &ARGUMENTS);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=one")
        .env("OTEL_TRACES_SAMPLER_ARG", "1.0")
        .env("OTEL_SERVICE_NAME", "gauge-of-one")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.instance.id=seven");
    let (status, _, said) = outcome(&mut command);
    assert_eq!((status, rows(folder.path()).as_str()), (0, "{\"n\":1}\n{\"n\":2}\n"), "{said}");
    for name in ["batch", "decode", "fold", "checkpoint", "deliver"] {
        assert!(!receiver.named(name).is_empty(), "{name} is not among {:#?}", receiver.spans());
    }
    for one in receiver.spans() {
        let of = ["service.name", "service.instance.id", "deployment.environment.name"];
        assert_eq!(of.map(|name| one.resource[name].as_str()), ["gauge-of-one", "seven", "test"]);
    }
    assert!(receiver.heads().iter().all(|head| head.to_ascii_lowercase().contains("x-tenant: one")));
}

#[test]
fn nothing_is_sent_where_that_is_said() {
    let receiver = Receiver::start(&[]);
    for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
        let folder = folder(&to_file("plain", ""));
        let mut command = run(folder.path(), &ARGUMENTS);
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url()).env("OTEL_TRACES_SAMPLER_ARG", "1");
        let (status, _, said) = outcome(command.env(off.0, off.1));
        assert_eq!(status, 0, "{said}");
    }
    assert_eq!(receiver.heads().len(), 0);
}

#[test]
fn an_endpoint_that_is_down_is_told_and_the_rows_are_the_same() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = folder(&to_file("plain", ""));
    let mut command = run(folder.path(), &ARGUMENTS);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{closed}"))
        .env("OTEL_TRACES_SAMPLER_ARG", "1");
    let (status, _, said) = outcome(&mut command);
    assert_eq!((status, rows(folder.path()).as_str()), (0, "{\"n\":1}\n{\"n\":2}\n"), "{said}");
    assert!(said.contains(&format!("traces do not arrive at http://{closed}/v1/traces")), "{said}");
}

#[test]
fn what_cannot_be_an_endpoint_is_refused() {
    let folder = folder(&to_file("plain", ""));
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://user:sesame@127.0.0.1/v1/traces"),
    ] {
        let (status, _, said) = outcome(run(folder.path(), &ARGUMENTS).env(name, value));
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(name) && !said.contains("sesame"), "{said}");
    }
    let mut command = run(folder.path(), &ARGUMENTS);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let (status, _, said) = outcome(command.env("OTEL_TRACES_SAMPLER_ARG", "2"));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("from 0 to 1"), "{said}");
}
