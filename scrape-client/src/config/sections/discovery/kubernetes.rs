//! `kubernetes_sd_configs`.

use super::super::super::schema::{Kind, Section, TEXTS};
use super::super::super::table::Table;
use super::super::http::{HTTP_CLIENT, HTTP_FIELDS, check_http};
use super::super::{fail, field};

pub(super) static KUBERNETES: Section = Section::new(
    "kubernetes.SDConfig",
    &[
        field("api_server", Kind::Url),
        field("role", Kind::Word(role)).always(),
        field("kubeconfig_file", Kind::Path).always(),
        HTTP_FIELDS,
        field("namespaces", Kind::One(&NAMESPACES)),
        field("selectors", Kind::List(&Kind::Maybe(&SELECTOR))),
        field("attach_metadata", Kind::One(&ATTACH)),
    ],
)
.check(check);

static NAMESPACES: Section = Section::new(
    "kubernetes.plain",
    &[field("own_namespace", Kind::Bool).always(), field("names", TEXTS).always()],
);

static SELECTOR: Section = Section::new(
    "kubernetes.plain",
    &[field("role", Kind::Word(role)), field("label", Kind::Text), field("field", Kind::Text)],
);

static ATTACH: Section = Section::new(
    "kubernetes.plain",
    &[field("node", Kind::Bool).always(), field("namespace", Kind::Bool).always()],
);

fn role(text: &str) -> Result<(), String> {
    match text {
        "node" | "pod" | "service" | "endpoints" | "endpointslice" | "ingress" => Ok(()),
        _ => Err(format!("unknown Kubernetes SD role {text:?}")),
    }
}

/// Which objects a role may select by.
fn selectors_of(role: &str) -> &'static [&'static str] {
    match role {
        "pod" => &["pod"],
        "service" => &["service"],
        "endpointslice" => &["pod", "service", "endpointslice"],
        "endpoints" => &["pod", "service", "endpoints"],
        "node" => &["node"],
        _ => &["ingress"],
    }
}

fn check(t: &mut Table) -> Result<(), String> {
    let role = t.text("role").to_owned();
    if role.is_empty() {
        return fail("role missing (one of: pod, service, endpoints, endpointslice, node, ingress)");
    }
    check_http(t)?;
    let (server, kubeconfig) = (t.has_text("api_server"), t.has_text("kubeconfig_file"));
    let own = t.section("namespaces").is_some_and(|n| n.bool("own_namespace"));
    if server && kubeconfig {
        return fail("cannot use 'kubeconfig_file' and 'api_server' simultaneously");
    }
    if kubeconfig && has_custom_http(t) {
        return fail("cannot use a custom HTTP client configuration together with 'kubeconfig_file'");
    }
    if !server && has_custom_http(t) {
        return fail(
            "to use custom HTTP client configuration please provide the 'api_server' URL explicitly",
        );
    }
    if server && own {
        return fail("cannot use 'api_server' and 'namespaces.own_namespace' simultaneously");
    }
    if kubeconfig && own {
        return fail("cannot use 'kubeconfig_file' and 'namespaces.own_namespace' simultaneously");
    }
    let allowed = selectors_of(&role);
    let mut seen = Vec::new();
    for selector in t.sections("selectors") {
        let selected = selector.text("role");
        if seen.contains(&selected) {
            return Err(format!("duplicated selector role: {selected}"));
        }
        seen.push(selected);
        if !allowed.contains(&selected) {
            return Err(format!("{role} role supports only {} selectors", allowed.join(", ")));
        }
    }
    Ok(())
}

/// Whether any HTTP client field differs from its default.
fn has_custom_http(t: &Table) -> bool {
    let default = Table::defaults(&HTTP_CLIENT);
    default.slots.iter().any(|d| *t.get(d.field.key) != d.val)
}
