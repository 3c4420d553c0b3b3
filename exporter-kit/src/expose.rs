//! A registry's way to its page.

use metrics_core::instrument::Registry;

use crate::Endpoint;

/// Shows a registry: `use exporter_kit::Expose` and say `registry.endpoint()` where a router wants a service.
///
/// ```
/// use exporter_kit::Expose;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// registry.counter("shop_boots", "Starts.")?.inc();
/// let request = http::Request::get("/metrics?name[]=shop_boots_total").body(())?;
/// let response = registry.endpoint().max_in_flight(4).respond(&request);
/// assert_eq!(response.status(), 200);
/// let length = "# HELP shop_boots_total Starts.\n# TYPE shop_boots_total counter\nshop_boots_total 1\n".len();
/// assert_eq!(response.headers()["content-length"], length.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Expose {
    /// What answers scrapes of it, in every format that there is: the same as [`Endpoint::new`]. Each call makes one that has
    /// pages of its own to remember, so make one and clone it.
    fn endpoint(&self) -> Endpoint;
}

impl Expose for Registry {
    fn endpoint(&self) -> Endpoint {
        Endpoint::new(self)
    }
}
