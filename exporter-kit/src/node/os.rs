//! Which operating system this is, from `os-release`.

use std::collections::HashMap;

use super::error::Optional;
use super::page::Desc;
use super::proc_files::read;
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("os", Default::On, update);

const INFO: Desc = Desc::gauge(
    "node_os_info",
    "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, pretty_name, \
     variant, variant_id, version, version_codename, version_id.",
);
const VERSION: Desc =
    Desc::gauge("node_os_version", "Metric containing the major.minor part of the OS version.");
const SUPPORT_END: Desc = Desc::gauge(
    "node_os_support_end_timestamp_seconds",
    "Metric containing the end-of-life date timestamp of the OS.",
);

const LABELS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = match read(&roots.below_rootfs("etc/os-release")).optional()? {
        Some(text) => text,
        None => read(&roots.below_rootfs("usr/lib/os-release"))
            .optional()?
            .ok_or(NodeError::NoData { reason: "there is no os-release file" })?,
    };
    let fields = parse(&text);
    let field = |name: &str| fields.get(name.to_uppercase().as_str()).map_or("", String::as_str);
    page.put(&INFO, &LABELS.map(|label| (label, field(label))), 1.0);
    if let Some(version) = major_minor(field("version_id")).filter(|version| *version > 0.0) {
        let labels = ["id", "id_like", "name"].map(|label| (label, field(label)));
        page.put(&VERSION, &labels, version);
    }
    if !field("support_end").is_empty() {
        let date: jiff::civil::Date = field("support_end")
            .parse()
            .map_err(|_| NodeError::malformed("os-release", "a date", field("support_end")))?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).map(|z| z.timestamp().as_second());
        page.put(&SUPPORT_END, &[], midnight.unwrap_or_default() as f64);
    }
    Ok(())
}

/// Names and values as a shell would assign them.
fn parse(text: &str) -> HashMap<&str, String> {
    let assignment = |line: &'_ str| !line.trim_start().starts_with('#');
    let pairs = text.lines().filter(|line| assignment(line)).filter_map(|line| line.split_once('='));
    pairs.map(|(name, value)| (name.trim(), unquoted(value.trim()))).collect()
}

fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(literal) = inside('\'') {
        return literal.to_owned();
    }
    let mut out = String::new();
    let mut chars = inside('"').unwrap_or(value).chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

/// The number at the beginning of a version: 20.04 of `20.04.2`.
fn major_minor(version: &str) -> Option<f64> {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let major = digits(version);
    if major == 0 {
        return None;
    }
    let minor = version[major..].strip_prefix('.').map_or(0, |rest| 1 + digits(rest));
    version[..major + minor].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted() {
        let fields = parse("NAME=\"A \\\"B\\\"\"\n# X=1\nID=debian\nVERSION='1 \"x\"'\n");
        assert_eq!((fields["NAME"].as_str(), fields["ID"].as_str()), ("A \"B\"", "debian"));
        assert_eq!((fields["VERSION"].as_str(), fields.len()), ("1 \"x\"", 3));
    }

    #[test]
    fn versions_begin_with_a_number() {
        assert_eq!(major_minor("20.04.2"), Some(20.04));
        assert_eq!(major_minor("12"), Some(12.0));
        assert_eq!(major_minor("9."), Some(9.0));
        assert_eq!(major_minor("rolling"), None);
    }
}
