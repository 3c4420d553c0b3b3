//! The lesson ends in visible output.
#![allow(clippy::unwrap_used)]

use std::process::Command;

#[test]
fn the_page_shows_the_orders() {
    let output = Command::new(env!("CARGO_BIN_EXE_instrument-app")).arg("once").output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "shop_orders_total{country=\"fr\",outcome=\"paid\"} 57\n",
        "shop_order_duration_seconds_count 200\n",
        "# TYPE process_cpu_seconds_total counter\n",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
}
