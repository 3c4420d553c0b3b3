//! Discoveries of clouds and schedulers.

use super::super::super::schema::{Field, Kind, Section, TEXTS};
use super::super::super::table::Table;
use super::super::http::{HTTP_FIELDS, TLS, check_http};
use super::super::{fail, field};
use super::{check_url, required};

const REFRESH: Field = field("refresh_interval", Kind::Duration).or("1m");
const PORT: Field = field("port", Kind::Int).or("80").always();
const REGION: Field = field("region", Kind::Text);
const ENDPOINT: Field = field("endpoint", Kind::Text);
const ACCESS_KEY: Field = field("access_key", Kind::Text);
const SECRET_KEY: Field = field("secret_key", Kind::Secret);
const PROFILE: Field = field("profile", Kind::Text);
const ROLE_ARN: Field = field("role_arn", Kind::Text);
const EXTERNAL_ID: Field = field("external_id", Kind::Text);
const CLUSTERS: Field = field("clusters", TEXTS);
const CONCURRENCY: Field = field("request_concurrency", Kind::Int);
const FILTERS: Field = field("filters", Kind::List(&FILTER_ITEM));

static FILTER_ITEM: Kind = Kind::Maybe(&FILTER);

static FILTER: Section =
    Section::new("aws.Filter", &[field("name", Kind::Text).always(), field("values", TEXTS).always()]);

pub(super) static AWS: Section = Section::new(
    "aws.plain",
    &[
        field("role", Kind::Word(aws_role)).always(),
        REGION,
        ENDPOINT,
        ACCESS_KEY,
        SECRET_KEY,
        PROFILE,
        ROLE_ARN,
        EXTERNAL_ID,
        REFRESH,
        PORT,
        HTTP_FIELDS,
        FILTERS,
        CLUSTERS,
    ],
)
.check(check_aws);

fn aws_role(text: &str) -> Result<(), String> {
    match text {
        "ec2" | "ecs" | "elasticache" | "lightsail" | "msk" | "rds" => Ok(()),
        _ => Err(format!("unknown AWS SD role {text:?}")),
    }
}

fn check_aws(t: &mut Table) -> Result<(), String> {
    if t.sections("filters").any(|f| f.list("values").is_empty()) {
        return fail("EC2 SD configuration filter values cannot be empty");
    }
    check_http(t)
}

pub(super) static EC2: Section = Section::new(
    "aws.plain",
    &[
        ENDPOINT.always(),
        REGION.always(),
        ACCESS_KEY,
        SECRET_KEY,
        PROFILE,
        ROLE_ARN,
        EXTERNAL_ID,
        REFRESH,
        PORT,
        FILTERS.always(),
        HTTP_FIELDS,
    ],
)
.check(check_aws);

pub(super) static LIGHTSAIL: Section = Section::new(
    "aws.plain",
    &[
        ENDPOINT.always(),
        REGION.always(),
        ACCESS_KEY,
        SECRET_KEY,
        PROFILE,
        ROLE_ARN,
        EXTERNAL_ID,
        REFRESH,
        PORT,
        HTTP_FIELDS,
    ],
)
.check(check_http);

/// ECS, ElastiCache and MSK.
pub(super) static AWS_CLUSTERS: Section = Section::new(
    "aws.plain",
    &[
        REGION.always(),
        ENDPOINT.always(),
        ACCESS_KEY,
        SECRET_KEY,
        PROFILE,
        ROLE_ARN,
        EXTERNAL_ID,
        CLUSTERS,
        PORT,
        REFRESH,
        CONCURRENCY,
        HTTP_FIELDS,
    ],
)
.check(check_http);

pub(super) static RDS: Section = Section::new(
    "aws.plain",
    &[
        REGION.always(),
        ENDPOINT.always(),
        ACCESS_KEY,
        SECRET_KEY,
        PROFILE,
        ROLE_ARN,
        EXTERNAL_ID,
        CLUSTERS,
        PORT,
        REFRESH,
        FILTERS.always(),
        CONCURRENCY,
        HTTP_FIELDS,
    ],
)
.check(check_aws);

