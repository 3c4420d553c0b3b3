//! Size and free space of the mounted file systems.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use parking_lot::Mutex;

use super::filter::NameFilter;
use super::mounts::{Mount, read_mounts};
use super::spec::Default;
use super::{Collector, NodeError, OptionSpec, Page, Roots, Settings, Spec};

const MOUNT_POINTS_EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.filesystem.mount-points-exclude",
    "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    "Regexp of mount points to exclude for filesystem collector. (mutually exclusive to mount-points-include)",
);
const MOUNT_POINTS_INCLUDE: OptionSpec = OptionSpec::text(
    "collector.filesystem.mount-points-include",
    "",
    "Regexp of mount points to include for filesystem collector. (mutually exclusive to mount-points-exclude)",
);
const FS_TYPES_EXCLUDE: OptionSpec = OptionSpec::text(
    "collector.filesystem.fs-types-exclude",
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|\
     overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$",
    "Regexp of filesystem types to exclude for filesystem collector. (mutually exclusive to fs-types-include)",
);
const FS_TYPES_INCLUDE: OptionSpec = OptionSpec::text(
    "collector.filesystem.fs-types-include",
    "",
    "Regexp of filesystem types to include for filesystem collector. (mutually exclusive to fs-types-exclude)",
);

pub(super) const SPEC: Spec = Spec::new(
    "filesystem",
    Default::On,
    &[MOUNT_POINTS_EXCLUDE, MOUNT_POINTS_INCLUDE, FS_TYPES_EXCLUDE, FS_TYPES_INCLUDE],
    |settings| Ok(Box::new(Filesystem::new(settings)?)),
);

/// How long a mount may take to answer before it is left alone.
const MOUNT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Filesystem {
    roots: Roots,
    mount_points: NameFilter,
    fs_types: NameFilter,
    // Mounts that have not answered yet, such as those of a dead file server. They are not asked again meanwhile.
    stuck: Arc<Mutex<HashSet<PathBuf>>>,
}

impl Filesystem {
    fn new(settings: &Settings) -> Result<Self, NodeError> {
        Ok(Self {
            roots: settings.roots.clone(),
            mount_points: NameFilter::new(settings, &MOUNT_POINTS_EXCLUDE, &MOUNT_POINTS_INCLUDE)?,
            fs_types: NameFilter::new(settings, &FS_TYPES_EXCLUDE, &FS_TYPES_INCLUDE)?,
            stuck: Arc::default(),
        })
    }

    /// Asks the mounts, in their order, on threads of their own: the call to a dead one does not return. A thread
    /// that gets stuck is left behind and another one asks the rest.
    fn sizes(&self, mounts: Vec<Mount>) -> Vec<(Mount, Result<Size, String>)> {
        let mut answers = Vec::with_capacity(mounts.len());
        let mut rest = mounts.into_iter();
        while !rest.as_slice().is_empty() {
            let place = |mount: &Mount| self.roots.below_rootfs(&mount.mount_point);
            let places: Vec<PathBuf> = rest.as_slice().iter().map(place).collect();
            let (sender, receiver) = mpsc::channel();
            let stuck = Arc::clone(&self.stuck);
            std::thread::spawn(move || ask(places, &stuck, &sender));
            for mount in rest.by_ref() {
                let Ok(answer) = receiver.recv_timeout(MOUNT_TIMEOUT) else {
                    self.stuck.lock().insert(place(&mount));
                    answers.push((mount, Err(TIMEOUT.to_owned())));
                    break;
                };
                answers.push((mount, answer));
            }
        }
        answers
    }
}

const TIMEOUT: &str = "mountpoint timeout";

/// Sends the size of each place, or why there is none.
fn ask(places: Vec<PathBuf>, stuck: &Mutex<HashSet<PathBuf>>, answers: &mpsc::Sender<Result<Size, String>>) {
    for place in places {
        if stuck.lock().contains(&place) {
            if answers.send(Err(TIMEOUT.to_owned())).is_err() {
                return;
            }
            continue;
        }
        let answer = rustix::fs::statfs(&place).map(Size::from).map_err(|error| reason(&error.into()));
        // If nobody listens any more this call took too long, and has returned at last.
        if answers.send(answer).is_err() {
            stuck.lock().remove(&place);
            return;
        }
    }
}

