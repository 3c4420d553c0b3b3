//! The mounted file systems of `/proc/*/mountinfo`.

use super::error::Optional;
use super::{NodeError, Roots};

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) device: String,
    /// As the host sees it: without the prefix of the root file system.
    pub(super) mount_point: String,
    pub(super) fs_type: String,
    pub(super) major: String,
    pub(super) minor: String,
    pub(super) read_only: bool,
}

/// The mounts that the first process sees, or this one where that is hidden.
pub(super) fn read_mounts(roots: &Roots) -> Result<Vec<Mount>, NodeError> {
    let text = match roots.read_proc("1/mountinfo").optional()? {
        Some(text) => text,
        None => roots.read_proc("self/mountinfo")?,
    };
    text.lines().map(|line| parse_line(line, roots)).collect()
}

/// The value of an option of the file system itself, in a line of mountinfo.
pub(super) fn super_options<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut options = line.rsplit(' ').next()?.split(',').filter_map(|option| option.split_once('='));
    options.find(|(n, _)| *n == name).map(|(_, value)| value)
}

fn parse_line(line: &str, roots: &Roots) -> Result<Mount, NodeError> {
    let malformed = |expected| NodeError::malformed("mountinfo", expected, line);
    let fields: Vec<&str> = line.split(' ').collect();
    let [_, _, device_number, _, mount_point, options, .., separator, fs_type, device, super_options] =
        fields.as_slice()
    else {
        return Err(malformed("ten fields or more"));
    };
    if *separator != "-" {
        return Err(malformed("a hyphen before the last three fields"));
    }
    let (major, minor) = device_number
        .split_once(':')
        .filter(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
        .ok_or_else(|| malformed("a device number"))?;
    let has = |options: &str, wanted| options.split(',').any(|option| option == wanted);
    // Spaces and tabs are the escapes that the original undoes.
    let mount_point = mount_point.replace("\\040", " ").replace("\\011", "\t");
    Ok(Mount {
        device: (*device).to_owned(),
        mount_point: roots.strip_rootfs(&mount_point).to_owned(),
        fs_type: (*fs_type).to_owned(),
        major: major.to_owned(),
        minor: minor.to_owned(),
        read_only: has(options, "ro") || has(super_options, "ro") || has(super_options, "emergency_ro"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_and_escapes() {
        let roots = Roots::default();
        let line = r"29 1 259:2 / /a\040b rw,relatime shared:1 master:2 - ext4 /dev/dm-2 rw,emergency_ro";
        let mount = parse_line(line, &roots).unwrap();
        assert_eq!((mount.mount_point.as_str(), mount.fs_type.as_str()), ("/a b", "ext4"));
        assert_eq!((mount.major.as_str(), mount.minor.as_str()), ("259", "2"));
        assert!(mount.read_only);
        let none = parse_line("29 1 0:22 / / rw - tmpfs tmpfs rw,mode=ro", &roots).unwrap();
        assert!(!none.read_only);
        assert!(parse_line("29 1 0:22 / / rw + tmpfs tmpfs rw", &roots).is_err());
        assert!(parse_line("29 1 022 / / rw - tmpfs tmpfs rw", &roots).is_err());
        assert!(parse_line("", &roots).is_err());
    }
}
