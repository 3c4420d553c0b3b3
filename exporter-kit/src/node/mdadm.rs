//! Software RAID.

use super::error::Optional;
use super::page::Desc;
use super::proc_files::{names, number, read_trimmed, read_u64};
use super::spec::Default;
use super::{NodeError, Page, Roots, Spec};

pub(super) const SPEC: Spec = Spec::files("mdadm", Default::On, update);

const STATE: Desc = Desc::gauge("node_md_state", "Indicates the state of md-device.");
const DISKS: Desc = Desc::gauge("node_md_disks", "Number of active/failed/spare disks of device.");
const REQUIRED: Desc = Desc::gauge("node_md_disks_required", "Total number of disks of device.");
const BLOCKS: Desc = Desc::gauge("node_md_blocks", "Total number of blocks on device.");
const SYNCED: Desc = Desc::gauge("node_md_blocks_synced", "Number of blocks synced on device.");
const RAID_DISKS: Desc = Desc::gauge("node_md_raid_disks", "Number of raid disks on device.");
const DEGRADED: Desc = Desc::gauge("node_md_degraded", "Number of degraded disks on device.");

/// A state as the label shows it, and the word of [`Array::state`].
const STATES: [(&str, &str); 5] = [
    ("active", "active"),
    ("inactive", "inactive"),
    ("recovering", "recovering"),
    ("resync", "resyncing"),
    ("check", "checking"),
];

fn update(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let text = roots.read_proc("mdstat").optional()?;
    let text = text.ok_or(NodeError::NoData { reason: "the RAID module is not loaded" })?;
    for array in parse(&text)? {
        let device = ("device", array.name);
        page.put(&REQUIRED, &[device], array.required as f64);
        for (state, count) in [("active", array.active), ("failed", array.failed), ("spare", array.spare)] {
            page.put(&DISKS, &[device, ("state", state)], count as f64);
        }
        for (label, state) in STATES {
            let is = f64::from(u8::from(array.state == state));
            page.put(&STATE, &[device, ("state", label)], is);
        }
        page.put(&BLOCKS, &[device], array.blocks as f64);
        page.put(&SYNCED, &[device], array.synced as f64);
    }
    update_sys(roots, page)
}

fn update_sys(roots: &Roots, page: &mut Page) -> Result<(), NodeError> {
    let directory = roots.sys("block");
    for device in names(&directory)?.iter().filter(|name| name.starts_with("md")) {
        let files = directory.join(device).join("md");
        let Some(level) = read_trimmed(&files.join("level")).optional()? else { continue };
        if !matches!(level.as_str(), "" | "container" | "imsm" | "ddf") {
            // While an array is reshaped the file holds the old number after the new one.
            let disks = read_trimmed(&files.join("raid_disks"))?;
            if let Some(Ok(disks)) = disks.split(' ').next().map(str::parse::<u64>) {
                page.put(&RAID_DISKS, &[("device", device)], disks as f64);
            }
        }
        let has_spares = matches!(level.as_str(), "raid1" | "raid4" | "raid5" | "raid6" | "raid10");
        let degraded = if has_spares { read_u64(&files.join("degraded"))? } else { 0 };
        page.put(&DEGRADED, &[("device", device)], degraded as f64);
    }
    Ok(())
}

/// What `/proc/mdstat` says of one array.
#[derive(Debug, PartialEq)]
struct Array<'a> {
    name: &'a str,
    state: &'a str,
    active: u64,
    required: u64,
    failed: u64,
    spare: u64,
    blocks: u64,
    synced: u64,
}

/// An array takes two lines: its name, state and members, then its size and how many members it needs and has. A
/// line about a bitmap and one about work in progress may follow.
fn parse(text: &str) -> Result<Vec<Array<'_>>, NodeError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut arrays = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        if !line.starts_with("md") {
            continue;
        }
        let malformed = || NodeError::malformed("mdstat", "an array", line);
        let mut words = line.split_ascii_whitespace();
        let (Some(name), Some(_), Some(state)) = (words.next(), words.next(), words.next()) else {
            return Err(malformed());
        };
        let status = lines.get(n + 1).ok_or_else(malformed)?;
        let size = status.split_ascii_whitespace().next().unwrap_or_default();
        let blocks = number("mdstat", size)?;
        let (required, active) = members(line, status).ok_or_else(malformed)?;
        let after = |n: usize| lines.get(n).copied().unwrap_or_default();
        let work = if after(n + 2).contains("bitmap") { after(n + 3) } else { after(n + 2) };
        let (state, synced) = progress(work).map_or((state, Some(blocks)), |(state, done)| (state, done));
        arrays.push(Array {
            name,
            state,
            active,
            required,
            failed: line.matches("(F)").count() as u64,
            spare: line.matches("(S)").count() as u64,
            blocks,
            synced: synced.ok_or_else(malformed)?,
        });
    }
    Ok(arrays)
}

/// How many members an array needs, and how many are active: the two numbers of `[2/1]`. Arrays without redundancy
/// need all that they have; inactive ones none.
fn members(line: &str, status: &str) -> Option<(u64, u64)> {
    if line.contains("raid0") || line.contains("linear") {
        let count = line.matches('[').count() as u64;
        return Some((count, count));
    }
    if line.contains("inactive") {
        return Some((0, 0));
    }
    let numbers = |word: &str| {
        let (required, active) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
        Some((required.parse().ok()?, active.parse().ok()?))
    };
    status.split_ascii_whitespace().find_map(numbers)
}

/// What is being done, and the blocks it is done with: of `recovery = 8.5% (16775552/195310144)` the first number,
/// none if that number is missing; zero if it has to wait.
fn progress(line: &str) -> Option<(&'static str, Option<u64>)> {
    let kinds = [
        ("recovery", "recovering"),
        ("reshape", "reshaping"),
        ("check", "checking"),
        ("resync", "resyncing"),
    ];
    let (_, state) = kinds.into_iter().find(|(word, _)| line.contains(word))?;
    if line.contains("PENDING") || line.contains("DELAYED") {
        return Some((state, Some(0)));
    }
    let done = line.split_once('(').and_then(|(_, rest)| rest.split_once('/')?.0.parse().ok());
    Some((state, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Personalities : [raid1] [raid0]

md6 : active raid1 sdb2[2](F) sdc[1](S) sda2[0]
      195310144 blocks [2/1] [U_]
      bitmap: 0/30 pages [0KB], 65536KB chunk
      [=>...................]  recovery =  8.5% (16775552/195310144) finish=17.0min speed=259783K/sec

md10 : active raid0 sda1[0] sdb1[1]
       314159265 blocks 64k chunks

unused devices: <none>
";

    #[test]
    fn arrays_at_work_and_at_rest() {
        let arrays = parse(TEXT).unwrap();
        let md6 = &arrays[0];
        assert_eq!((md6.state, md6.required, md6.active), ("recovering", 2, 1));
        assert_eq!((md6.failed, md6.spare, md6.synced), (1, 1, 16775552));
        let md10 = &arrays[1];
        assert_eq!((md10.state, md10.required, md10.synced), ("active", 2, 314159265));
    }

    #[test]
    fn waiting_work_has_done_nothing() {
        assert_eq!(progress("      resync=DELAYED"), Some(("resyncing", Some(0))));
        assert_eq!(progress("      recovery = 8%"), Some(("recovering", None)));
        assert_eq!(progress(""), None);
        assert!(parse("md0 : active raid1 sda[0]\n").is_err());
    }
}
