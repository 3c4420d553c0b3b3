//! The original project's own cases, over real connections.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore, SignatureScheme, Stream};
use serde_json::Value;

use super::*;
use crate::serve::{ServeOptions, bind, handler_fn, serve};

const HELLO: &str = "Hello World!";

/// The folder of cases, if it is there.
fn cases() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/web-config");
    let folder = std::env::var_os("CONFORMANCE_WEB_CONFIG").map_or(beside, PathBuf::from);
    folder.join("testdata").is_dir().then_some(folder)
}

/// An error with all its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |e| e.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The parts of a case that matter here.
struct Case {
    name: String,
    file: String,
    expected_error: Option<String>,
    tls: bool,
    certificate: String,
    user: Option<(String, String)>,
    requests: u64,
    max_version: u64,
    suites: Vec<u16>,
    groups: Vec<u16>,
    suite: u64,
}

impl Case {
    fn read(case: &Value) -> Self {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let numbers = |key: &str| {
            let list = case[key].as_array().cloned().unwrap_or_default();
            list.iter().filter_map(Value::as_u64).filter_map(|n| u16::try_from(n).ok()).collect()
        };
        Self {
            name: text("Name"),
            file: text("YAMLConfigPath"),
            expected_error: case["ExpectedError"].as_str().map(str::to_owned),
            tls: case["UseTLSClient"] == true,
            certificate: text("ClientCertificate"),
            user: Some((text("Username"), text("Password"))).filter(|(user, _)| !user.is_empty()),
            requests: case["Requests"].as_u64().unwrap_or(0),
            max_version: case["ClientMaxTLSVersion"].as_u64().unwrap_or(0),
            suites: numbers("CipherSuites"),
            groups: numbers("CurvePreferences"),
            suite: case["ActualCipher"].as_u64().unwrap_or(0),
        }
    }

    /// Opens a port with the case's file and asks it as the case's client does.
    async fn run(&self, folder: &Path) -> Result<(), String> {
        let mut options = ServeOptions::default();
        if !self.file.is_empty() {
            options.web_config = Some(WebConfig::open(folder.join(&self.file)).map_err(|e| chain(&e))?);
        }
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hello = handler_fn(|_| http::Response::new(Full::new(Bytes::from(HELLO))));
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let server = tokio::spawn(serve(listener, hello, options, async move { drop(stopped.await) }));
        let client = Client::new(self, folder);
        let (requests, suite) = (self.requests, self.suite);
        let outcome =
            tokio::task::spawn_blocking(move || (0..=requests).try_for_each(|_| client.ask(address, suite)));
        let outcome = outcome.await.unwrap();
        drop(stop);
        server.await.unwrap();
        outcome
    }

    /// Whether the outcome is the one expected.
    fn agrees(&self, outcome: &Result<(), String>) -> bool {
        match (&self.expected_error, outcome) {
            (None, Ok(())) => true,
            (Some(expected), Err(error)) => {
                let error = error.to_lowercase();
                // The patterns are words, `|` between them and one `.*`.
                expected
                    .split('|')
                    .any(|words| words.to_lowercase().split(".*").all(|part| error.contains(part)))
            }
            _ => false,
        }
    }
}

/// A client of one connection per request.
struct Client {
    tls: Option<Arc<ClientConfig>>,
    /// Sent instead of a handshake: what the client library of these tests does not speak.
    raw: Option<Vec<u8>>,
    authorization: String,
}

