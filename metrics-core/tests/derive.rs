//! What `derive(Labels)` and `derive(Metrics)` make.
#![allow(clippy::unwrap_used, missing_docs)]

use metrics_core::family::MetricValue;
use metrics_core::instrument::{
    Counter, Desc, Family, Gauge, Histogram, LabelValue, Labels, Metrics, NamedLabels, Registry,
};

#[derive(Labels)]
#[label(rename_all = "UPPERCASE")]
enum Method {
    Get,
    Put,
}

#[derive(Labels)]
enum Outcome {
    Fine,
    NotFound,
    #[label(rename = "5xx")]
    Broken,
}

#[derive(Labels)]
struct Http<'a> {
    method: Method,
    #[label(rename = "path")]
    route: &'a str,
    tenant: Option<&'a str>,
    status: u16,
}

#[derive(Labels)]
struct Done {
    method: Method,
    outcome: Outcome,
    cached: bool,
}

#[derive(Labels)]
struct Visit<'a> {
    #[label(max = 1, overflow = "other")]
    route: &'a str,
    #[label(skip_if_none)]
    tenant: Option<&'a str>,
}

/// What the whole of a program is told by: the sketch of the documentation.
#[derive(Metrics)]
#[metrics(prefix = "site")]
struct Site {
    /// Visits.
    #[metric(expire = std::time::Duration::from_secs(60))]
    visits: Family<Visit<'static>, Counter>,
}

#[test]
fn labels_have_limits_and_members_expire() {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    static NOW: AtomicI64 = AtomicI64::new(0);
    let registry = Registry::new().clock(|| NOW.load(Relaxed));
    let site = Site::register(&registry).unwrap();
    for route in ["/", "/a", "/b"] {
        site.visits.inc(Visit { route, tenant: None });
    }
    site.visits.inc(Visit { route: "/", tenant: Some("x") });
    let all = [
        r#"metrics_family_refused_total{metric="site_visits_total"} 2"#,
        r#"site_visits_total{route="/"} 1"#,
        r#"site_visits_total{route="other"} 2"#,
        r#"site_visits_total{route="/", tenant="x"} 1"#,
    ];
    assert_eq!(shown(&registry), all);
    NOW.store(60_000, Relaxed);
    site.visits.inc(Visit { route: "/", tenant: None });
    assert_eq!(shown(&registry), [all[0], r#"site_visits_total{route="/"} 2"#]);
}

#[derive(Metrics, Clone)]
#[metrics(prefix = "shop")]
struct Shop {
    /// Requests served,
    /// by everything.
    ///
    /// This is for readers of the code.
    requests: Family<Http<'static>, Counter>,
    /// Requests finished.
    done: Family<Done, Counter>,
    /// Baskets open.
    #[metric(name = "open_baskets")]
    baskets: Gauge,
    /// Request latency.
    #[metric(unit = "seconds", buckets = [0.1, 1.0], native = 2.0)]
    latency: Histogram,
    #[metric(help = "Sizes.", max = 2, buckets = [10.0])]
    sizes: Family<Http<'static>, Histogram>,
}

fn shown(registry: &Registry) -> Vec<String> {
    let families = registry.gather().families;
    let members = families.iter().flat_map(|f| f.metrics.iter().map(move |m| (f, m)));
    members
        .map(|(f, m)| match &m.value {
            MetricValue::Counter { total, .. } => format!("{}{} {total}", f.name, m.labels),
            MetricValue::Gauge(value) => format!("{}{} {value}", f.name, m.labels),
            MetricValue::Histogram(h) => {
                format!("{}{} {} {} {}", f.name, m.labels, h.count, h.buckets.len(), h.native.is_some())
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn a_struct_of_metrics_is_registered_as_a_whole() {
    let registry = Registry::new();
    let shop = Shop::register(&registry).unwrap();
    let route = String::from("/orders");
    shop.requests.inc(Http { method: Method::Get, route: &route, tenant: None, status: 200 });
    shop.requests.get(Http { method: Method::Put, route: &route, tenant: Some("a"), status: 404 }).add(2);
    shop.done.inc(Done { method: Method::Put, outcome: Outcome::NotFound, cached: true });
    shop.baskets.set(3.0);
    shop.latency.observe(0.5);
    for status in 200..205 {
        shop.sizes.observe(Http { method: Method::Get, route: "/", tenant: None, status }, 5.0);
    }
    // The same schema again gives the same instruments.
    let again = Shop::register(&registry).unwrap();
    again.done.inc(Done { method: Method::Put, outcome: Outcome::NotFound, cached: true });
    again.baskets.inc();
    assert_eq!(
        shown(&registry),
        [
            r#"metrics_family_refused_total{metric="shop_sizes"} 3"#,
            r#"shop_done_total{cached="true", method="PUT", outcome="not_found"} 2"#,
            "shop_latency_seconds{} 1 3 true",
            "shop_open_baskets{} 4",
            r#"shop_requests_total{method="GET", path="/orders", status="200"} 1"#,
            r#"shop_requests_total{method="PUT", path="/orders", status="404", tenant="a"} 2"#,
            r#"shop_sizes{method="GET", path="/", status="200"} 1 2 false"#,
            r#"shop_sizes{method="GET", path="/", status="201"} 1 2 false"#,
            r#"shop_sizes{method="overflow", path="overflow", status="overflow", tenant="overflow"} 3 2 false"#,
        ]
    );
    let help: Vec<String> = registry.gather().families.into_iter().map(|f| f.help).collect();
    assert_eq!(
        help[1..],
        [
            "Requests finished.",
            "Request latency.",
            "Baskets open.",
            "Requests served, by everything.",
            "Sizes."
        ]
    );
}

#[test]
fn labels_know_their_names_and_how_many_there_can_be() {
    assert_eq!(Http::NAMES, ["method", "path", "tenant", "status"]);
    assert_eq!((<Http<'static> as Labels>::COUNT, <Done as Labels>::COUNT), (0, 12));
    assert_eq!(
        [Outcome::Fine, Outcome::NotFound, Outcome::Broken].map(|o| o.text(str::to_owned)),
        ["fine", "not_found", "5xx"]
    );
}

#[test]
fn every_set_of_enums_has_a_member_of_its_own() {
    let family: Family<Done, Counter> = Family::typed(Counter::new);
    let mut n = 0;
    for method in [|| Method::Get, || Method::Put] {
        for outcome in [|| Outcome::Fine, || Outcome::NotFound, || Outcome::Broken] {
            for cached in [false, true] {
                n += 1;
                family.add(Done { method: method(), outcome: outcome(), cached }, n);
            }
        }
    }
    assert_eq!(family.len(), 12);
    let registry = Registry::new();
    registry.register(("x", "X."), family).unwrap();
    let mut totals: Vec<u64> =
        shown(&registry).iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap()).collect();
    totals.sort();
    assert_eq!(totals, (1..=12).collect::<Vec<_>>());
}

#[test]
fn wrong_buckets_are_refused_when_registered() {
    #[derive(Metrics)]
    struct Wrong {
        /// X.
        #[metric(buckets = [2.0, 1.0])]
        #[allow(dead_code)]
        x: Histogram,
    }
    let refused = Wrong::register(&Registry::new()).err().unwrap();
    assert_eq!(refused.to_string(), "cannot register metric \"x\": bucket bound 1 is 1, not above 2");
    let _ = Desc::new("x", "X.");
}
