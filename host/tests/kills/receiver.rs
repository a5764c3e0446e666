//! A webhook receiver that misbehaves: it fails, asks for patience, cuts connections and takes its time, at random by a seed.
//! Every request that it read completely is noted, whatever it answered.

pub(crate) mod request;

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use fastrand::Rng;

#[cfg(test)]
pub(crate) use self::request::signed;
pub(crate) use self::request::{Request, SECRET_NAME, secret};
use crate::{pause, receipts::Receipts};

/// How long a connection may be silent before its thread ends.
const SILENCE: Duration = Duration::from_secs(120);
/// The longest that an answer is delayed.
const SLOW_MS_MAX: u64 = 300;

/// How a receiver behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    Good,
    /// About every fourth request meets trouble.
    Bad,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    Taken,
    TakenSlowly(Duration),
    /// A status, and after how many seconds to come again.
    Refused(u16, Option<u32>),
    CutBeforeReading,
    CutAfterReading,
    CutInTheAnswer,
}

/// A server on a port of its own, gone when dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    manners: Manners,
    random: Mutex<Rng>,
    receipts: Mutex<Receipts>,
    acknowledged: Condvar,
    closing: AtomicBool,
}

impl Receiver {
    pub(crate) fn start(manners: Manners, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            manners,
            random: Mutex::new(Rng::with_seed(seed)),
            receipts: Mutex::default(),
            acknowledged: Condvar::new(),
            closing: AtomicBool::new(false),
        });
        let serving = shared.clone();
        let accepting = Some(thread::spawn(move || accept(&listener, &serving)));
        Self { address, shared, accepting }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What it has received so far.
    pub(crate) fn receipts(&self) -> MutexGuard<'_, Receipts> {
        lock(&self.shared.receipts)
    }

    /// Waits until it has accepted so many different keys; whether it has.
    pub(crate) fn wait_for(&self, keys: usize, patience: Duration) -> bool {
        let waits = |receipts: &mut Receipts| receipts.accepted() < keys;
        let waited = self.shared.acknowledged.wait_timeout_while(self.receipts(), patience, waits);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.closing.store(true, SeqCst);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut connections: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
    for stream in listener.incoming() {
        if shared.closing.load(SeqCst) {
            break;
        }
        connections.retain(|(_, serving)| !serving.is_finished());
        let Ok(stream) = stream else { continue };
        let (Ok(other), shared) = (stream.try_clone(), shared.clone()) else { continue };
        let serving = thread::spawn(move || {
            // A host that is killed leaves its connections in any state.
            drop(serve(&stream, &shared));
            drop(stream.shutdown(Shutdown::Both));
        });
        connections.push((other, serving));
    }
    for (stream, serving) in connections {
        drop(stream.shutdown(Shutdown::Both));
        drop(serving.join());
    }
}

/// Serves one connection until either side is done with it.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while !reader.fill_buf()?.is_empty() {
        let treatment = shared.treatment();
        if treatment == Treatment::CutBeforeReading {
            break;
        }
        let request = Request::read(&mut reader)?;
        let number = lock(&shared.receipts).note(&request);
        if !answer(stream, treatment)? {
            break;
        }
        let taken = matches!(treatment, Treatment::Taken | Treatment::TakenSlowly(_));
        if let Some(number) = number.filter(|_| taken) {
            lock(&shared.receipts).accept(number);
            shared.acknowledged.notify_all();
        }
    }
    Ok(())
}

/// Answers a request; whether the connection goes on.
fn answer(mut stream: &TcpStream, treatment: Treatment) -> io::Result<bool> {
    let accepted = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    match treatment {
        Treatment::TakenSlowly(time) => {
            pause(time);
            stream.write_all(accepted.as_bytes())?;
        }
        Treatment::Taken => stream.write_all(accepted.as_bytes())?,
        Treatment::Refused(status, again_s) => {
            let again = again_s.map(|seconds| format!("Retry-After: {seconds}\r\n")).unwrap_or_default();
            let answer = format!("HTTP/1.1 {status} No\r\n{again}Content-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes())?;
        }
        Treatment::CutInTheAnswer => {
            stream.write_all(&accepted.as_bytes()[..accepted.len() / 2])?;
            return Ok(false);
        }
        Treatment::CutBeforeReading | Treatment::CutAfterReading => return Ok(false),
    }
    Ok(true)
}

impl Shared {
    fn treatment(&self) -> Treatment {
        if self.manners == Manners::Good {
            return Treatment::Taken;
        }
        let mut random = lock(&self.random);
        match random.u32(..100) {
            0..4 => Treatment::Refused(500, None),
            4..7 => Treatment::Refused(429, Some(0)),
            7..9 => Treatment::Refused(429, Some(1)),
            9..11 => Treatment::Refused(503, Some(0)),
            11..14 => Treatment::CutBeforeReading,
            14..17 => Treatment::CutAfterReading,
            17..20 => Treatment::CutInTheAnswer,
            20..25 => Treatment::TakenSlowly(Duration::from_millis(random.u64(..SLOW_MS_MAX))),
            _ => Treatment::Taken,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that failed while it held the lock has failed its test too.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Sends a request once, on a connection of its own; what it was answered.
    fn send(receiver: &Receiver, request: &Request) -> String {
        let mut stream = TcpStream::connect(receiver.address).unwrap();
        let headers = request.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let text = format!("{}\r\n{}\r\n{}", request.line, headers.collect::<String>(), request.body);
        let mut answer = String::new();
        // It may be cut at any moment.
        if stream.write_all(text.as_bytes()).is_ok() {
            BufReader::new(stream).read_line(&mut answer).ok();
        }
        answer
    }

    #[test]
    fn it_misbehaves_in_all_its_ways_and_keeps_what_it_has_read() {
        let receiver = Receiver::start(Manners::Bad, 1);
        let mut answers = BTreeMap::new();
        for number in 0..100 {
            let end = format!("{number:03}");
            let body = format!("{{\"window_start\":\"0\",\"window_end\":\"{end}\",\"model\":\"m\"}}");
            let request = signed(&end, &body);
            while receiver.receipts().accepted() <= number {
                *answers.entry(send(&receiver, &request)).or_insert(0) += 1;
            }
        }
        let rows = receiver.receipts().rows();
        assert_eq!(rows.len(), 100);
        let kinds: Vec<&str> = answers.keys().map(|answer| answer.get(9..12).unwrap_or(answer)).collect();
        assert_eq!(kinds, ["", "200", "429", "500", "503"], "{answers:?}");
        assert!(receiver.receipts().len() > 100, "some were read twice");
        assert!(receiver.wait_for(100, Duration::ZERO) && !receiver.wait_for(101, Duration::ZERO));
    }
}