/// Shows its certificate to everybody, as Go's `GetClientCertificate` does.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesClientCert for Always {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Client {
    fn new(case: &Case, folder: &Path) -> Self {
        let authorization = case.user.as_ref().map_or_else(String::new, |(user, password)| {
            use base64::Engine;
            let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            format!("Authorization: Basic {encoded}\r\n")
        });
        let known: Vec<u16> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(|s| u16::from(s.suite())).collect();
        let old = case.max_version != 0 && case.max_version < 0x0303;
        let raw = if old || case.suites.iter().any(|s| !known.contains(s)) {
            let version = if old { case.max_version as u16 } else { 0x0303 };
            let suites = if case.suites.is_empty() { &[0xc013, 0xc014][..] } else { &case.suites };
            Some(client_hello(version, suites))
        } else {
            None
        };
        let tls =
            (case.tls && raw.is_none()).then(|| Arc::new(client_config(case, &folder.join("testdata"))));
        Self { tls, raw, authorization }
    }

    fn ask(&self, address: SocketAddr, suite: u64) -> Result<(), String> {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        if let Some(hello) = &self.raw {
            stream.write_all(hello).unwrap();
            let mut answer = Vec::new();
            drop(stream.read_to_end(&mut answer));
            return Err(alert(&answer));
        }
        let request =
            format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n", self.authorization);
        let mut answer = Vec::new();
        match &self.tls {
            None => {
                stream.write_all(request.as_bytes()).unwrap();
                stream.read_to_end(&mut answer).map_err(|e| e.to_string())?;
            }
            Some(config) => {
                let name = ServerName::try_from("localhost").unwrap();
                let mut connection = ClientConnection::new(Arc::clone(config), name).unwrap();
                let mut tls = Stream::new(&mut connection, &mut stream);
                let talk = tls.write_all(request.as_bytes()).and_then(|()| tls.read_to_end(&mut answer));
                talk.map_err(|e| words(&e.to_string()))?;
                let chosen = connection.negotiated_cipher_suite().map(|s| u64::from(u16::from(s.suite())));
                if suite != 0 && chosen != Some(suite) {
                    return Err(format!("suite {chosen:?}"));
                }
            }
        }
        let answer = String::from_utf8_lossy(&answer);
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        if body == HELLO { Ok(()) } else { Err(body.to_owned()) }
    }
}

fn client_config(case: &Case, testdata: &Path) -> ClientConfig {
    let mut provider = aws_lc_rs::default_provider();
    if !case.suites.is_empty() {
        provider.cipher_suites.retain(|s| case.suites.contains(&u16::from(s.suite())));
    }
    if !case.groups.is_empty() {
        provider.kx_groups.push(&p521::P521);
        provider.kx_groups.retain(|g| case.groups.contains(&u16::from(g.name())));
    }
    let versions: &[_] = match case.suites.is_empty() {
        true => &[&rustls::version::TLS13, &rustls::version::TLS12],
        false => &[&rustls::version::TLS12],
    };
    let mut roots = RootCertStore::empty();
    let chain = CertificateDer::pem_file_iter(testdata.join("tls-ca-chain.pem")).unwrap();
    roots.add_parsable_certificates(chain.map(Result::unwrap));
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    if case.certificate.is_empty() {
        return builder.with_no_client_auth();
    }
    let file = |ending: &str| testdata.join(format!("{}.{ending}", case.certificate));
    let cert = CertificateDer::from_pem_file(file("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let key = provider.key_provider.load_private_key(key).unwrap();
    builder.with_client_cert_resolver(Arc::new(Always(Arc::new(CertifiedKey::new(vec![cert], key)))))
}

/// The first message of a client of this version with these suites. Source: RFC 5246, section 7.4.1.2.
fn client_hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let sized = |bytes: Vec<u8>| [&(bytes.len() as u16).to_be_bytes()[..], &bytes].concat();
    let list = |numbers: &[u16]| sized(numbers.iter().flat_map(|n| n.to_be_bytes()).collect());
    let extension = |kind: u16, body: Vec<u8>| [&kind.to_be_bytes()[..], &sized(body)].concat();
    let groups = [NamedGroup::secp256r1, NamedGroup::X25519].map(u16::from);
    let schemes = [SignatureScheme::RSA_PSS_SHA256, SignatureScheme::RSA_PKCS1_SHA256].map(u16::from);
    let extensions = [
        extension(10, list(&groups)),
        extension(11, vec![1, 0]),
        extension(13, list(&schemes)),
        extension(23, Vec::new()),
    ];
    let body =
        [&version.to_be_bytes()[..], &[7; 32], &[0], &list(suites), &[1, 0], &sized(extensions.concat())]
            .concat();
    let message = [&[1, 0][..], &sized(body)].concat();
    [&[22, 3, 1][..], &sized(message)].concat()
}

/// What a server's alert means, in the words of Go's client. Source: RFC 8446, section 6.
fn alert(answer: &[u8]) -> String {
    match answer {
        [21, _, _, _, _, _, 40, ..] => "handshake failure".to_owned(),
        [21, _, _, _, _, _, 70, ..] => "protocol version not supported".to_owned(),
        other => format!("{other:?}"),
    }
}

/// An error of the client, in the words of Go's.
fn words(error: &str) -> String {
    let known = [
        ("InvalidContentType", "server gave HTTP response to HTTPS client"),
        ("HandshakeFailure", "handshake failure"),
        ("BadCertificate", "bad certificate"),
    ];
    known.iter().find(|(own, _)| error.contains(own)).map_or(error, |(_, go)| go).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conformance_web_config() {
    let Some(folder) = cases() else {
        println!("skipped: no cases for web configurations here");
        return;
    };
    let tables = fs::read(folder.join("../gotables/exporter-toolkit_web.json")).unwrap();
    let tables: Value = serde_json::from_slice(&tables).unwrap();
    let (mut agree, mut wrong) = (0, Vec::new());
    let mut judge = |agrees: bool, name: String| if agrees { agree += 1 } else { wrong.push(name) };
    for table in ["TestYAMLFiles", "TestServerBehaviour", "TestUsers"] {
        for case in tables[table].as_array().unwrap() {
            let case = Case::read(case);
            let outcome = case.run(&folder).await;
            if table == "TestYAMLFiles" {
                let checked = WebConfig::check(&folder.join(&case.file)).map_err(|e| chain(&e));
                judge(case.agrees(&checked), format!("check, {}: {checked:?}", case.name));
            }
            // The original's server may start with what its check finds.
            if table != "TestYAMLFiles" || case.expected_error.is_some() {
                judge(case.agrees(&outcome), format!("{}: {outcome:?}", case.name));
            }
        }
    }
    // Files that no table names say in their names what they are.
    for file in fs::read_dir(folder.join("testdata")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".yml") && !name.ends_with(".yaml") {
            continue;
        }
        let outcome = WebConfig::open(&path).map(|_| ()).map_err(|e| chain(&e));
        // These two are bad for some clients only.
        let bad = (name.contains(".bad.") || name.contains("junk"))
            && !["web_config_auth_client_san.bad.yaml", "web_config_auth_clientCAs_missing.bad.yml"]
                .contains(&name.as_str());
        judge(outcome.is_err() == bad, format!("{name}: {outcome:?}"));
    }
    println!("web-config: {agree} of {} cases agree", agree + wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// As browsers do: over TLS, HTTP/2 is agreed on where both can.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_spoken_where_the_client_can() {
    use http_body_util::BodyExt;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    let Some(folder) = cases() else {
        println!("skipped: no cases for web configurations here");
        return;
    };
    let testdata = folder.join("testdata");
    for (file, spoken) in [
        ("web_config_noAuth.good.yml", Some(&b"h2"[..])),
        ("web_config_noAuth_noHTTP2.good.yml", Some(&b"http/1.1"[..])),
    ] {
        let web_config = Some(WebConfig::open(testdata.join(file)).unwrap());
        let options = ServeOptions { web_config, ..ServeOptions::default() };
        let listener = bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hello = handler_fn(|r: http::Request<Bytes>| {
            http::Response::new(Full::new(Bytes::from(format!("{} {:?}", r.uri().path(), r.version()))))
        });
        tokio::spawn(serve(listener, hello, options, std::future::pending()));
        let mut config = client_config(&Case::read(&Value::Null), &testdata);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), spoken, "{file}");
        if spoken == Some(b"h2") {
            let io = TokioIo::new(stream);
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
            tokio::spawn(connection);
            let request = http::Request::get("https://localhost/x").body(Full::<Bytes>::default()).unwrap();
            let answer = sender.send_request(request).await.unwrap().into_body().collect().await.unwrap();
            assert_eq!(answer.to_bytes(), "/x HTTP/2.0");
        }
    }
}