pub(super) static AZURE: Section = Section::new(
    "azure.plain",
    &[
        field("environment", Kind::Text).or("AzurePublicCloud"),
        PORT,
        field("subscription_id", Kind::Text).always(),
        field("tenant_id", Kind::Text),
        field("client_id", Kind::Text),
        field("client_secret", Kind::Secret),
        field("refresh_interval", Kind::Duration).or("5m"),
        field("authentication_method", Kind::Text).or("OAuth"),
        field("resource_group", Kind::Text),
        HTTP_FIELDS,
    ],
)
.check(|t| {
    let method = t.text("authentication_method").to_owned();
    let needed: &[&str] = match method.as_str() {
        "OAuth" => &["subscription_id", "tenant_id", "client_id", "client_secret"],
        _ => &["subscription_id"],
    };
    for key in needed {
        required(t, key, &format!("azure SD configuration requires a {key}"))?;
    }
    if !matches!(method.as_str(), "OAuth" | "ManagedIdentity" | "SDK" | "WorkloadIdentity") {
        return Err(format!(
            "unknown authentication_type {method:?}. Supported types are \"OAuth\", \"ManagedIdentity\", \"SDK\" or \
             \"WorkloadIdentity\""
        ));
    }
    check_http(t)
});

pub(super) static DIGITALOCEAN: Section = Section::new(
    "digitalocean.plain",
    &[
        HTTP_FIELDS,
        REFRESH.always(),
        PORT,
        field("role", Kind::Word(digitalocean_role)).or("droplets").always(),
    ],
)
.check(|t| {
    required(t, "role", "role missing (one of: droplets, databases)")?;
    check_http(t)
});

fn digitalocean_role(text: &str) -> Result<(), String> {
    match text {
        "droplets" | "databases" => Ok(()),
        _ => Err(format!("unknown DigitalOcean SD role {text:?}")),
    }
}

pub(super) static EUREKA: Section = Section::new(
    "eureka.plain",
    &[field("server", Kind::Text), HTTP_FIELDS, field("refresh_interval", Kind::Duration).or("30s")],
)
.check(|t| {
    required(t, "server", "eureka_sd: empty or null eureka server")?;
    let host = t.text("server").split_once("://").filter(|(scheme, _)| !scheme.is_empty());
    if host.is_none_or(|(_, rest)| rest.is_empty() || rest.starts_with('/')) {
        return fail("eureka_sd: invalid eureka server URL");
    }
    check_http(t)
});

pub(super) static GCE: Section = Section::new(
    "gce.plain",
    &[
        field("project", Kind::Text).always(),
        field("zone", Kind::Text).always(),
        field("filter", Kind::Text),
        REFRESH,
        PORT,
        field("tag_separator", Kind::Text).or(","),
    ],
)
.check(|t| {
    required(t, "project", "GCE SD configuration requires a project")?;
    required(t, "zone", "GCE SD configuration requires a zone")
});

pub(super) static HETZNER: Section = Section::new(
    "hetzner.plain",
    &[
        HTTP_FIELDS,
        REFRESH.always(),
        PORT,
        field("role", Kind::Word(|r| one_of(r, &["robot", "hcloud"]))).always(),
        field("label_selector", Kind::Text),
    ],
)
.check(|t| {
    required(t, "role", "role missing (one of: robot, hcloud)")?;
    check_http(t)
});

fn one_of(role: &str, roles: &[&str]) -> Result<(), String> {
    if roles.contains(&role) { Ok(()) } else { Err(format!("unknown role {role:?}")) }
}

pub(super) static IONOS: Section = Section::new(
    "ionos.plain",
    &[field("datacenter_id", Kind::Text).always(), HTTP_FIELDS, REFRESH.always(), PORT],
)
.check(|t| {
    required(t, "datacenter_id", "datacenter id can't be empty")?;
    check_http(t)
});

pub(super) static KUMA: Section = Section::new(
    "xds.plain",
    &[
        HTTP_FIELDS,
        field("refresh_interval", Kind::Duration).or("15s"),
        field("fetch_timeout", Kind::Duration).or("2m"),
        field("server", Kind::Text),
        field("client_id", Kind::Text),
    ],
)
.check(|t| {
    let server = t.text("server");
    if server.is_empty() {
        return fail("kuma SD server must not be empty");
    }
    check_url(server).map_err(|_| format!("kuma SD server must not be empty and have a scheme: {server}"))?;
    check_http(t)
});

pub(super) static LINODE: Section = Section::new(
    "linode.plain",
    &[HTTP_FIELDS, REFRESH.always(), PORT, field("tag_separator", Kind::Text).or(","), REGION],
)
.check(check_http);

