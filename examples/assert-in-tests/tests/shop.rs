//! Three ways to assert on what a program measures.
#![allow(clippy::unwrap_used)]

use assert_in_tests::{Observed, Shop, assert_promql};
use exporter_kit::instrument::Registry;

fn shop() -> (Registry, Shop) {
    let registry = Registry::new();
    let shop = Shop::register(&registry).unwrap();
    (registry, shop)
}

/// A sample, by its name and labels as a page shows them.
#[test]
fn orders_are_counted_by_outcome() {
    let (registry, shop) = shop();
    shop.order(0.5);
    shop.order(0.0);
    assert_eq!(registry.value("shop_orders_total", &[("delivered", "true")]), Some(1.0));
    assert_eq!(registry.value("shop_duration_seconds_bucket", &[("le", "1")]), Some(2.0));
    assert_eq!(registry.value("shop_refunds_total", &[]), None);
}

/// The change of a sample around a block: whatever other tests or parts of the program have counted before.
#[test]
fn an_order_counts_once() {
    let (registry, shop) = shop();
    shop.order(0.5);
    let rise = registry.rise("shop_orders_total", &[("delivered", "true")], || shop.order(0.2));
    assert_eq!(rise, 1.0);
}

/// An expression: what the dashboards and alerts of the program ask, asked in its tests.
#[test]
fn the_alert_for_failed_orders_would_fire() {
    let (registry, shop) = shop();
    shop.order(0.5);
    shop.order(0.0);
    assert_promql(
        &registry,
        "sum by () (shop_orders_total{delivered='false'}) / sum(shop_orders_total) >= 0.5",
    );
    assert_promql(&registry, "histogram_quantile(0.9, shop_duration_seconds_bucket) <= 1");
}

#[test]
#[should_panic(expected = "shop_orders_total > 5 is not true of the registry")]
fn what_is_not_true_panics() {
    let (registry, shop) = shop();
    shop.order(0.5);
    assert_promql(&registry, "shop_orders_total > 5");
}

/// An expression over time, of scrapes at the times that the test wants.
#[test]
fn four_orders_a_minute() {
    let (registry, shop) = shop();
    let observed = Observed::new(&registry);
    shop.order(0.5);
    for minute in 0..=10 {
        observed.scrape(minute * 60_000).unwrap();
        (0..4).for_each(|_| shop.order(0.5));
    }
    let per_minute = observed.ask("sum(rate(shop_orders_total[5m])) * 60", 600_000).unwrap().unwrap();
    assert!((per_minute - 4.0).abs() < 1e-9, "{per_minute}");
    assert_eq!(observed.ask("shop_refunds_total", 600_000).unwrap(), None);
}
