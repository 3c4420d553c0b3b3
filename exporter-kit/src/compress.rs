//! Compression of pages, as the scraper's `Accept-Encoding` allows.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How a page travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
}

impl Encoding {
    /// Gzip if the header allows it. Source: RFC 9110, section 12.5.3.
    pub(crate) fn negotiate(accept_encoding: &str) -> Self {
        let mut any = false;
        for clause in accept_encoding.split(',') {
            let (coding, parameters) = clause.split_once(';').unwrap_or((clause, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            match coding.trim() {
                c if c.eq_ignore_ascii_case("gzip") => {
                    return if weight > 0.0 { Self::Gzip } else { Self::Identity };
                }
                "*" => any = weight > 0.0,
                _ => {}
            }
        }
        if any { Self::Gzip } else { Self::Identity }
    }
}

/// The page in gzip, at the level that costs least: pages are so repetitive that more effort gains little.
pub(crate) fn gzip(page: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(page.len() / 8 + 64), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(page);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn honours_the_header() {
        use Encoding::{Gzip, Identity};
        let cases = [
            ("", Identity),
            ("gzip", Gzip),
            ("br;q=1.0, GZIP;q=0.8, *;q=0.1", Gzip),
            ("gzip;q=0", Identity),
            ("deflate, *", Gzip),
            ("*;q=0", Identity),
            ("gzip;q=0, *", Identity),
            ("zstd", Identity),
        ];
        for (header, encoding) in cases {
            assert_eq!(Encoding::negotiate(header), encoding, "{header}");
        }
    }

    #[test]
    fn gunzips_to_the_same() {
        let page = "node_cpu_seconds_total 1\n".repeat(1000);
        let packed = gzip(page.as_bytes());
        assert!(packed.len() < page.len() / 10);
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, page);
    }
}
