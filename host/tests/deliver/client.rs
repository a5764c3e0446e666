//! One request.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use streamgauge::deliver::http::{
    client::{Client, Limits, SendError},
    outgoing::{Body, Outgoing, Template},
    resolver::Resolver,
    signature::SigningSecret,
};
use streamgauge_common::message::{Request, Response};

use super::{
    harness::{client, limits, no_secrets, request},
    receiver::{Behaviour, Receiver, answer, status},
};

async fn send(client: &Client, request: &Request) -> Result<Response, SendError> {
    client.send(&request.into(), &no_secrets, None, "key").await
}

fn impossible(result: Result<Response, SendError>) -> String {
    match result {
        Err(SendError::Impossible(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn unanswered(result: Result<Response, SendError>) -> String {
    match result {
        Err(SendError::Unanswered(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn unreachable(result: Result<Response, SendError>) -> String {
    match result {
        Err(SendError::Unreachable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_made_and_signed() {
    let receiver = Receiver::start(|_| answer(202, &[("X-Seen", "yes")], b"thanks")).await;
    let headers = vec![("Idempotency-Key".into(), "\"key\"".into()), ("X-Twice".into(), "1".into())];
    let url = format!("{}?a=1#part", receiver.url());
    let request = Request { method: "PUT".into(), url, headers, body: b"{\"a\":1}".to_vec() };
    let signing = SigningSecret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let response = client().send(&(&request).into(), &no_secrets, Some(&signing), "msg_1").await.unwrap();
    assert_eq!((response.status, response.body.as_slice()), (202, b"thanks".as_slice()));
    assert!(response.headers.contains(&("x-seen".into(), "yes".into())));

    let receipt = receiver.receipts().pop().unwrap();
    assert_eq!(receipt.line, "PUT /hook?a=1 HTTP/1.1");
    assert_eq!(receipt.body, request.body);
    assert_eq!(receipt.header("idempotency-key"), "\"key\"");
    assert_eq!(receipt.header("user-agent"), concat!("streamgauge/", env!("CARGO_PKG_VERSION")));
    assert_eq!(receipt.header("webhook-id"), "msg_1");
    let timestamp_s = receipt.header("webhook-timestamp").parse().unwrap();
    assert_eq!(receipt.header("webhook-signature"), signing.sign("msg_1", timestamp_s, &request.body));
    assert!(!receipt.headers.contains_key("referer") && !receipt.headers.contains_key("cookie"));
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let trap = Receiver::kind().await;
    let location = trap.url();
    let receiver = Receiver::start(move |_| answer(307, &[("Location", &location)], b"")).await;
    assert_eq!(send(&client(), &request(&receiver.url())).await.unwrap().status, 307);
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn of_a_large_answer_the_first_bytes_are_read() {
    let receiver = Receiver::start(|_| answer(200, &[], &vec![b'x'; 10 << 20])).await;
    let response = send(&client(), &request(&receiver.url())).await.unwrap();
    assert_eq!((response.status, response.body), (200, vec![b'x'; 64 << 10]));

    let receiver = Receiver::start(|_| answer(200, &[("X-Long", &"y".repeat(100 << 10))], b"")).await;
    let response = send(&client(), &request(&receiver.url())).await.unwrap();
    let bytes: usize = response.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(response.status == 200 && bytes <= 16 << 10, "{bytes}");

    let many: Vec<_> = (0..200).map(|_| ("x-many", "1")).collect();
    let receiver = Receiver::start(move |_| answer(200, &many, b"")).await;
    unanswered(send(&client(), &request(&receiver.url())).await);
}

#[tokio::test]
async fn once_the_status_has_come_it_is_an_answer() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegi".to_vec();
    let slow = Behaviour::Trickle(head.clone(), vec![b'n'; 900]);
    for behaviour in [slow, Behaviour::Trickle(head, Vec::new())] {
        let receiver = Receiver::start(move |_| behaviour.clone()).await;
        let response =
            send(&Client::new(true, limits(200)).unwrap(), &request(&receiver.url())).await.unwrap();
        assert_eq!(response.status, 200);
        assert!(response.body.starts_with(b"begi") && response.body.len() < 20, "{:?}", response.body);
    }
}

#[tokio::test]
async fn without_an_answer_the_receiver_may_have_got_it() {
    let client = Client::new(true, limits(200)).unwrap();
    let trickle = Behaviour::Trickle(Vec::new(), b"HTTP/1.1 200 OK\r\nX-Slow: yes yes\r\n\r\n".to_vec());
    for (behaviour, why) in [
        (Behaviour::Hang, "nothing came within 200ms"),
        (trickle, "nothing came within 200ms"),
        (Behaviour::CutRead, "closed"),
        (Behaviour::CutUnread, ""),
        (Behaviour::Answer(b"\x16\x03\x01 what?\r\n\r\n".to_vec()), ""),
        (Behaviour::Answer(b"HTTP/1.1 999999 What\r\n\r\n".to_vec()), ""),
        (Behaviour::Answer(vec![b'a'; 2 << 20]), ""),
    ] {
        let receiver = Receiver::start(move |_| behaviour.clone()).await;
        let told = unanswered(send(&client, &request(&receiver.url())).await);
        assert!(told.contains(why) && !told.is_empty(), "{told}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_reached_the_receiver() {
    // Bound and not listening: nobody else gets the port, and nobody can connect.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    assert!(unreachable(send(&client(), &request(&url)).await).contains("refused"));

    // A server that speaks no TLS.
    let receiver = Receiver::start(|_| Behaviour::CutUnread).await;
    let url = receiver.url().replace("http:", "https:");
    unreachable(send(&client(), &request(&url)).await);

    // A name server that does not answer.
    let silent = Resolver::with_lookup(true, |_| Box::pin(std::future::pending()));
    let client = Client::with_resolver(silent, limits(200)).unwrap();
    let told = unreachable(send(&client, &request("http://hooks.example/")).await);
    assert_eq!(told, "no connection in time");
}

#[tokio::test]
async fn what_can_never_be_sent_is_told_apart() {
    let client = client();
    let told = |change: fn(&mut Request)| {
        let mut request = request("http://127.0.0.1:9/");
        change(&mut request);
        let client = client.clone();
        async move { impossible(send(&client, &request).await) }
    };
    assert!(told(|request| request.method = "GO AWAY".into()).await.contains("'GO AWAY' is no method"));
    assert!(told(|request| request.method = "CONNECT".into()).await.contains("not for sinks"));
    assert!(told(|request| request.url = "hooks.example/x".into()).await.contains("the url is none"));
    assert!(told(|request| request.url = "http://256.1.1.1/".into()).await.contains("the url is none"));
    assert!(told(|request| request.url = "file:///etc/passwd".into()).await.contains("must begin with"));
    assert!(told(|request| request.url = "gopher://127.0.0.1/".into()).await.contains("must begin with"));
    for own in ["Host", "content-length", "Transfer-Encoding", "connection", "UPGRADE"] {
        let mut request = request("http://127.0.0.1:9/");
        request.headers.push((own.into(), "1".into()));
        assert!(impossible(send(&client, &request).await).contains("set by the host"), "{own}");
    }
    for (name, value) in [("x y", "1"), ("", "1"), ("x", "a\r\nHost: evil"), ("x", "a\0")] {
        let mut request = request("http://127.0.0.1:9/");
        request.headers.push((name.into(), value.into()));
        assert!(impossible(send(&client, &request).await).contains("header"), "{name}: {value:?}");
    }
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let receiver = Receiver::kind().await;
    let client = Client::new(false, Limits::default()).unwrap();
    let port = receiver.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0",
        "169.254.169.254",
    ] {
        let told = impossible(send(&client, &request(&format!("http://{host}:{port}/"))).await);
        assert!(told.contains("address; set allow_private = true"), "{told}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_whenever_it_is_asked() {
    let receiver = Receiver::kind().await;
    let inside: [IpAddr; 3] =
        [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into(), Ipv4Addr::new(10, 0, 0, 1).into()];
    let asked = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&asked);
    let rebinding = Resolver::with_lookup(false, move |_| {
        let turn = counts.fetch_add(1, SeqCst);
        Box::pin(async move { Ok(vec![inside[turn % 3]]) })
    });
    let client = Client::with_resolver(rebinding, Limits::default()).unwrap();
    let url = format!("http://hooks.example:{}/", receiver.address.port());
    for _ in 0..30 {
        let told = unreachable(send(&client, &request(&url)).await);
        assert!(told.contains("its name leads to a"), "{told}");
    }
    assert_eq!((asked.load(SeqCst), receiver.connections()), (30, 0));
}

#[tokio::test]
async fn a_connection_is_made_to_the_address_that_was_checked() {
    let receiver = Receiver::start(|_| answer(200, &[("Connection", "close")], b"")).await;
    let names = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&names);
    let here = Resolver::with_lookup(true, move |name| {
        asked.lock().unwrap().push(name);
        Box::pin(async { Ok(vec![Ipv4Addr::LOCALHOST.into()]) })
    });
    let client = Client::with_resolver(here, Limits::default()).unwrap();
    let url = format!("http://no-such-name.invalid:{}/", receiver.address.port());
    for _ in 0..3 {
        assert_eq!(send(&client, &request(&url)).await.unwrap().status, 200);
    }
    assert_eq!(*names.lock().unwrap(), ["no-such-name.invalid"; 3]);
    let host = format!("no-such-name.invalid:{}", receiver.address.port());
    assert!(receiver.receipts().iter().all(|receipt| receipt.header("host") == host));
}

#[tokio::test]
async fn connections_are_used_again() {
    let receiver = Receiver::start(|_| status(204)).await;
    let client = client();
    for _ in 0..20 {
        assert_eq!(send(&client, &request(&receiver.url())).await.unwrap().status, 204);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_request_stays_at_the_host_that_the_sink_names() {
    let receiver = Receiver::kind().await;
    let hook = receiver.url();
    let send = async |url: &str| {
        let request = Outgoing {
            method: "POST",
            url: Template::text(url),
            within: Some(Template::text(&hook)),
            headers: Vec::new(),
            body: Body::plain(b"x"),
        };
        client().send(&request, &no_secrets, None, "key").await
    };
    send(&hook).await.unwrap();
    send(&format!("{hook}/more?x=1")).await.unwrap();
    let port = hook.trim_start_matches("http://127.0.0.1:").trim_end_matches("/hook");
    for elsewhere in [
        format!("http://localhost:{port}/hook"),
        format!("https://127.0.0.1:{port}/hook"),
        "http://127.0.0.1:1/hook".to_owned(),
        format!("http://127.0.0.1:{port}@203.0.113.7/"),
        format!("http://127.0.0.1:{port}.example.com/"),
    ] {
        let refused = impossible(send(&elsewhere).await);
        assert!(
            refused.contains("another host") || refused.contains("the url is none"),
            "{elsewhere}: {refused}"
        );
    }
    assert_eq!(receiver.receipts().len(), 2);
}
