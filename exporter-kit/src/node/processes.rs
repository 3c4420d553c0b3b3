//! How many processes and threads there are, by state.

use std::collections::BTreeMap;
use std::path::Path;

use super::page::Desc;
use super::proc_files::{names, read, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("processes", Default::Off, update);

const THREADS: Desc = Desc::gauge("node_processes_threads", "Allocated threads in system");
const THREADS_MAX: Desc = Desc::gauge("node_processes_max_threads", "Limit of threads in the system");
const THREADS_STATE: Desc = Desc::gauge("node_processes_threads_state", "Number of threads in each state.");
const STATE: Desc = Desc::gauge("node_processes_state", "Number of processes in each state.");
const PIDS: Desc = Desc::gauge("node_processes_pids", "Number of PIDs");
const PIDS_MAX: Desc = Desc::gauge("node_processes_max_processes", "Number of max PIDs limit");

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let (mut pids, mut threads) = (0.0, 0.0);
    let (mut states, mut thread_states) = (BTreeMap::new(), BTreeMap::new());
    for pid in process_ids(&roots.procfs)? {
        let directory = roots.proc(&pid);
        // A process may end between the listing and the reading.
        let Some((state, count)) = stat(&directory)? else { continue };
        pids += 1.0;
        threads += count;
        *states.entry(state.clone()).or_insert(0.0) += 1.0;
        for thread in process_ids(&directory.join("task")).unwrap_or_default() {
            let state = if thread == pid {
                Some(state.clone())
            } else {
                stat(&directory.join("task").join(thread))?.map(|(state, _)| state)
            };
            if let Some(state) = state {
                *thread_states.entry(state).or_insert(0.0) += 1.0;
            }
        }
    }
    page.put(&THREADS, &[], threads);
    page.put(&THREADS_MAX, &[], read_u64(&roots.proc("sys/kernel/threads-max"))? as f64);
    for (state, count) in &states {
        page.put(&STATE, &[("state", state)], *count);
    }
    for (state, count) in &thread_states {
        page.put(&THREADS_STATE, &[("thread_state", state)], *count);
    }
    page.put(&PIDS, &[], pids);
    page.put(&PIDS_MAX, &[], read_u64(&roots.proc("sys/kernel/pid_max"))? as f64);
    Ok(())
}

fn process_ids(directory: &Path) -> Result<Vec<String>, NodeError> {
    let mut ids = names(directory)?;
    ids.retain(|name| name.bytes().all(|b| b.is_ascii_digit()));
    Ok(ids)
}

/// State and number of threads; none if the process has ended.
fn stat(directory: &Path) -> Result<Option<(String, f64)>, NodeError> {
    match read(&directory.join("stat")) {
        Ok(text) => parse_stat(&text).map(Some),
        Err(error) if error.is_not_found() || error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The third and the twentieth field; the second one is a name in parentheses that may contain anything.
fn parse_stat(text: &str) -> Result<(String, f64), NodeError> {
    let malformed = || NodeError::malformed("stat of a process", "twenty fields", text);
    let (_, rest) = text.rsplit_once(')').ok_or_else(malformed)?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next().ok_or_else(malformed)?.to_owned();
    let threads = fields.nth(16).and_then(|n| n.parse().ok()).ok_or_else(malformed)?;
    Ok((state, threads))
}

#[cfg(test)]
mod tests {
    use super::parse_stat;

    #[test]
    fn names_may_contain_parentheses() {
        let text = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18";
        assert_eq!(parse_stat(text).unwrap(), ("S".to_owned(), 17.0));
        assert!(parse_stat("7 (a) S 1").is_err());
        assert!(parse_stat("7").is_err());
    }
}
