//! Compression of pages, as the scraper's `Accept-Encoding` allows.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// How a page travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    #[cfg(feature = "zstd")]
    Zstd,
}

impl Encoding {
    /// The compressions on offer; of equally wanted ones the first is taken, as in the original.
    const OFFERED: &'static [Self] = &[
        Self::Gzip,
        #[cfg(feature = "zstd")]
        Self::Zstd,
    ];

    /// The compression that the header likes best. Source: RFC 9110, section 12.5.3.
    pub(crate) fn negotiate(accept_encoding: &str) -> Self {
        let mut best = (0.0, Self::Identity);
        for offer in Self::OFFERED {
            let weight = weight(accept_encoding, offer.name().unwrap_or_default());
            if weight > best.0 {
                best = (weight, *offer);
            }
        }
        best.1
    }

    /// Its name in headers.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            #[cfg(feature = "zstd")]
            Self::Zstd => Some("zstd"),
        }
    }

    /// The page as it travels.
    pub(crate) fn apply(self, page: &[u8]) -> Vec<u8> {
        match self {
            Self::Identity => page.to_vec(),
            Self::Gzip => gzip(page),
            // Compressing in memory cannot fail.
            #[cfg(feature = "zstd")]
            Self::Zstd => zstd::bulk::compress(page, 1).unwrap_or_default(),
        }
    }
}

/// How much a header wants a coding, 0 if not at all.
fn weight(accept_encoding: &str, wanted: &str) -> f32 {
    let mut any = 0.0;
    for clause in accept_encoding.split(',') {
        let (coding, parameters) = clause.split_once(';').unwrap_or((clause, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        match coding.trim() {
            coding if coding.eq_ignore_ascii_case(wanted) => return weight,
            "*" => any = weight,
            _ => {}
        }
    }
    any
}

/// The page in gzip, at the level that costs least: pages are so repetitive that more effort gains little.
fn gzip(page: &[u8]) -> Vec<u8> {
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
            ("gzip;q=0", Identity),
            ("br", Identity),
        ];
        for (header, encoding) in cases {
            assert_eq!(Encoding::negotiate(header), encoding, "{header}");
        }
    }

    #[test]
    fn gunzips_to_the_same() {
        let page = "node_cpu_seconds_total 1\n".repeat(1000);
        let packed = Encoding::Gzip.apply(page.as_bytes());
        assert!(packed.len() < page.len() / 10);
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, page);
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn zstd_where_it_is_wanted_more() {
        assert_eq!(Encoding::negotiate("zstd"), Encoding::Zstd);
        assert_eq!(Encoding::negotiate("zstd, gzip"), Encoding::Gzip);
        assert_eq!(Encoding::negotiate("gzip;q=0.5, zstd"), Encoding::Zstd);
        let packed = Encoding::Zstd.apply(&[7; 1000]);
        assert_eq!(zstd::bulk::decompress(&packed, 2000).unwrap(), [7; 1000]);
    }
}
