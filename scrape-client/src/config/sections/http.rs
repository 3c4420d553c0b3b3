//! What every HTTP client of the document has in common: credentials, TLS, proxies, headers.

use super::super::schema::{Field, Kind, Section, TEXT_MAP, TEXTS};
use super::super::table::Table;
use super::super::value::Val;
use super::{count, fail, field};

/// Fields that scrape jobs, discoveries, Alertmanagers and remote ends inline.
pub(crate) static HTTP_CLIENT: Section = Section::new(
    "config.HTTPClientConfig",
    &[
        field("basic_auth", Kind::Maybe(&BASIC_AUTH)),
        field("authorization", Kind::Maybe(&AUTHORIZATION)),
        field("oauth2", Kind::Maybe(&OAUTH2)),
        field("bearer_token", Kind::Secret),
        field("bearer_token_file", Kind::Path),
        field("tls_config", Kind::One(&TLS)),
        field("follow_redirects", Kind::Bool).or("true").always(),
        field("enable_http2", Kind::Bool).or("true").always(),
        field("", Kind::Inline(&PROXY)),
        field("http_headers", Kind::Map(&Kind::One(&HEADER))),
    ],
);

pub(crate) static BASIC_AUTH: Section = Section::new(
    "config.plain",
    &[
        field("username", Kind::Text),
        field("username_file", Kind::Path),
        field("username_ref", Kind::Text),
        field("password", Kind::Secret),
        field("password_file", Kind::Path),
        field("password_ref", Kind::Text),
    ],
);

pub(crate) static AUTHORIZATION: Section = Section::new(
    "config.plain",
    &[
        field("type", Kind::Text),
        field("credentials", Kind::Secret),
        field("credentials_file", Kind::Path),
        field("credentials_ref", Kind::Text),
    ],
);

static OAUTH2: Section = Section::new(
    "config.plain",
    &[
        field("client_id", Kind::Text),
        field("client_secret", Kind::Secret),
        field("client_secret_file", Kind::Path),
        field("client_secret_ref", Kind::Text),
        field("client_certificate_key_id", Kind::Text),
        field("client_certificate_key", Kind::Secret),
        field("client_certificate_key_file", Kind::Path),
        field("client_certificate_key_ref", Kind::Text),
        field("grant_type", Kind::Text),
        field("signature_algorithm", Kind::Text),
        field("iss", Kind::Text),
        field("audience", Kind::Text),
        field("claims", Kind::Any),
        field("scopes", TEXTS),
        field("token_url", Kind::Text),
        field("endpoint_params", TEXT_MAP),
        field("tls_config", Kind::One(&TLS)),
        field("", Kind::Inline(&PROXY)),
    ],
)
.check(check_proxy);

pub(crate) static TLS: Section = Section::new(
    "config.plain",
    &[
        field("ca", Kind::Text),
        field("cert", Kind::Text),
        field("key", Kind::Secret),
        field("ca_file", Kind::Path),
        field("cert_file", Kind::Path),
        field("key_file", Kind::Path),
        field("ca_ref", Kind::Text),
        field("cert_ref", Kind::Text),
        field("key_ref", Kind::Text),
        field("server_name", Kind::Text),
        field("insecure_skip_verify", Kind::Bool).always(),
        field("min_version", Kind::Word(tls_version)),
        field("max_version", Kind::Word(tls_version)),
    ],
)
.check(check_tls);

static PROXY: Section = Section::new(
    "config.ProxyConfig",
    &[
        field("proxy_url", Kind::Url),
        field("no_proxy", Kind::Text),
        field("proxy_from_environment", Kind::Bool),
        field("proxy_connect_header", Kind::Map(&Kind::List(&Kind::Secret))),
    ],
);

static HEADER: Section = Section::new(
    "config.plain",
    &[
        field("values", TEXTS),
        field("secrets", Kind::List(&Kind::Secret)),
        field("files", Kind::List(&Kind::Path)),
    ],
);

/// A section that is nothing but an HTTP client's fields.
pub(crate) const HTTP_FIELDS: Field = field("", Kind::Inline(&HTTP_CLIENT));

fn tls_version(text: &str) -> Result<(), String> {
    match text {
        "TLS10" | "TLS11" | "TLS12" | "TLS13" => Ok(()),
        _ => Err(format!("unknown TLS version: {text}")),
    }
}

fn check_tls(t: &mut Table) -> Result<(), String> {
    let given = |keys: [&str; 3]| count(&keys.map(|k| t.has_text(k)));
    let (ca, cert, key) = (
        given(["ca", "ca_file", "ca_ref"]),
        given(["cert", "cert_file", "cert_ref"]),
        given(["key", "key_file", "key_ref"]),
    );
    match (ca, cert, key) {
        (2.., ..) => fail("at most one of ca, ca_file & ca_ref must be configured"),
        (_, 2.., _) => fail("at most one of cert, cert_file & cert_ref must be configured"),
        (.., 2..) => fail("at most one of key and key_file must be configured"),
        (_, 1, 0) => {
            fail("exactly one of key or key_file must be configured when a client certificate is configured")
        }
        (_, 0, 1) => {
            fail("exactly one of cert or cert_file must be configured when a client key is configured")
        }
        _ => Ok(()),
    }
}

