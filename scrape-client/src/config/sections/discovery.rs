//! `*_sd_configs`: every discovery that the original knows. What this crate cannot run yet is still read and
//! checked whole, so that a file is accepted or refused as the original does it.

mod cloud;
mod kubernetes;

use super::super::schema::{Field, Kind, Section, TEXTS};
use super::super::table::Table;
use super::super::value::Val;
use super::http::{HTTP_FIELDS, check_http};
use super::{fail, field};

/// A list of sections of one discovery.
const fn list(key: &'static str, section: &'static Kind) -> Field {
    field(key, Kind::List(section))
}

/// The keys of all discoveries.
pub(crate) static DISCOVERY: Section = Section::new(
    "discovery.Configs",
    &[
        list("aws_sd_configs", &Kind::Maybe(&cloud::AWS)),
        list("azure_sd_configs", &Kind::Maybe(&cloud::AZURE)),
        list("consul_sd_configs", &Kind::Maybe(&CONSUL)),
        list("digitalocean_sd_configs", &Kind::Maybe(&cloud::DIGITALOCEAN)),
        list("dns_sd_configs", &Kind::Maybe(&DNS)),
        list("docker_sd_configs", &Kind::Maybe(&DOCKER)),
        list("dockerswarm_sd_configs", &Kind::Maybe(&DOCKER_SWARM)),
        list("ec2_sd_configs", &Kind::Maybe(&cloud::EC2)),
        list("ecs_sd_configs", &Kind::Maybe(&cloud::AWS_CLUSTERS)),
        list("elasticache_sd_configs", &Kind::Maybe(&cloud::AWS_CLUSTERS)),
        list("eureka_sd_configs", &Kind::Maybe(&cloud::EUREKA)),
        list("file_sd_configs", &Kind::Maybe(&FILE)),
        list("gce_sd_configs", &Kind::Maybe(&cloud::GCE)),
        list("hetzner_sd_configs", &Kind::Maybe(&cloud::HETZNER)),
        list("http_sd_configs", &Kind::Maybe(&HTTP)),
        list("ionos_sd_configs", &Kind::Maybe(&cloud::IONOS)),
        list("kubernetes_sd_configs", &Kind::Maybe(&kubernetes::KUBERNETES)),
        list("kuma_sd_configs", &Kind::Maybe(&cloud::KUMA)),
        list("lightsail_sd_configs", &Kind::Maybe(&cloud::LIGHTSAIL)),
        list("linode_sd_configs", &Kind::Maybe(&cloud::LINODE)),
        list("marathon_sd_configs", &Kind::Maybe(&cloud::MARATHON)),
        list("msk_sd_configs", &Kind::Maybe(&cloud::AWS_CLUSTERS)),
        list("nerve_sd_configs", &Kind::Maybe(&ZOOKEEPER)),
        list("nomad_sd_configs", &Kind::Maybe(&cloud::NOMAD)),
        list("oci_sd_configs", &Kind::Maybe(&cloud::OCI)),
        list("openstack_sd_configs", &Kind::Maybe(&cloud::OPENSTACK)),
        list("outscale_sd_configs", &Kind::Maybe(&cloud::OUTSCALE)),
        list("ovhcloud_sd_configs", &Kind::Maybe(&cloud::OVHCLOUD)),
        list("puppetdb_sd_configs", &Kind::Maybe(&cloud::PUPPETDB)),
        list("rds_sd_configs", &Kind::Maybe(&cloud::RDS)),
        list("scaleway_sd_configs", &Kind::Maybe(&cloud::SCALEWAY)),
        list("serverset_sd_configs", &Kind::Maybe(&ZOOKEEPER)),
        list("stackit_sd_configs", &Kind::Maybe(&cloud::STACKIT)),
        list("triton_sd_configs", &Kind::Maybe(&cloud::TRITON)),
        list("uyuni_sd_configs", &Kind::Maybe(&cloud::UYUNI)),
        list("vultr_sd_configs", &Kind::Maybe(&cloud::VULTR)),
        list("static_configs", &Kind::Maybe(&STATIC)),
    ],
);

pub(crate) static STATIC: Section =
    Section::new("struct", &[field("targets", TEXTS).always(), field("labels", Kind::Labels)]);

static FILE: Section = Section::new(
    "file.plain",
    &[field("files", Kind::List(&Kind::Path)).always(), field("refresh_interval", Kind::Duration).or("5m")],
)
.check(|t| {
    let files = t.texts("files");
    if files.is_empty() {
        return fail("file service discovery config must contain at least one path name");
    }
    match files.iter().find(|f| !is_target_file(f)) {
        Some(file) => Err(format!("path name {file:?} is not valid for file discovery")),
        None => Ok(()),
    }
});

/// Whether a path names JSON or YAML files and has a wildcard in its last part only.
fn is_target_file(path: &str) -> bool {
    let extensions = [".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"];
    super::document::is_glob_of_files(path) && extensions.iter().any(|e| path.ends_with(e))
}

static HTTP: Section = Section::new(
    "http.plain",
    &[HTTP_FIELDS, field("refresh_interval", Kind::Duration).or("1m"), field("url", Kind::Text).always()],
)
.check(|t| {
    check_url(t.text("url"))?;
    check_http(t)
});

