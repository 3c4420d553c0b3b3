//! Which program this is, as a metric.

use metrics_core::instrument::{Info, RegisterError, Registry};

/// What a program was built from, shown as `PROGRAM_build_info` with the value 1, the field's way to see which versions run
/// where.
///
/// ```
/// use exporter_kit::BuildInfo;
/// use exporter_kit::instrument::Registry;
///
/// let registry = Registry::new();
/// BuildInfo::new("shop", env!("CARGO_PKG_VERSION")).label("revision", "4bf92f3").register(&registry)?;
/// let family = &registry.gather().families[0];
/// assert_eq!(family.name, "shop_build");
/// # Ok::<(), exporter_kit::instrument::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct BuildInfo {
    program: String,
    labels: Vec<(String, String)>,
}

impl BuildInfo {
    /// A program of this version, built for the machine that this is compiled for.
    pub fn new(program: &str, version: &str) -> Self {
        Self { program: program.to_owned(), labels: Vec::new() }
            .label("version", version)
            .label("os", std::env::consts::OS)
            .label("arch", std::env::consts::ARCH)
    }

    /// One fact more, such as `revision` or `branch`.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows it.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is not valid or stands for something else.
    pub fn register(self, registry: &Registry) -> Result<(), RegisterError> {
        let help = format!("What {} was built from.", self.program);
        registry.register((format!("{}_build", self.program), help), Info::new(self.labels))
    }
}
