//! A server program that runs: ours, or the original with the same flags.

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

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Ours.
pub(crate) fn server() -> PathBuf {
    env!("CARGO_BIN_EXE_pull-server").into()
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
        let port = free_port();
        let config = config.replace("PORT", &port.to_string());
        std::fs::write(dir.join("prometheus.yml"), config).unwrap();
        let (executable, dir) = (executable.to_owned(), dir.to_owned());
        let mut program = Self { executable, dir, port, flags: vec![], child: None };
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

    fn try_request(&self, head: &str, body: &[u8]) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "{head}Host: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())
            .ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    fn try_get(&self, path: &str) -> Option<(u16, String)> {
        self.try_request(&format!("GET {path} HTTP/1.1\r\n"), b"")
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        self.try_get(path).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Option<u16> {
        Some(self.try_request(&format!("POST {path} HTTP/1.1\r\n"), body)?.0)
    }

    pub(crate) fn query(&self, query: &str) -> Value {
        let (status, body) = self.get(&format!("/api/v1/query?query={query}"));
        assert_eq!(status, 200, "{body}");
        // Long answers come in chunks whose lengths stand on lines of their own.
        let json: String = body.lines().filter(|l| l.starts_with('{') || l.len() > 16).collect();
        serde_json::from_str::<Value>(&json).unwrap()["data"]["result"].take()
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