static DNS: Section = Section::new(
    "dns.plain",
    &[
        field("names", TEXTS).always(),
        field("refresh_interval", Kind::Duration).or("30s"),
        field("type", Kind::Text).or("SRV").always(),
        field("port", Kind::Int).always(),
    ],
)
.check(|t| {
    if t.list("names").is_empty() {
        return fail("DNS-SD config must contain at least one SRV record name");
    }
    match t.text("type").to_ascii_uppercase().as_str() {
        "SRV" => Ok(()),
        "A" | "AAAA" | "MX" | "NS" if t.int("port") == 0 => {
            fail("a port is required in DNS-SD configs for all record types except SRV")
        }
        "A" | "AAAA" | "MX" | "NS" => Ok(()),
        _ => Err(format!("invalid DNS-SD records type {}", t.text("type"))),
    }
});

static CONSUL: Section = Section::new(
    "consul.plain",
    &[
        field("server", Kind::Text).or("localhost:8500"),
        field("path_prefix", Kind::Text),
        field("token", Kind::Secret),
        field("datacenter", Kind::Text),
        field("namespace", Kind::Text),
        field("partition", Kind::Text),
        field("tag_separator", Kind::Text).or(","),
        field("scheme", Kind::Text).or("http"),
        field("username", Kind::Text),
        field("password", Kind::Secret),
        field("allow_stale", Kind::Bool).or("true").always(),
        field("refresh_interval", Kind::Duration).or("30s"),
        field("services", TEXTS),
        field("tags", TEXTS),
        field("node_meta", super::super::schema::TEXT_MAP),
        field("filter", Kind::Text),
        field("health_filter", Kind::Text),
        HTTP_FIELDS,
    ],
)
.check(|t| {
    if t.text("server").trim().is_empty() {
        return fail("consul SD configuration requires a server address");
    }
    if (t.has_text("username") || t.has_text("password")) && t.section("basic_auth").is_some() {
        return fail(
            "at most one of consul SD configuration username and password and basic auth can be configured",
        );
    }
    let other = t.section("authorization").is_some() || t.section("oauth2").is_some();
    if t.has_text("token") && other {
        return fail("at most one of consul SD token, authorization, or oauth2 can be configured");
    }
    check_http(t)
});

static FILTER: Section =
    Section::new("moby.Filter", &[field("name", Kind::Text).always(), field("values", TEXTS).always()]);

const FILTERS: Kind = Kind::List(&Kind::Maybe(&FILTER));

static DOCKER: Section = Section::new(
    "moby.plain",
    &[
        HTTP_FIELDS,
        field("host", Kind::Text).always(),
        field("port", Kind::Int).or("80").always(),
        field("filters", FILTERS).always(),
        field("host_networking_host", Kind::Text).or("localhost").always(),
        field("refresh_interval", Kind::Duration).or("1m").always(),
        field("match_first_network", Kind::Bool).or("true").always(),
    ],
)
.check(|t| {
    required(t, "host", "host missing")?;
    check_http(t)
});

static DOCKER_SWARM: Section = Section::new(
    "moby.plain",
    &[
        HTTP_FIELDS,
        field("host", Kind::Text).always(),
        field("role", Kind::Text).always(),
        field("port", Kind::Int).or("80").always(),
        field("filters", FILTERS).always(),
        field("refresh_interval", Kind::Duration).or("1m").always(),
    ],
)
.check(|t| {
    required(t, "host", "host missing")?;
    match t.text("role") {
        "services" | "nodes" | "tasks" => check_http(t),
        "" => fail("role missing (one of: tasks, services, nodes)"),
        role => Err(format!("invalid role {role}, expected tasks, services, or nodes")),
    }
});

static ZOOKEEPER: Section = Section::new(
    "zookeeper.plain",
    &[
        field("servers", TEXTS).always(),
        field("paths", TEXTS).always(),
        field("timeout", Kind::Duration).or("10s"),
    ],
)
.check(|t| {
    if t.list("servers").is_empty() {
        return fail("nerve SD config must contain at least one Zookeeper server");
    }
    if t.list("paths").is_empty() {
        return fail("nerve SD config must contain at least one path");
    }
    match t.texts("paths").iter().find(|p| !p.starts_with('/')) {
        Some(path) => Err(format!("nerve SD config paths must begin with '/': {path}")),
        None => Ok(()),
    }
});

/// Fails where a key is missing or empty.
fn required(t: &Table, key: &str, message: &str) -> Result<(), String> {
    if t.has_text(key) { Ok(()) } else { fail(message) }
}

/// Checks a URL that must be http or https and have a host.
fn check_url(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return fail("URL is missing");
    }
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return fail("URL scheme must be 'http' or 'https'");
    };
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return fail("host is missing in URL");
    }
    Ok(())
}

/// Checks the discoveries of a section: no empty ones, and no URLs among static targets that no rule rewrites.
pub(crate) fn check_discovery(t: &Table) -> Result<(), String> {
    for field in DISCOVERY.fields {
        let empty = |v: &Val| match v {
            Val::Section(table) => table.section == &STATIC && table.slots.iter().all(|s| s.at.is_none()),
            _ => true,
        };
        if t.list(field.key).iter().any(empty) {
            return Err(format!("empty or null section in {}", field.key));
        }
    }
    if !t.list("relabel_configs").is_empty() {
        return Ok(());
    }
    for target in t.sections("static_configs").flat_map(|s| s.texts("targets")) {
        if target.contains('/') {
            return Err(format!("{target:?} is not a valid hostname"));
        }
    }
    Ok(())
}