/// Changes of the file count from the next request on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changed_files_are_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yml");
    let hash = |password| bcrypt::hash(password, 4).unwrap();
    let write = |text: String| fs::write(&file, text).unwrap();
    write(format!("basic_auth_users: {{ann: '{}'}}", hash("one")));
    let reported = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&reported);
    let config = WebConfig::open(&file).unwrap().report_errors(move |e| log.lock().push(chain(e)));
    let ask = async |password: &str| {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(format!("ann:{password}"));
        let headers = http::HeaderMap::from_iter([(
            http::header::AUTHORIZATION,
            format!("Basic {basic}").parse().unwrap(),
        )]);
        let outcome = config.admit(&headers).await;
        outcome.map_or_else(|refusal| refusal.into_response(drop).status().as_u16(), |_| 200)
    };
    assert_eq!((ask("one").await, ask("two").await), (200, 401));
    write(format!("basic_auth_users: {{ann: '{}'}}", hash("two")));
    assert_eq!((ask("one").await, ask("two").await), (401, 200));
    write("basic_auth_users: [".to_owned());
    assert_eq!(ask("two").await, 500);
    assert!(reported.lock()[0].contains("no web configuration in yaml"), "{reported:?}");
    write("http_server_config: {headers: {X-Frame-Options: deny}}".to_owned());
    let headers = config.admit(&http::HeaderMap::new()).await.ok().unwrap();
    assert_eq!(headers["x-frame-options"], "deny");
}
