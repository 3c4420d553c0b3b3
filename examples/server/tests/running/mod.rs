//! A server program that runs: ours, or the original with the same flags.
#![allow(dead_code)] // no test needs all of it

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A directory with a configuration, and the program in it.
pub(crate) struct Program {
    executable: PathBuf,
    dir: PathBuf,
    pub(crate) port: u16,
    /// Beside those of [`command`].
    pub(crate) flags: Vec<&'static str>,
    pub(crate) child: Option<Child>,
}

/// What a program answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Ours.
pub(crate) fn server() -> PathBuf {
    env!("CARGO_BIN_EXE_pull-server").into()
}

/// The original, if it is installed; says so if not.
#[allow(clippy::print_stderr)]
pub(crate) fn original() -> Option<PathBuf> {
    let peers = std::env::var_os("PEERS").map_or_else(|| PathBuf::from("/opt/peers"), PathBuf::from);
    let path = peers.join("usr/bin/prometheus");
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not installed", path.display());
    None
}

pub(crate) fn command(executable: &Path, dir: &Path, port: u16) -> Command {
    let mut command = Command::new(executable);
    command.current_dir(dir).stdout(Stdio::null()).stderr(Stdio::piped()).args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        "--web.enable-lifecycle",
        "--web.enable-remote-write-receiver",
        "--query.lookback-delta=1h",
    ]);
    command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    command
}

impl Program {
    pub(crate) fn start(dir: &Path, config: &str) -> Self {
        Self::start_other(&server(), dir, config)
    }

    /// Starts another program that takes the same flags.
    pub(crate) fn start_other(executable: &Path, dir: &Path, config: &str) -> Self {
        Self::start_with(executable, dir, config, &[])
    }

    /// Starts a program with flags beside those of [`command`].
    pub(crate) fn start_with(executable: &Path, dir: &Path, config: &str, flags: &[&'static str]) -> Self {
        let port = free_port();
        let config = config.replace("PORT", &port.to_string());
        std::fs::write(dir.join("prometheus.yml"), config).unwrap();
        let (executable, dir) = (executable.to_owned(), dir.to_owned());
        let mut program = Self { executable, dir, port, flags: flags.to_vec(), child: None };
        program.launch();
        program
    }

    pub(crate) fn launch(&mut self) {
        let log = std::fs::File::create(self.dir.join("log")).unwrap();
        let mut command = command(&self.executable, &self.dir, self.port);
        self.child = Some(command.args(&self.flags).stderr(log).spawn().unwrap());
        self.until("ready", |p| p.try_get("/-/ready").is_some_and(|(status, _)| status == 200));
    }

    /// Waits until a condition holds.
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !condition(self) {
            let log = || std::fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "waited in vain for: {what}\n{}", log());
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// The answer to a request, its headers and its body. As HTTP 1.0 nothing comes in chunks.
    fn try_exchange(&self, head: &str, body: &[u8]) -> Option<(String, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "{head}Host: h\r\nContent-Length: {}\r\n\r\n", body.len()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
        let body = answer.split_off(end + 4);
        Some((String::from_utf8(answer).ok()?, body))
    }

    /// Sends lines of headers, each with its end, and a body.
    pub(crate) fn exchange(&self, request: &str, headers: &str, body: &[u8]) -> Reply {
        let (head, body) = self.try_exchange(&format!("{request} HTTP/1.0\r\n{headers}"), body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Reply { status, headers, body }
    }

    fn try_request(&self, head: &str, body: &[u8]) -> Option<(u16, String)> {
        let (head, body) = self.try_exchange(head, body)?;
        Some((head.split(' ').nth(1)?.parse().ok()?, String::from_utf8(body).ok()?))
    }

    fn try_get(&self, path: &str) -> Option<(u16, String)> {
        self.try_request(&format!("GET {path} HTTP/1.0\r\n"), b"")
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.try_get(path).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Option<u16> {
        Some(self.try_request(&format!("POST {path} HTTP/1.0\r\n"), body)?.0)
    }

    pub(crate) fn query(&self, query: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/query?query={query}"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["data"]["result"].take()
    }

    pub(crate) fn signal(&mut self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
        self.child.take().unwrap().wait().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
