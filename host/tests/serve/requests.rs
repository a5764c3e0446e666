//! What is asked badly, slowly or too much of.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use streamgauge_common::clock::Stopwatch;

use crate::host::{Host, ask_raw};

#[test]
fn what_cannot_be_understood_is_said_so() {
    let host = Host::of_files();
    assert_eq!(host.get("/v2").is(404).json()["title"], "There is no such object");
    let wrong = host.ask("PATCH", "/v1/deployments/a", "").is(405);
    assert!(wrong.head.to_ascii_lowercase().contains("allow: get, put, delete"), "{}", wrong.head);
    host.get("/v1/queries/a.b/rows?limit=many").is(400);
    host.get("/v1/deployments?x=1").is(400);
    host.ask_bytes("PUT", "/v1/deployments/a", "application/json", b"{}").is(415);
    host.ask_bytes("PUT", "/v1/deployments/a", "application/sql", b"\xff").is(400);
    for name in ["A", "a%20b", "-a", "..%2f..", "%00", &"a".repeat(64)] {
        host.put(name, "", "SELECT 1").is(422);
        host.get(&format!("/v1/deployments/{name}")).is(404);
    }
    host.ask("PUT", "/v1/plugins/x", "no component").is(422);
    host.get("/v1/plugins/x").is(404);
    for name in ["x", "%1E", "..%2Fx", "%C3%87"] {
        host.ask("DELETE", &format!("/v1/plugins/{name}"), "").is(404);
    }
    let page = host.get("/openapi.json").is(200).json();
    assert_eq!(page["openapi"], "3.1.0");
}

#[test]
fn a_body_that_is_too_large_is_refused_and_takes_no_memory() {
    let host = Host::of_files();
    let resident = || {
        let status = fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    };
    let before = resident();
    let announced = format!(
        "PUT /v1/deployments/a HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sql\r\nContent-Length: 1073741824\r\nConnection: close\r\n\r\n",
        host.address()
    );
    assert_eq!(ask_raw(host.address(), announced.as_bytes(), b"").status, 413);
    // Its length is not said: it is read until it is too long.
    let mut stream = TcpStream::connect(host.address()).unwrap();
    let head = format!(
        "PUT /v1/deployments/a HTTP/1.1\r\nHost: {}\r\nContent-Type: application/sql\r\nTransfer-Encoding: chunked\r\n\r\n",
        host.address()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0_u64;
    while sent < 1 << 30 && stream.write_all(&chunk).is_ok() {
        sent += 0x10000;
    }
    assert!(sent < 1 << 28, "the host stopped reading");
    let grown = resident().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    host.get("/livez").is(200);
}

#[test]
fn connections_that_only_wait_keep_nobody_out() {
    let host = Host::of_files();
    let mut held = Vec::new();
    for _ in 0..1000 {
        let mut stream = TcpStream::connect(host.address()).unwrap();
        drop(stream.write_all(b"GET /v1/deployments HTTP/1.1\r\nHost: local"));
        held.push(stream);
    }
    let since = Stopwatch::start();
    host.get("/livez").is(200);
    let took = since.elapsed();
    eprintln!("/livez beside 1,000 connections that wait: {took:?}");
    assert!(took < Duration::from_secs(1));
    for stream in &mut held {
        drop(stream.write_all(b"h"));
    }
    host.get("/v1/deployments").is(200);
}

#[test]
fn rows_are_followed_as_they_are_kept_for_whoever_comes() {
    let host = Host::of_files();
    let files = host.files();
    fs::write(files.join("in.jsonl"), (0..3).map(|n| format!("{{\"n\":{n}}}\n")).collect::<String>())
        .unwrap();
    let sql = format!(
        "CREATE SOURCE f (n BIGINT) WITH (connector = 'file', path = '{}', format = 'json'); SELECT n FROM f;",
        files.join("in.jsonl").display()
    );
    host.put("numbers", "", &sql).is(201);
    host.until_state("numbers", "finished");
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "GET /v1/queries/numbers.select_1/rows?follow=true&limit=2 HTTP/1.1\r\nHost: {}\r\n\r\n",
        host.address()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    let mut bytes = [0; 4096];
    while !text.contains("data: {\"n\":2}") {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(text.contains("content-type: text/event-stream"), "{text}");
    assert!(text.contains("data: {\"n\":1}") && !text.contains("data: {\"n\":0}"), "{text}");
    let id = text.split("id: ").nth(1).unwrap().lines().next().unwrap();
    assert_eq!(id.len(), 32, "its idempotency key");
    // Whoever was cut off goes on behind the last row that came.
    let again = format!(
        "GET /v1/queries/numbers.select_1/rows?follow=true HTTP/1.1\r\nHost: {}\r\nLast-Event-ID: {id}\r\n\r\n",
        host.address()
    );
    let mut stream = TcpStream::connect(host.address()).unwrap();
    stream.write_all(again.as_bytes()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut text = String::new();
    while !text.contains("data: {\"n\":2}") {
        let read = stream.read(&mut bytes).unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(!text.contains("data: {\"n\":1}"), "{text}");
}

#[test]
fn metrics_tell_of_the_process_and_of_each_deployment() {
    let host = Host::of_files();
    let sql = "CREATE SOURCE s (n BIGINT) WITH (connector = 'kafka', brokers = '127.0.0.1:1', topic = 't', format = 'json'); SELECT n FROM s;";
    host.put("waits", "?plan=true", sql).is(200);
    host.put("waits", "", sql).is(201);
    host.until("a plan is in the log as one", || {
        let is_plan = |line: &str| line.contains("\"audit\":true") && line.contains("\"plan\":true");
        host.log().lines().filter(|line| is_plan(line)).count() == 1
    });
    let page = host.get("/metrics").is(200);
    for line in [
        "streamgauge_deployment_state{deployment=\"waits\",state=\"starting\"} 1",
        "streamgauge_deployment_state{deployment=\"waits\",state=\"running\"} 0",
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE process_cpu_seconds_total counter",
    ] {
        assert!(page.body.lines().any(|found| found == line), "{line} in {}", page.body);
    }
    let ready = host.get("/readyz").is(503);
    assert!(ready.body.contains("deployment 'waits': source 's' is not read yet"), "{}", ready.body);
    host.until("the API says what it waits for", || {
        let ready = host.get("/readyz").is(503).body;
        let shown = host.deployment("waits");
        ready.contains("127.0.0.1:1") && shown["reason"].as_str().unwrap().contains("127.0.0.1:1")
    });
    host.ask("POST", "/v1/deployments/waits/pause", "").is(200);
    host.get("/readyz").is(200);
}