pub(super) static MARATHON: Section = Section::new(
    "marathon.plain",
    &[
        field("servers", TEXTS),
        field("refresh_interval", Kind::Duration).or("30s"),
        field("auth_token", Kind::Secret),
        field("auth_token_file", Kind::Path),
        HTTP_FIELDS,
    ],
)
.check(|t| {
    if t.list("servers").is_empty() {
        return fail("marathon_sd: must contain at least one Marathon server");
    }
    let (token, file) = (t.has_text("auth_token"), t.has_text("auth_token_file"));
    if token && file {
        return fail("marathon_sd: at most one of auth_token & auth_token_file must be configured");
    }
    if token || file {
        if t.section("basic_auth").is_some() {
            return fail("marathon_sd: at most one of basic_auth, auth_token & auth_token_file must be configured");
        }
        if t.has_text("bearer_token") || t.has_text("bearer_token_file") {
            return fail(
                "marathon_sd: at most one of bearer_token, bearer_token_file, auth_token & auth_token_file must be \
                 configured",
            );
        }
        if t.section("authorization").is_some() {
            return fail("marathon_sd: at most one of auth_token, auth_token_file & authorization must be configured");
        }
    }
    check_http(t)
});

pub(super) static NOMAD: Section = Section::new(
    "nomad.plain",
    &[
        field("allow_stale", Kind::Bool).or("true").always(),
        HTTP_FIELDS,
        field("namespace", Kind::Text).or("default").always(),
        REFRESH.always(),
        field("region", Kind::Text).or("global").always(),
        field("server", Kind::Text).or("http://localhost:4646").always(),
        field("tag_separator", Kind::Text).or(","),
    ],
)
.check(|t| {
    if t.text("server").trim().is_empty() {
        return fail("nomad SD configuration requires a server address");
    }
    check_http(t)
});

pub(super) static OCI: Section = Section::new(
    "oci.plain",
    &[
        field("auth", Kind::Text).or("api_key"),
        field("tenancy", Kind::Text),
        field("user", Kind::Text),
        field("fingerprint", Kind::Text),
        field("key_file", Kind::Path),
        field("key_passphrase", Kind::Secret),
        field("key_passphrase_file", Kind::Path),
        field("region", Kind::Text).always(),
        field("compartments", TEXTS),
        HTTP_FIELDS,
        PORT,
        REFRESH.always(),
    ],
)
.check(check_http);

pub(super) static OPENSTACK: Section = Section::new(
    "openstack.plain",
    &[
        field("identity_endpoint", Kind::Text).always(),
        field("username", Kind::Text).always(),
        field("userid", Kind::Text).always(),
        field("password", Kind::Secret).always(),
        field("project_name", Kind::Text).always(),
        field("project_id", Kind::Text).always(),
        field("domain_name", Kind::Text).always(),
        field("domain_id", Kind::Text).always(),
        field("application_credential_name", Kind::Text).always(),
        field("application_credential_id", Kind::Text).always(),
        field("application_credential_secret", Kind::Secret).always(),
        field("role", Kind::Word(openstack_role)).always(),
        field("region", Kind::Text).always(),
        REFRESH.always(),
        PORT,
        field("all_tenants", Kind::Bool),
        field("tls_config", Kind::One(&TLS)),
        field("availability", Kind::Text).or("public"),
    ],
)
.check(|t| {
    let availability = t.text("availability");
    if !matches!(availability, "public" | "internal" | "admin") {
        return Err(format!("unknown availability {availability}, must be one of admin, internal or public"));
    }
    required(t, "role", "role missing (one of: instance, hypervisor, loadbalancer)")?;
    required(t, "region", "openstack SD configuration requires a region")
});

fn openstack_role(text: &str) -> Result<(), String> {
    match text {
        "hypervisor" | "instance" | "loadbalancer" => Ok(()),
        _ => Err(format!("unknown OpenStack SD role {text:?}")),
    }
}

pub(super) static OUTSCALE: Section = Section::new(
    "outscale.plain",
    &[
        ENDPOINT,
        field("region", Kind::Text).or("eu-west-2").always(),
        ACCESS_KEY.always(),
        SECRET_KEY.always(),
        field("secret_key_file", Kind::Path).always(),
        REFRESH,
        PORT,
        HTTP_FIELDS,
    ],
)
.check(check_http);

pub(super) static OVHCLOUD: Section = Section::new(
    "ovhcloud.plain",
    &[
        field("endpoint", Kind::Text).or("ovh-eu").always(),
        field("application_key", Kind::Text).always(),
        field("application_secret", Kind::Secret).always(),
        field("consumer_key", Kind::Secret).always(),
        REFRESH.always(),
        field("service", Kind::Text).always(),
    ],
)
.check(|t| {
    required(t, "endpoint", "endpoint can not be empty")?;
    required(t, "application_key", "application key can not be empty")?;
    required(t, "application_secret", "application secret can not be empty")?;
    required(t, "consumer_key", "consumer key can not be empty")?;
    match t.text("service") {
        "dedicated_server" | "vps" => Ok(()),
        service => Err(format!("unknown service: {service}")),
    }
});

