//! Those who ask.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use streamgauge::deliver::scrape::{Scrape, ScrapeLimits};
use streamgauge_common::message::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

use super::harness::PATIENCE;

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    work: JoinHandle<()>,
}

async fn start() -> Running {
    let turn = AtomicUsize::new(0);
    let render = Arc::new(move || {
        let body = format!("up {}\n", turn.fetch_add(1, SeqCst)).into_bytes();
        let headers = vec![("content-type".into(), "text/plain; version=0.0.4".into())];
        Response { status: 200, headers, body }
    });
    let scrape = Scrape::bind("127.0.0.1:0", ScrapeLimits::default(), render).await.unwrap();
    let address = scrape.address();
    assert_ne!(address.port(), 0);
    let (stop, stopped) = watch::channel(false);
    Running { address, stop, work: tokio::spawn(scrape.serve(stopped)) }
}

/// Sends bytes and reads an answer: its status and what follows the head, as long as its content-length says.
async fn ask(stream: &mut TcpStream, bytes: &[u8]) -> Option<(u16, String, String)> {
    // The other side may have had enough before all is sent.
    drop(stream.write_all(bytes).await);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head
        .split_once("content-length: ")
        .map_or(0, |(_, rest)| rest.split_once("\r\n").unwrap().0.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some((status, head, String::from_utf8(body).unwrap()))
}

const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_scrape_is_answered_with_what_is_rendered_then() {
    let running = start().await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    for turn in 0..3 {
        let (status, head, body) = ask(&mut stream, GET).await.unwrap();
        assert_eq!((status, body), (200, format!("up {turn}\n")));
        assert!(head.contains("content-type: text/plain; version=0.0.4\r\n"), "{head}");
    }
}

#[tokio::test]
async fn there_is_nothing_else() {
    let running = start().await;
    for (request, expected) in [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), Some(404)),
        ("GET /metrics/x HTTP/1.1\r\nHost: x\r\n\r\n".into(), Some(404)),
        ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".into(), Some(405)),
        ("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n".into(), Some(405)),
        ("what?\r\n\r\n".into(), Some(400)),
        (format!("GET /metrics HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65)), Some(431)),
        (format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(20_000)), Some(431)),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "y".repeat(20_000)), Some(431)),
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let status = ask(&mut stream, request.as_bytes()).await.map(|(status, ..)| status);
        assert_eq!(status, expected, "{}", &request[..40.min(request.len())]);
    }
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    assert_eq!(ask(&mut stream, GET).await.unwrap().0, 200, "and it goes on");
}

#[tokio::test]
async fn it_stops_at_once_and_closes_what_is_open() {
    let running = start().await;
    let mut used = TcpStream::connect(running.address).await.unwrap();
    ask(&mut used, GET).await.unwrap();
    let mut begun = TcpStream::connect(running.address).await.unwrap();
    begun.write_all(b"GET /met").await.unwrap();
    running.stop.send(true).unwrap();
    timeout(Duration::from_secs(5), running.work).await.expect("at once").unwrap();
    for mut stream in [used, begun] {
        let closed = timeout(PATIENCE, stream.read(&mut [0])).await.expect("closed");
        assert!(matches!(closed, Ok(0) | Err(_)));
    }
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// How soon a scrape is answered whoever else is there.
const SOON: Duration = Duration::from_secs(2);

#[tokio::test]
async fn the_connection_that_has_been_silent_for_longest_makes_room_for_the_next() {
    let running = start().await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        ask(&mut stream, GET).await.unwrap();
        open.push(stream);
    }
    // The first that came is not the one that has been silent for longest.
    ask(&mut open[0], GET).await.unwrap();
    let mut next = TcpStream::connect(running.address).await.unwrap();
    let (status, ..) = timeout(SOON, ask(&mut next, GET)).await.expect("in time").unwrap();
    assert_eq!(status, 200);
    let closed = timeout(PATIENCE, open[1].read(&mut [0])).await.expect("closed");
    assert!(matches!(closed, Ok(0) | Err(_)));
    for kept in [0, 2, 63] {
        assert_eq!(ask(&mut open[kept], GET).await.expect("it is kept").0, 200);
    }
}

#[tokio::test]
async fn who_only_holds_connections_open_keeps_nobody_out() {
    for (number, begun) in [(64, &b""[..]), (200, b""), (64, b"GET /metrics HTTP/1.1\r\nX: "), (200, b"G")] {
        let running = start().await;
        let mut regular = TcpStream::connect(running.address).await.unwrap();
        ask(&mut regular, GET).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..number {
            let mut stream = TcpStream::connect(running.address).await.unwrap();
            stream.write_all(begun).await.unwrap();
            held.push(stream);
        }
        let mut fresh = TcpStream::connect(running.address).await.unwrap();
        let (status, ..) = timeout(SOON, ask(&mut fresh, GET)).await.expect("in time").unwrap();
        assert_eq!(status, 200, "{number} hold connections open");
        let (status, ..) = timeout(SOON, ask(&mut regular, GET)).await.expect("in time").unwrap();
        assert_eq!(status, 200, "who asks regularly keeps its connection");
    }
}

#[tokio::test]
async fn who_asks_for_nothing_is_not_waited_for() {
    let running = start().await;
    let mut asked = TcpStream::connect(running.address).await.unwrap();
    ask(&mut asked, GET).await.unwrap();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    silent.write_all(b"GET /metrics HTTP/1.1\r\n").await.unwrap();
    let closed = timeout(3 * Duration::from_secs(5), silent.read(&mut [0])).await.expect("closed in seconds");
    assert!(matches!(closed, Ok(0) | Err(_)));
    assert_eq!(ask(&mut asked, GET).await.expect("who has asked once may ask again later").0, 200);
}

#[tokio::test]
async fn an_address_that_is_not_to_be_had_is_an_error() {
    let running = start().await;
    let render = Arc::new(Response::default);
    let taken = running.address.to_string();
    for listen in [taken.as_str(), "127.0.0.1", "256.0.0.1:80", ""] {
        let error =
            Scrape::bind(listen, ScrapeLimits::default(), render.clone()).await.err().unwrap().to_string();
        assert!(error.starts_with(&format!("cannot listen on '{listen}': ")), "{error}");
    }
}
