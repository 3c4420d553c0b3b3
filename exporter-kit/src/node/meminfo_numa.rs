//! Memory by NUMA node.

use super::proc_files::{decimal, numbered, read};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("meminfo_numa", Default::Off, update);

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("devices/system/node");
    for name in numbered(&directory, "node")? {
        let files = directory.join(&name);
        let labels = [("node", name.trim_start_matches("node"))];
        for line in read(&files.join("meminfo"))?.lines().filter(|line| !line.trim().is_empty()) {
            let (field, value) = parse_line(line)?;
            let help = format!("Memory information field {field}.");
            page.gauge(&format!("node_memory_numa_{field}"), &help, &labels, value);
        }
        for line in read(&files.join("numastat"))?.lines() {
            let Some((field, value)) = line.split_once(' ') else {
                return Err(NodeError::malformed("numastat", "a name and a number", line));
            };
            let help = format!("Memory information field {field}_total.");
            let value = decimal("numastat", value.trim())?;
            page.counter(&format!("node_memory_numa_{field}_total"), &help, &labels, value);
        }
    }
    Ok(())
}

/// The field's name as shown, and its value: of `Node 0 Active(anon): 1 kB` the name `Active_anon` and 1024.
fn parse_line(line: &str) -> Result<(String, f64), NodeError> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let (field, value, unit) = match words[..] {
        [_, _, field, value] => (field, value, 1.0),
        [_, _, field, value, "kB"] => (field, value, 1024.0),
        _ => return Err(NodeError::malformed("node meminfo", "a node, a field and a number", line)),
    };
    let field = field.trim_end_matches(':').trim_end_matches(')').replace('(', "_");
    Ok((field, decimal("node meminfo", value)? * unit))
}

#[cfg(test)]
mod tests {
    use super::parse_line;

    #[test]
    fn units_and_parentheses() {
        assert_eq!(parse_line("Node 0 Active(anon):   2 kB").unwrap(), ("Active_anon".to_owned(), 2048.0));
        assert_eq!(parse_line("Node 1 HugePages_Free: 3").unwrap(), ("HugePages_Free".to_owned(), 3.0));
        assert!(parse_line("Node 1").is_err());
    }
}
