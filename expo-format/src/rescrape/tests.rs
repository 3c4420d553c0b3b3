use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What a page says: every sample by its labels, read with and without memory.
struct Reader {
    rescraper: Rescraper<usize>,
    series: Vec<String>,
}

impl Reader {
    fn new(format: Format) -> Self {
        Self { rescraper: Rescraper::new(format).unwrap(), series: Vec::new() }
    }

    /// Samples as (series, value bits, timestamp), how many were new, and which vanished.
    fn read(&mut self, page: &[u8]) -> Result<(Vec<Seen>, usize, Vec<String>), ParseError> {
        let (mut samples, mut new) = (Vec::new(), 0);
        let mut pass = self.rescraper.begin(page);
        while let Some(update) = pass.next_update()? {
            match update {
                Update::New(sample) => {
                    new += 1;
                    let series = sample.series.to_string();
                    samples.push((series.clone(), sample.value.to_bits(), sample.timestamp));
                    self.series.push(series);
                    pass.assign(self.series.len() - 1);
                }
                Update::Known { handle, value, timestamp, .. } => {
                    samples.push((self.series[handle].clone(), value.to_bits(), timestamp));
                }
                Update::Metadata(_) => {}
            }
        }
        let vanished = pass.finish().map(|h| self.series[h].clone()).collect();
        Ok((samples, new, vanished))
    }
}

type Seen = (String, u64, Option<i64>);

fn plain(format: Format, page: &[u8]) -> Result<Vec<Seen>, ParseError> {
    let mut parser = crate::PageParser::new(format, page);
    let mut samples = Vec::new();
    while let Some(event) = parser.next_event()? {
        if let Event::Sample(s) = event {
            samples.push((s.series.to_string(), s.value.to_bits(), s.timestamp));
        }
    }
    Ok(samples)
}

#[test]
fn an_unchanged_page_has_nothing_new() {
    let page = b"# HELP a A.\n# TYPE a counter\na{b=\"1\"} 5\na{b=\"2\"} 6 7\n\n# TYPE c gauge\nc NaN\n";
    let mut reader = Reader::new(Format::Text);
    assert_eq!(reader.read(page).unwrap().1, 3);
    let (samples, new, vanished) = reader.read(page).unwrap();
    assert_eq!((new, vanished.len()), (0, 0));
    assert_eq!(samples, plain(Format::Text, page).unwrap());
}

#[test]
fn changed_metadata_and_only_that_is_told_again() {
    let mut rescraper = Rescraper::new(Format::Text).unwrap();
    let mut told = Vec::new();
    for page in ["# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n", "# TYPE a gauge\na 2\n# TYPE b counter\nb 2\n"]
    {
        let mut pass = rescraper.begin(page.as_bytes());
        while let Some(update) = pass.next_update().unwrap() {
            match update {
                Update::Metadata(Event::Type { name, metric_type }) => {
                    told.push(format!("{name} {metric_type}"))
                }
                Update::New(_) => pass.assign(0),
                _ => {}
            }
        }
        drop(pass.finish());
    }
    assert_eq!(told, ["a gauge", "b gauge", "b counter"]);
}

#[test]
fn a_longer_name_is_not_taken_for_the_old_one() {
    let mut reader = Reader::new(Format::Text);
    for page in ["a 1", "a 12", "ab 1\n", "a {x=\"y\"} 3\n", "a  4\n", "a{x=\"y\"} 5\n"] {
        let samples = reader.read(page.as_bytes()).unwrap().0;
        assert_eq!(samples, plain(Format::Text, page.as_bytes()).unwrap(), "{page}");
    }
}

#[test]
fn a_broken_page_leaves_the_memory_as_it_was() {
    let mut reader = Reader::new(Format::Text);
    reader.read(b"a 1\nb 2\n").unwrap();
    reader.read(b"a 1\nb x\n").unwrap_err();
    let (_, new, vanished) = reader.read(b"a 3\n").unwrap();
    assert_eq!((new, vanished), (0, vec!["b".to_owned()]));
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => ("[abc]", 0..4u8, 0..3u8).prop_map(|(n, l, v)| match l {
            0 => format!("{n} {v}\n"),
            l => format!("{n}{{x=\"{l}\"}} {v}.5\n"),
        }),
        1 => "[abc]".prop_map(|n| format!("# TYPE {n} gauge\n")),
        1 => ("[abc]", "[a-z ]{0,5}").prop_map(|(n, h)| format!("# HELP {n} {h}\n")),
        1 => "[abc]".prop_map(|n| format!("{{\"{n}.ü\"}} 1 1000\n")),
    ]
}

proptest! {
    #[test]
    fn pages_are_read_as_without_memory(pages in prop::collection::vec(prop::collection::vec(line(), 0..40), 1..6)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let mut reader = Reader::new(format);
            let mut before: HashMap<String, usize> = HashMap::new();
            for page in &pages {
                let mut page = page.concat();
                if format == Format::OpenMetrics {
                    page.push_str("# EOF\n");
                }
                let (samples, _, vanished) = reader.read(page.as_bytes()).unwrap();
                prop_assert_eq!(&samples, &plain(format, page.as_bytes()).unwrap());
                let mut now: HashMap<String, usize> = HashMap::new();
                for (series, ..) in &samples {
                    *now.entry(series.clone()).or_default() += 1;
                }
                for series in before.keys().filter(|s| !now.contains_key(*s)) {
                    prop_assert!(vanished.contains(series), "{series} is gone");
                }
                before = now;
            }
        }
    }
}
