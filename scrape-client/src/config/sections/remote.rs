//! `remote_write` and `remote_read`.

use super::super::schema::{Kind, Section, TEXT_MAP};
use super::super::table::Table;
use super::http::{HTTP_FIELDS, check_http, is_reserved};
use super::relabel::RULES;
use super::{count, fail, field};

pub(crate) static REMOTE_WRITE: Section = Section::new(
    "config.plain",
    &[
        field("url", Kind::Url),
        field("remote_timeout", Kind::Duration).or("30s"),
        field("headers", TEXT_MAP),
        field("write_relabel_configs", RULES),
        field("name", Kind::Text),
        field("send_exemplars", Kind::Bool),
        field("send_native_histograms", Kind::Bool),
        field("round_robin_dns", Kind::Bool),
        field("protobuf_message", Kind::Text).or("prometheus.WriteRequest"),
        field("failed_request_logging", Kind::Bool),
        HTTP_FIELDS,
        field("queue_config", Kind::One(&QUEUE)),
        field("metadata_config", Kind::One(&METADATA)),
        field("sigv4", Kind::Maybe(&SIGV4)),
        field("azuread", Kind::Maybe(&AZURE_AD)),
        field("google_iam", Kind::Maybe(&GOOGLE_IAM)),
    ],
)
.overrides(&[("enable_http2", "false")])
.check(check_write);

static QUEUE: Section = Section::new(
    "config.QueueConfig",
    &[
        field("capacity", Kind::Int).or("10000"),
        field("max_shards", Kind::Int).or("50"),
        field("min_shards", Kind::Int).or("1"),
        field("max_samples_per_send", Kind::Int).or("2000"),
        field("batch_send_deadline", Kind::Duration).or("5s"),
        field("min_backoff", Kind::Duration).or("30ms"),
        field("max_backoff", Kind::Duration).or("5s"),
        field("retry_on_http_429", Kind::Bool),
        field("sample_age_limit", Kind::Duration),
    ],
);

static METADATA: Section = Section::new(
    "config.MetadataConfig",
    &[
        field("send", Kind::Bool).or("true").always(),
        field("send_interval", Kind::Duration).or("1m").always(),
        field("max_samples_per_send", Kind::Int).or("2000"),
    ],
);

pub(crate) static SIGV4: Section = Section::new(
    "sigv4.plain",
    &[
        field("region", Kind::Text),
        field("access_key", Kind::Text),
        field("secret_key", Kind::Secret),
        field("profile", Kind::Text),
        field("role_arn", Kind::Text),
        field("external_id", Kind::Text),
        field("use_fips_sts_endpoint", Kind::Bool),
        field("service_name", Kind::Text),
    ],
)
.check(|t| match t.has_text("access_key") == t.has_text("secret_key") {
    true => Ok(()),
    false => fail(
        "must provide a AWS SigV4 Access key and Secret Key if credentials are specified in the SigV4 config",
    ),
});

static AZURE_AD: Section = Section::new(
    "azuread.plain",
    &[
        field("managed_identity", Kind::Maybe(&AZURE_ID)),
        field("workload_identity", Kind::Maybe(&AZURE_ID)),
        field("oauth", Kind::Maybe(&AZURE_ID)),
        field("sdk", Kind::Maybe(&AZURE_ID)),
        field("certificate", Kind::Maybe(&AZURE_ID)),
        field("cloud", Kind::Text).or("AzurePublic"),
        field("scope", Kind::Text),
    ],
)
.check(|t| {
    let ways = ["managed_identity", "workload_identity", "oauth", "sdk", "certificate"];
    match count(&ways.map(|k| t.section(k).is_some())) {
        0 => fail(
            "must provide an Azure Managed Identity, Azure Workload Identity, Azure OAuth, Azure Certificate or \
             Azure SDK in the Azure AD config",
        ),
        1 => Ok(()),
        _ => fail("cannot provide multiple authentication methods in the Azure AD config"),
    }
});

static AZURE_ID: Section = Section::new(
    "azuread.plain",
    &[
        field("client_id", Kind::Text),
        field("client_secret", Kind::Secret),
        field("tenant_id", Kind::Text),
        field("token_file_path", Kind::Text),
        field("certificate_path", Kind::Text),
        field("certificate_key_path", Kind::Text),
        field("certificate_password", Kind::Secret),
        field("send_certificate_chain", Kind::Bool),
    ],
);

static GOOGLE_IAM: Section = Section::new("googleiam.Config", &[field("credentials_file", Kind::Text)]);

pub(crate) static REMOTE_READ: Section = Section::new(
    "config.plain",
    &[
        field("url", Kind::Url),
        field("remote_timeout", Kind::Duration).or("1m"),
        field("chunked_read_limit", Kind::Uint).or("50000000"),
        field("headers", TEXT_MAP),
        field("read_recent", Kind::Bool),
        field("name", Kind::Text),
        HTTP_FIELDS,
        field("required_matchers", Kind::Labels),
        field("filter_external_labels", Kind::Bool).or("true"),
    ],
)
.check(|t| {
    if !t.has_text("url") {
        return fail("url for remote_read is empty");
    }
    check_headers(t)?;
    check_http(t)
});

fn check_headers(t: &Table) -> Result<(), String> {
    for (name, _) in t.map("headers") {
        if name.eq_ignore_ascii_case("authorization") {
            return fail(
                "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread \
                 or google_iam parameter",
            );
        }
        if is_reserved(name) {
            return Err(format!("{name} is a reserved header. It must not be changed"));
        }
    }
    Ok(())
}

fn check_write(t: &mut Table) -> Result<(), String> {
    if !t.has_text("url") {
        return fail("url for remote_write is empty");
    }
    if t.has_null("write_relabel_configs") {
        return fail("empty or null relabeling rule in remote write config");
    }
    check_headers(t)?;
    let message = t.text("protobuf_message");
    if !matches!(message, "prometheus.WriteRequest" | "io.prometheus.write.v2.Request") {
        return Err(format!(
            "invalid protobuf_message value: unknown type for remote write protobuf message {message}, supported: \
             prometheus.WriteRequest, io.prometheus.write.v2.Request"
        ));
    }
    check_http(t)?;
    if let Some(queue) = t.section("queue_config") {
        check_queue(queue)?;
    }
    let ways = ["basic_auth", "authorization", "oauth2", "sigv4", "azuread", "google_iam"];
    let used: Vec<&str> = ways.into_iter().filter(|k| t.section(k).is_some()).collect();
    if used.len() > 1 {
        return Err(format!(
            "at most one of basic_auth, authorization, oauth2, sigv4, azuread or google_iam must be configured. \
             Currently configured: [{}]",
            used.join(" ")
        ));
    }
    Ok(())
}

fn check_queue(t: &Table) -> Result<(), String> {
    for key in ["max_shards", "min_shards"] {
        if t.int(key) <= 0 {
            return Err(format!("remote write queue {key} must be positive"));
        }
    }
    if t.int("min_shards") > t.int("max_shards") {
        return fail("remote write queue min_shards must not be greater than max_shards");
    }
    for key in ["max_samples_per_send", "capacity"] {
        if t.int(key) <= 0 {
            return Err(format!("remote write queue {key} must be positive"));
        }
    }
    if t.duration("max_backoff") < t.duration("min_backoff") {
        return fail("remote write queue max_backoff must not be less than min_backoff");
    }
    Ok(())
}