fn check_proxy(t: &mut Table) -> Result<(), String> {
    let (url, environment) = (t.has_text("proxy_url"), t.bool("proxy_from_environment"));
    if !t.map("proxy_connect_header").is_empty() && !environment && !url {
        return fail(
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
        );
    }
    if environment && url {
        return fail("if proxy_from_environment is configured, proxy_url must not be configured");
    }
    if environment && t.has_text("no_proxy") {
        return fail("if proxy_from_environment is configured, no_proxy must not be configured");
    }
    if !url && t.has_text("no_proxy") {
        return fail("if no_proxy is configured, proxy_url must also be configured");
    }
    Ok(())
}

/// Checks the HTTP client fields of a section, and turns bearer tokens into `authorization`.
pub(crate) fn check_http(t: &mut Table) -> Result<(), String> {
    let (token, token_file) = (t.has_text("bearer_token"), t.has_text("bearer_token_file"));
    let (basic, oauth2) = (t.section("basic_auth").is_some(), t.section("oauth2").is_some());
    if token && token_file {
        return fail("at most one of bearer_token & bearer_token_file must be configured");
    }
    if (basic || oauth2) && (token || token_file) {
        return fail(
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        );
    }
    if let Some(auth) = t.section("basic_auth") {
        let given = |keys: [&str; 3]| count(&keys.map(|k| auth.has_text(k)));
        if given(["username", "username_file", "username_ref"]) > 1 {
            return fail(
                "at most one of basic_auth username, username_file & username_ref must be configured",
            );
        }
        if given(["password", "password_file", "password_ref"]) > 1 {
            return fail(
                "at most one of basic_auth password, password_file & password_ref must be configured",
            );
        }
    }
    match t.section("authorization").cloned() {
        Some(auth) => {
            if token || token_file {
                return fail("authorization is not compatible with bearer_token & bearer_token_file");
            }
            let auth = check_authorization(auth)?;
            if basic || oauth2 {
                return fail("at most one of basic_auth, oauth2 & authorization must be configured");
            }
            t.set("authorization", Val::Section(auth));
        }
        None if token || token_file => {
            let mut auth = Table::defaults(&AUTHORIZATION);
            auth.set("type", Val::Text("Bearer".to_owned()));
            auth.set("credentials", Val::Text(t.text("bearer_token").to_owned()));
            auth.set("credentials_file", Val::Text(t.text("bearer_token_file").to_owned()));
            t.set("authorization", Val::Section(auth));
            t.set("bearer_token", Val::Text(String::new()));
            t.set("bearer_token_file", Val::Text(String::new()));
        }
        None => {}
    }
    if let Some(oauth2) = t.section("oauth2") {
        check_oauth2(oauth2, basic)?;
    }
    check_proxy(t)?;
    check_headers(t)
}

fn check_authorization(mut auth: Table) -> Result<Table, String> {
    if count(&["credentials", "credentials_file", "credentials_ref"].map(|k| auth.has_text(k))) > 1 {
        return Err(
            "at most one of authorization credentials & credentials_file must be configured".to_owned()
        );
    }
    let scheme = match auth.text("type").trim() {
        "" => "Bearer".to_owned(),
        scheme => scheme.to_owned(),
    };
    if scheme.eq_ignore_ascii_case("basic") {
        return Err(r#"authorization type cannot be set to "basic", use "basic_auth" instead"#.to_owned());
    }
    auth.set("type", Val::Text(scheme));
    Ok(auth)
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn check_oauth2(t: &Table, basic: bool) -> Result<(), String> {
    let given = |keys: [&str; 3]| count(&keys.map(|k| t.has_text(k)));
    if basic {
        return fail("at most one of basic_auth, oauth2 & authorization must be configured");
    }
    if !t.has_text("client_id") {
        return fail("oauth2 client_id must be configured");
    }
    if !t.has_text("token_url") {
        return fail("oauth2 token_url must be configured");
    }
    if t.text("grant_type") == JWT_BEARER {
        if given(["client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref"]) > 1
        {
            return fail(
                "at most one of oauth2 client_certificate_key, client_certificate_key_file & \
                 client_certificate_key_ref must be configured using grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            );
        }
        if !matches!(t.text("signature_algorithm"), "" | "RS256" | "RS384" | "RS512") {
            return fail("valid signature algorithms are RS256, RS384 and RS512");
        }
    } else if given(["client_secret", "client_secret_file", "client_secret_ref"]) > 1 {
        return fail(
            "at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be configured \
             using grant-type=client_credentials",
        );
    }
    Ok(())
}

/// Headers that belong to the protocol and not to the user.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Whether a header belongs to the protocol; `authorization` is asked about apart.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED[1..].iter().any(|r| r.eq_ignore_ascii_case(name))
}

fn check_headers(t: &Table) -> Result<(), String> {
    for (name, _) in t.map("http_headers") {
        if RESERVED.iter().any(|r| r.eq_ignore_ascii_case(name)) {
            return Err(format!("setting header {:?} is not allowed", canonical_header(name)));
        }
    }
    Ok(())
}

/// `x-amz-date` as `X-Amz-Date`.
fn canonical_header(name: &str) -> String {
    let word = |w: &str| match w.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + &rest.to_ascii_lowercase(),
        None => String::new(),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}