/// The system's reason as the field's label shows it: in lower case and without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

/// What a file system says of itself, in bytes and in file nodes.
#[derive(Debug)]
struct Size {
    size: f64,
    free: f64,
    available: f64,
    files: f64,
    files_free: f64,
}

impl From<rustix::fs::StatFs> for Size {
    fn from(stat: rustix::fs::StatFs) -> Self {
        let block = stat.f_bsize as f64;
        Self {
            size: stat.f_blocks as f64 * block,
            free: stat.f_bfree as f64 * block,
            available: stat.f_bavail as f64 * block,
            files: stat.f_files as f64,
            files_free: stat.f_ffree as f64,
        }
    }
}

impl Collector for Filesystem {
    fn update(&self, page: &mut Page) -> Result<(), NodeError> {
        let mut mounts = read_mounts(&self.roots)?;
        mounts.retain(|m| !self.mount_points.ignores(&m.mount_point) && !self.fs_types.ignores(&m.fs_type));
        let mut seen = HashSet::new();
        for (mount, answer) in self.sizes(mounts) {
            let error = answer.as_ref().err().cloned().unwrap_or_default();
            let identity = (mount.device.clone(), mount.mount_point.clone(), mount.fs_type.clone(), error);
            let identity = (identity, mount.major.clone(), mount.minor.clone());
            if seen.insert(identity) {
                put(page, &mount, &answer);
            }
        }
        Ok(())
    }
}

fn put(page: &mut Page, mount: &Mount, answer: &Result<Size, String>) {
    let labels = [
        ("device", mount.device.as_str()),
        ("mountpoint", mount.mount_point.as_str()),
        ("fstype", mount.fs_type.as_str()),
        ("device_error", answer.as_ref().err().map_or("", String::as_str)),
    ];
    let mut gauge = |name, help, value| page.gauge(name, help, &labels, value);
    gauge(
        "node_filesystem_device_error",
        "Whether an error occurred while getting statistics for the given device.",
        f64::from(u8::from(answer.is_err())),
    );
    gauge("node_filesystem_readonly", "Filesystem read-only status.", f64::from(u8::from(mount.read_only)));
    let Ok(size) = answer else { return };
    gauge("node_filesystem_size_bytes", "Filesystem size in bytes.", size.size);
    gauge("node_filesystem_free_bytes", "Filesystem free space in bytes.", size.free);
    gauge(
        "node_filesystem_avail_bytes",
        "Filesystem space available to non-root users in bytes.",
        size.available,
    );
    gauge("node_filesystem_files", "Filesystem total file nodes.", size.files);
    gauge("node_filesystem_files_free", "Filesystem total free file nodes.", size.files_free);
    // macOS only, where the original shows it for every file system of Linux as zero too.
    gauge(
        "node_filesystem_purgeable_bytes",
        "Filesystem space available including purgeable space (MacOS specific).",
        0.0,
    );
    page.gauge(
        "node_filesystem_mount_info",
        "Filesystem mount information.",
        &[
            ("device", labels[0].1),
            ("major", mount.major.as_str()),
            ("minor", mount.minor.as_str()),
            ("mountpoint", labels[1].1),
        ],
        1.0,
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_mount_point_is_an_error_label() {
        let mut settings = Settings::default();
        settings.roots.rootfs = PathBuf::from("/nowhere-at-all");
        let filesystem = Filesystem::new(&settings).unwrap();
        let mount = |point: &str| Mount {
            device: "dev".to_owned(),
            mount_point: point.to_owned(),
            fs_type: "ext4".to_owned(),
            major: "1".to_owned(),
            minor: "2".to_owned(),
            read_only: false,
        };
        let answers = filesystem.sizes(vec![mount("/a"), mount("/b")]);
        assert_eq!(answers.len(), 2);
        assert!(answers.iter().all(|(_, a)| a.as_ref().is_err_and(|e| e == "no such file or directory")));
    }

    #[test]
    fn mounts_known_to_be_stuck_are_not_asked() {
        let stuck = Mutex::new(HashSet::from([PathBuf::from("/")]));
        let (sender, receiver) = mpsc::channel();
        ask(vec![PathBuf::from("/"), PathBuf::from("/")], &stuck, &sender);
        assert!(receiver.try_iter().all(|answer| answer.is_err_and(|e| e == TIMEOUT)));
    }
}
