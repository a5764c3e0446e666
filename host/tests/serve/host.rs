//! A host as a process, and what it is asked.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use streamgauge_common::clock::{self, Stopwatch};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A place for a host, and the host while it runs.
pub(crate) struct Host {
    pub(crate) folder: tempfile::TempDir,
    /// What stands in its configuration beside where it listens and keeps state.
    config: String,
    child: Option<Child>,
    address: String,
    pub(crate) token: Option<String>,
}

/// What was answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The answer, if its status is this.
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.body);
        self
    }
}

impl Host {
    /// A host that is not started. `FILES` in the configuration is a folder of its own.
    pub(crate) fn new(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = folder.path().canonicalize().unwrap().join("files");
        fs::create_dir(&files).unwrap();
        let config = config.replace("FILES", files.to_str().unwrap());
        Self { folder, config, child: None, address: String::new(), token: None }
    }

    /// One that may read and write files in a folder of its own, and is started.
    pub(crate) fn of_files() -> Self {
        let mut host = Self::new("[allow]\nfile_roots = [\"FILES\"]\n");
        host.start();
        host
    }

    /// The folder of its files.
    pub(crate) fn files(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("files")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    pub(crate) fn start_with(&mut self, environment: &[(&str, &str)]) {
        assert!(self.child.is_none(), "it runs");
        let config = self.path("host.toml");
        let state = self.path("state");
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\nstate.url = {:?}\nstate.checkpoint_interval = \"200ms\"\n{}",
            state, self.config
        );
        fs::write(&config, text).unwrap();
        let log = File::options().create(true).append(true).open(self.path("log")).unwrap();
        let from = log.metadata().unwrap().len();
        let child = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
            .args(["serve", "--config"])
            .arg(&config)
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let since = Stopwatch::start();
        self.address = loop {
            let log = self.log();
            let said = log.get(usize::try_from(from).unwrap()..).unwrap_or_default();
            if let Some((_, rest)) = said.split_once(" answers at http") {
                let address = rest.trim_start_matches('s').trim_start_matches("://");
                break address.split('"').next().unwrap().to_owned();
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none() && since.elapsed() < PATIENCE, "{ended:?}: {said}");
            clock::pause(Duration::from_millis(5));
        };
    }

    /// What it said until now.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) {
        let mut child = self.child.take().unwrap();
        let since = Stopwatch::start();
        while child.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.log());
            clock::pause(Duration::from_millis(5));
        }
    }

    /// Ends it well.
    pub(crate) fn end(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        let mut child = self.child.take().unwrap();
        let since = Stopwatch::start();
        loop {
            match child.try_wait().unwrap() {
                Some(status) => return status,
                None => assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.log()),
            }
            clock::pause(Duration::from_millis(5));
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let kind = if path.starts_with("/v1/plugins") { "application/wasm" } else { "application/sql" };
        self.ask_bytes(method, path, kind, body.as_bytes())
    }

    pub(crate) fn ask_bytes(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
            self.address,
            body.len(),
            token.unwrap_or_default()
        );
        ask_raw(&self.address, head.as_bytes(), body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub(crate) fn put(&self, name: &str, query: &str, sql: &str) -> Answer {
        self.ask("PUT", &format!("/v1/deployments/{name}{query}"), sql)
    }

    pub(crate) fn deployment(&self, name: &str) -> Value {
        self.get(&format!("/v1/deployments/{name}")).is(200).json()
    }

    pub(crate) fn state_of(&self, name: &str) -> String {
        self.deployment(name)["state"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let since = Stopwatch::start();
        while !holds() {
            let deployments = || self.get("/v1/deployments").body;
            assert!(since.elapsed() < PATIENCE, "{what}: {}\n{}", deployments(), self.log());
            clock::pause(Duration::from_millis(10));
        }
    }

    /// Waits for something in the log, also where the API cannot be asked without TLS.
    #[track_caller]
    pub(crate) fn until_log(&self, text: &str) {
        let since = Stopwatch::start();
        while !self.log().contains(text) {
            assert!(since.elapsed() < PATIENCE, "{text}: {}", self.log());
            clock::pause(Duration::from_millis(10));
        }
    }

    #[track_caller]
    pub(crate) fn until_state(&self, name: &str, state: &str) {
        self.until(&format!("{name} is {state}"), || self.state_of(name) == state);
    }

    /// A command of ours that asks this host.
    pub(crate) fn command(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
        command.args(arguments).env("STREAMGAUGE_HOST", self.url()).current_dir(self.folder.path());
        if let Some(token) = &self.token {
            command.env("STREAMGAUGE_TOKEN", token);
        }
        command.output().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Sends bytes and reads until the other side closes.
pub(crate) fn ask_raw(address: &str, head: &[u8], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(head).unwrap();
    // It may have answered before it has read all.
    drop(stream.write_all(body));
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status: {answer:?}"));
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A text as lines of a file, each with its end.
pub(crate) fn write(path: &Path, lines: &[&str]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    fs::write(path, text).unwrap();
}
