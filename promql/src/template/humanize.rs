//! Numbers for people: `1.235M`, `1Mi`, `14m 59s`.

use metrics_core::number::format_significant;

/// With SI prefixes: thousands up, thousandths down.
pub(super) fn humanize(v: f64) -> String {
    if v == 0.0 || !v.is_finite() {
        return format_significant(v, 4);
    }
    if v.abs() >= 1.0 {
        let (v, prefix) = scale_up(v, 1000.0, &["k", "M", "G", "T", "P", "E", "Z", "Y"]);
        return format!("{}{prefix}", format_significant(v, 4));
    }
    let (v, prefix) = scale_down(v);
    format!("{}{prefix}", format_significant(v, 4))
}

/// With binary prefixes.
pub(super) fn humanize1024(v: f64) -> String {
    if v.abs() <= 1.0 || !v.is_finite() {
        return format_significant(v, 4);
    }
    let (v, prefix) = scale_up(v, 1024.0, &["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]);
    format!("{}{prefix}", format_significant(v, 4))
}

fn scale_up<'a>(mut v: f64, step: f64, prefixes: &[&'a str]) -> (f64, &'a str) {
    let mut prefix = "";
    for p in prefixes {
        if v.abs() < step {
            break;
        }
        prefix = p;
        v /= step;
    }
    (v, prefix)
}

fn scale_down(mut v: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for p in ["m", "u", "n", "p", "f", "a", "z", "y"] {
        if v.abs() >= 1.0 {
            break;
        }
        prefix = p;
        v *= 1000.0;
    }
    (v, prefix)
}

/// Seconds as days, hours, minutes and seconds.
pub(super) fn humanize_duration(v: f64) -> String {
    if !v.is_finite() {
        return format_significant(v, 4);
    }
    if v == 0.0 {
        return format!("{}s", format_significant(v, 4));
    }
    if v.abs() < 1.0 {
        let (v, prefix) = scale_down(v);
        return format!("{}{prefix}s", format_significant(v, 4));
    }
    let (sign, v) = if v < 0.0 { ("-", -v) } else { ("", v) };
    // Out of range, the original's conversion yields the smallest integer.
    let whole = if v >= i64::MAX as f64 { i64::MIN } else { v as i64 };
    let (seconds, minutes, hours, days) = (whole % 60, whole / 60 % 60, whole / 3600 % 24, whole / 86_400);
    if days != 0 {
        format!("{sign}{days}d {hours}h {minutes}m {seconds}s")
    } else if hours != 0 {
        format!("{sign}{hours}h {minutes}m {seconds}s")
    } else if minutes != 0 {
        format!("{sign}{minutes}m {seconds}s")
    } else {
        format!("{sign}{}s", format_significant(v, 4))
    }
}

/// A fraction as a percentage.
pub(super) fn humanize_percentage(v: f64) -> String {
    format!("{}%", format_significant(v * 100.0, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_units() {
        assert_eq!(humanize(1_234_567.0), "1.235M");
        assert_eq!(humanize(0.12), "120m");
        assert_eq!(humanize1024(1_048_576.0), "1Mi");
        assert_eq!(humanize_duration(-183_845.0), "-2d 3h 4m 5s");
        assert_eq!(humanize_duration(0.12345), "123.5ms");
        assert_eq!(humanize_percentage(0.1234567), "12.35%");
    }
}
