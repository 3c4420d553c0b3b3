//! What a receiver says that it has written.

/// How many elements of a request were written, also where the rest was refused (2.0 only).
///
/// Source: "Required `Written` Response Headers" of the remote write 2.0 specification.
///
/// ```
/// use expo_format::remote_write::Written;
/// let written = Written { samples: 3, histograms: 1, exemplars: 0 };
/// let headers = written.headers();
/// assert_eq!(headers[0], ("X-Prometheus-Remote-Write-Samples-Written", "3".to_owned()));
/// let find = |name: &str| headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
/// assert_eq!(Written::from_headers(find), Some(written));
/// assert_eq!(Written::from_headers(|_| None), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Float samples.
    pub samples: u64,
    /// Native histograms.
    pub histograms: u64,
    /// Exemplars.
    pub exemplars: u64,
}

const SAMPLES: &str = "X-Prometheus-Remote-Write-Samples-Written";
const HISTOGRAMS: &str = "X-Prometheus-Remote-Write-Histograms-Written";
const EXEMPLARS: &str = "X-Prometheus-Remote-Write-Exemplars-Written";

impl Written {
    /// The response headers.
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            (SAMPLES, self.samples.to_string()),
            (HISTOGRAMS, self.histograms.to_string()),
            (EXEMPLARS, self.exemplars.to_string()),
        ]
    }

    /// Reads response headers; `None` if there is none of them or one that is no number. A header that is absent
    /// beside others means zero.
    pub fn from_headers<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let found = [SAMPLES, HISTOGRAMS, EXEMPLARS].map(find);
        if found.iter().all(Option::is_none) {
            return None;
        }
        let number = |text: Option<&str>| text.map_or(Some(0), |t| t.parse().ok());
        let [samples, histograms, exemplars] = found;
        Some(Self {
            samples: number(samples)?,
            histograms: number(histograms)?,
            exemplars: number(exemplars)?,
        })
    }
}
