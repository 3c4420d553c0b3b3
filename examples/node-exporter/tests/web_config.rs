//! The program behind a password.
#![allow(clippy::unwrap_used, reason = "helpers of a test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// `secret`, at the lowest cost.
const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn only_those_with_the_password_get_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, format!("basic_auth_users: {{ann: '{HASH}'}}")).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_node-exporter"))
        .arg(format!("--web.config.file={}", file.display()))
        .arg(format!("--web.listen-address={address}"))
        .args(["--collector.disable-defaults", "--collector.loadavg", "--log.level=error"])
        .stderr(Stdio::null())
        .spawn();
    let _program = Killed(program.unwrap());
    let ask = |header: &str| {
        let mut stream = (0..100)
            .find_map(|_| {
                std::thread::sleep(Duration::from_millis(50));
                TcpStream::connect(address).ok()
            })
            .unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let refused = ask("");
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.contains("www-authenticate: Basic"), "{refused}");
    // ann:secret
    let page = ask("Authorization: Basic YW5uOnNlY3JldA==\r\n");
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("\nnode_load1 "), "{page}");
}

#[test]
fn a_file_that_makes_no_sense_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    std::fs::write(&file, "tls_server_config: {key_file: x}").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_node-exporter"))
        .arg(format!("--web.config.file={}", file.display()))
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("node-exporter: missing one of cert or cert_file"), "{said}");
}
