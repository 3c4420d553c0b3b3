//! What parsers of the field stumble over, each fault with a page: it is read as it is meant, and written so that
//! it is read the same again.

use expo_format::{Event, Format, Limits, PageParser, WriteOptions, read_families, write};

/// A sample as a test has it.
type Wanted<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

/// A sample: its name, its labels in the page's order, its value.
type Seen = (String, Vec<(String, String)>, f64);

fn read(format: Format, page: &[u8]) -> Vec<Seen> {
    let mut parser = PageParser::new(format, page);
    let mut seen = Vec::new();
    while let Some(event) = parser.next_event().expect("the page is good") {
        if let Event::Sample(sample) = event {
            let labels = sample.series.labels().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            seen.push((sample.series.name().into_owned(), labels, sample.value));
        }
    }
    seen
}

/// Reads a page in both text formats, and what they are written as.
fn check(page: &str, wanted: &[Wanted<'_>]) {
    let owned = |(name, labels, value): &Wanted<'_>| -> Seen {
        let label = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        ((*name).to_owned(), labels.iter().map(label).collect(), *value)
    };
    let wanted: Vec<Seen> = wanted.iter().map(owned).collect();
    for (format, page) in [(Format::Text, page.to_owned()), (Format::OpenMetrics, format!("{page}# EOF\n"))] {
        assert_eq!(read(format, page.as_bytes()), wanted, "{format:?}");
        let families = read_families(format, page.as_bytes(), Limits::default()).expect("the page is good");
        let mut again = Vec::new();
        write(&mut again, format, &families, WriteOptions::default());
        assert_eq!(read(format, &again), wanted, "{format:?}\n{}", String::from_utf8_lossy(&again));
    }
}

#[test]
fn a_brace_inside_a_label_value() {
    check(
        "a{b=\"}\"} 1\na{b=\"} 7\",c=\"{\"} 2\n",
        &[("a", &[("b", "}")], 1.0), ("a", &[("b", "} 7"), ("c", "{")], 2.0)],
    );
}

#[test]
fn escaped_backslash_pairs() {
    // Two backslashes are one, so that the quote behind them ends the value and an n behind them is an n.
    check(
        "a{b=\"c\\\\\",d=\"e\\\\\\\"\"} 1\na{b=\"\\\\n\\n\"} 2\n",
        &[("a", &[("b", "c\\"), ("d", "e\\\"")], 1.0), ("a", &[("b", "\\n\n")], 2.0)],
    );
}

#[test]
fn names_outside_the_classic_alphabet() {
    check(
        "# TYPE \"http.requests ü\" gauge\n{\"http.requests ü\",\"kind of\"=\"x\"} 1\n{\"http.requests ü\"} 2\n",
        &[("http.requests ü", &[("kind of", "x")], 1.0), ("http.requests ü", &[], 2.0)],
    );
}

#[test]
fn pages_without_metadata() {
    check(
        "a_bucket{le=\"1\"} 1\na_sum 2\nb_total 3\nc 4\n",
        &[("a_bucket", &[("le", "1")], 1.0), ("a_sum", &[], 2.0), ("b_total", &[], 3.0), ("c", &[], 4.0)],
    );
}

#[test]
fn one_name_under_two_types() {
    check(
        "# TYPE a gauge\na{b=\"1\"} 1\n# TYPE a counter\na{b=\"2\"} 2\n",
        &[("a", &[("b", "1")], 1.0), ("a", &[("b", "2")], 2.0)],
    );
}
