//! A receiver that reads requests by hand and does with each what it is told.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::sleep,
};

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// Reads it and answers with these bytes.
    Answer(Vec<u8>),
    /// Closes the connection before it reads.
    CutUnread,
    /// Reads it, and closes the connection.
    CutRead,
    /// Reads it, answers with the first bytes, and sends the others one by one, too slowly.
    Trickle(Vec<u8>, Vec<u8>),
    /// Reads it and says nothing.
    Hang,
}

/// An answer without a body.
pub(crate) fn status(status: u16) -> Behaviour {
    answer(status, &[], b"")
}

/// An answer with a body.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Behaviour {
    let mut bytes = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        bytes.push_str(&format!("{name}: {value}\r\n"));
    }
    Behaviour::Answer([bytes.as_bytes(), b"\r\n", body].concat())
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Receipt {
    /// `POST /path HTTP/1.1`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Receipt {
    /// The value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What it has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Wholly read, in the order of their last bytes.
    pub(crate) receipts: Vec<Receipt>,
    /// Requests read and not yet answered: now, and at most.
    pub(crate) inside: usize,
    pub(crate) inside_max: usize,
}

/// Decides by what has been read so far; the last receipt is the request at hand, unless none was read.
type Decide = dyn FnMut(&Seen) -> Behaviour + Send;

/// Listens until it is dropped.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Receiver {
    /// Decides for each request once something of it has come, and once more when it is read if it is read at all: by
    /// the same answer, which therefore is asked for once.
    pub(crate) async fn start(decide: impl FnMut(&Seen) -> Behaviour + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let decide: Arc<Mutex<Decide>> = Arc::new(Mutex::new(decide));
        let for_task = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                for_task.lock().unwrap().connections += 1;
                connections.spawn(serve(stream, Arc::clone(&for_task), Arc::clone(&decide)));
            }
        });
        Self { address, seen, task }
    }

    /// Answers 200 to everything.
    pub(crate) async fn kind() -> Self {
        Self::start(|_| status(200)).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        self.seen.lock().unwrap().receipts.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    pub(crate) fn inside_max(&self) -> usize {
        self.seen.lock().unwrap().inside_max
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Seen>>, decide: Arc<Mutex<Decide>>) {
    let mut first = [0];
    while stream.peek(&mut first).await.is_ok_and(|count| count > 0) {
        let decided = (decide.lock().unwrap())(&seen.lock().unwrap());
        if matches!(decided, Behaviour::CutUnread) {
            return;
        }
        let Some(receipt) = read(&mut stream).await else { return };
        {
            let mut seen = seen.lock().unwrap();
            seen.receipts.push(receipt);
            seen.inside += 1;
            seen.inside_max = seen.inside_max.max(seen.inside);
        }
        // So that others come in meanwhile, if they may.
        sleep(Duration::from_millis(1)).await;
        seen.lock().unwrap().inside -= 1;
        if act(decided, &mut stream).await.is_none() {
            return;
        }
    }
}

/// Answers, or not; none when the connection is to be closed.
async fn act(behaviour: Behaviour, stream: &mut TcpStream) -> Option<()> {
    match behaviour {
        Behaviour::Answer(bytes) => stream.write_all(&bytes).await.ok(),
        Behaviour::CutUnread | Behaviour::CutRead => None,
        Behaviour::Trickle(first, rest) => {
            stream.write_all(&first).await.ok()?;
            for byte in rest {
                sleep(Duration::from_millis(20)).await;
                stream.write_all(&[byte]).await.ok()?;
            }
            None
        }
        Behaviour::Hang => {
            // Until the other side has had enough.
            stream.read_u8().await.ok()?;
            None
        }
    }
}

/// A whole request; none if it ends before.
async fn read(stream: &mut TcpStream) -> Option<Receipt> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Receipt { line, headers, body })
}