pub(super) static PUPPETDB: Section = Section::new(
    "puppetdb.plain",
    &[
        HTTP_FIELDS,
        REFRESH,
        field("url", Kind::Text).always(),
        field("query", Kind::Text).always(),
        field("include_parameters", Kind::Bool).always(),
        PORT,
    ],
)
.check(|t| {
    check_url(t.text("url"))?;
    required(t, "query", "query missing")?;
    check_http(t)
});

pub(super) static SCALEWAY: Section = Section::new(
    "scaleway.plain",
    &[
        field("project_id", Kind::Text).always(),
        field("api_url", Kind::Text).or("https://api.scaleway.com"),
        field("zone", Kind::Text).or("fr-par-1").always(),
        ACCESS_KEY.always(),
        SECRET_KEY.always(),
        field("secret_key_file", Kind::Path).always(),
        field("name_filter", Kind::Text),
        field("tags_filter", TEXTS),
        HTTP_FIELDS,
        REFRESH.always(),
        PORT,
        field("role", Kind::Word(|r| one_of(r, &["instance", "baremetal"]))).always(),
    ],
)
.check(|t| {
    required(t, "role", "role missing (one of: instance, baremetal)")?;
    required(t, "project_id", "project_id is mandatory")?;
    match (t.has_text("secret_key"), t.has_text("secret_key_file")) {
        (false, false) => return fail("one of secret_key & secret_key_file must be configured"),
        (true, true) => return fail("at most one of secret_key & secret_key_file must be configured"),
        _ => {}
    }
    required(t, "access_key", "access_key is mandatory")?;
    check_http(t)
});

pub(super) static STACKIT: Section = Section::new(
    "stackit.plain",
    &[
        HTTP_FIELDS,
        field("project", Kind::Text).always(),
        REFRESH,
        field("port", Kind::Int).or("80"),
        field("region", Kind::Text).or("eu01"),
        ENDPOINT,
        field("service_account_key", Kind::Secret),
        field("private_key", Kind::Secret),
        field("service_account_key_path", Kind::Path),
        field("private_key_path", Kind::Path),
        field("credentials_file_path", Kind::Path),
    ],
)
.check(|t| {
    let endpoint = t.text("endpoint");
    if endpoint.is_empty() && !t.has_text("region") {
        return fail("stackit_sd: endpoint and region missing");
    }
    if endpoint.starts_with(':') || endpoint.contains(|c: char| c.is_control()) {
        return Err(format!("stackit_sd: invalid endpoint {endpoint:?}: missing protocol scheme"));
    }
    check_http(t)
});

pub(super) static TRITON: Section = Section::new(
    "triton.plain",
    &[
        field("account", Kind::Text).always(),
        field("role", Kind::Text).or("container").always(),
        field("dns_suffix", Kind::Text).always(),
        field("endpoint", Kind::Text).always(),
        field("groups", TEXTS),
        field("port", Kind::Int).or("9163").always(),
        REFRESH,
        field("tls_config", Kind::One(&TLS)),
        field("version", Kind::Int).or("1").always(),
    ],
)
.check(|t| {
    if !matches!(t.text("role"), "container" | "cn") {
        return fail("triton SD configuration requires role to be 'container' or 'cn'");
    }
    required(t, "account", "triton SD configuration requires an account")?;
    required(t, "dns_suffix", "triton SD configuration requires a dns_suffix")?;
    required(t, "endpoint", "triton SD configuration requires an endpoint")?;
    if t.duration("refresh_interval").is_zero() {
        return fail("triton SD configuration requires RefreshInterval to be a positive integer");
    }
    Ok(())
});

pub(super) static UYUNI: Section = Section::new(
    "uyuni.plain",
    &[
        field("server", Kind::Text).always(),
        field("username", Kind::Text).always(),
        field("password", Kind::Secret).always(),
        HTTP_FIELDS,
        field("entitlement", Kind::Text).or("monitoring_entitled"),
        field("separator", Kind::Text).or(","),
        REFRESH,
    ],
)
.check(|t| {
    required(t, "server", "Uyuni SD configuration requires server host")?;
    required(t, "username", "Uyuni SD configuration requires a username")?;
    required(t, "password", "Uyuni SD configuration requires a password")?;
    check_http(t)
});

pub(super) static VULTR: Section =
    Section::new("vultr.plain", &[HTTP_FIELDS, REFRESH.always(), PORT]).check(check_http);
