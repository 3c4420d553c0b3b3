//! Times and lengths of time as Go prints them.

use jiff::tz::TimeZone;

/// A time in UTC: `2015-06-23 13:19:44.128 +0000 UTC`.
pub(super) fn format_time(nanos: i64) -> String {
    layout(nanos, "2006-01-02 15:04:05.999999999 -0700 MST")
}

/// A length of time: `1h2m0.01s`, `150ms`, `0s`.
pub(super) fn format_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let total = nanos.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    let (unit, scale) = match total {
        0..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    if unit != "s" {
        return format!("{sign}{}{unit}", decimal(total, scale));
    }
    let (hours, minutes) = (total / 3_600_000_000_000, total / 60_000_000_000 % 60);
    let seconds = decimal(total % 60_000_000_000, scale);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// A number of parts of a unit, without trailing zeros.
fn decimal(parts: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = match parts % unit {
        0 => return (parts / unit).to_string(),
        rest => format!("{}.{rest:0digits$}", parts / unit),
    };
    text.trim_end_matches('0').to_owned()
}

/// Elements of a layout, each before any that it begins with.
const ELEMENTS: [&str; 36] = [
    "January",
    "Jan",
    "Monday",
    "Mon",
    "MST",
    "2006",
    "-07:00:00",
    "-07:00",
    "-070000",
    "-0700",
    "-07",
    "Z07:00:00",
    "Z07:00",
    "Z070000",
    "Z0700",
    "Z07",
    "002",
    "01",
    "02",
    "03",
    "04",
    "05",
    "06",
    "15",
    "__2",
    "_2",
    "PM",
    "pm",
    "1",
    "2",
    "3",
    "4",
    "5",
    ".000000000",
    ".000000",
    ".000",
];

/// A time in UTC by one of Go's layouts, which show the time 2006-01-02 15:04:05 -0700.
pub(super) fn layout(nanos: i64, layout: &str) -> String {
    let Ok(timestamp) = jiff::Timestamp::from_nanosecond(i128::from(nanos)) else {
        return String::new();
    };
    let time = timestamp.to_zoned(TimeZone::UTC);
    let mut out = String::new();
    let mut rest = layout;
    while let Some(c) = rest.chars().next() {
        if let Some(taken) = fraction(rest, nanos, &mut out) {
            rest = &rest[taken..];
            continue;
        }
        let Some(element) = ELEMENTS.iter().find(|e| rest.starts_with(**e)) else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        rest = &rest[element.len()..];
        let format = match *element {
            "January" => "%B",
            "Jan" => "%b",
            "Monday" => "%A",
            "Mon" => "%a",
            "MST" => "UTC",
            "2006" => "%Y",
            "06" => "%y",
            "01" => "%m",
            "1" => "%-m",
            "02" => "%d",
            "2" => "%-d",
            "_2" => "%e",
            "002" => "%j",
            "__2" => "%_j",
            "15" => "%H",
            "03" => "%I",
            "3" => "%-I",
            "04" => "%M",
            "4" => "%-M",
            "05" => "%S",
            "5" => "%-S",
            "PM" => "%p",
            "pm" => "%P",
            "-07:00" => "+00:00",
            "-07:00:00" => "+00:00:00",
            "-0700" => "+0000",
            "-070000" => "+000000",
            "-07" => "+00",
            _ => "Z",
        };
        out.push_str(&time.strftime(format).to_string());
    }
    out
}

/// A fraction of a second, `.000` or `,999`: zeros are shown, nines only up to the last digit that counts.
fn fraction(rest: &str, nanos: i64, out: &mut String) -> Option<usize> {
    let separator = rest.chars().next().filter(|c| matches!(c, '.' | ','))?;
    let digit = rest[1..].chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let count = rest[1..].chars().take_while(|c| *c == digit).count();
    if rest[1 + count..].starts_with(|c: char| c.is_ascii_digit()) || count > 9 {
        return None;
    }
    let digits = format!("{:09}", nanos.rem_euclid(1_000_000_000));
    let shown = match digit {
        '0' => &digits[..count],
        _ => digits[..count].trim_end_matches('0'),
    };
    if !shown.is_empty() {
        out.push(separator);
        out.push_str(shown);
    }
    Some(1 + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go() {
        assert_eq!(format_time(1_435_065_584_128_000_000), "2015-06-23 13:19:44.128 +0000 UTC");
        assert_eq!(format_time(0), "1970-01-01 00:00:00 +0000 UTC");
        assert_eq!(format_time(-1), "1969-12-31 23:59:59.999999999 +0000 UTC");
        assert_eq!(layout(0, "Mon Jan _2 3:04PM 2006 Z07:00"), "Thu Jan  1 12:00AM 1970 Z");
        for (nanos, text) in [
            (0, "0s"),
            (1_500, "1.5µs"),
            (150_000_000, "150ms"),
            (3_720_010_000_000, "1h2m0.01s"),
            (-60_000_000_000, "-1m0s"),
        ] {
            assert_eq!(format_duration(nanos), text);
        }
    }
}
