//! The procedures of NFS in the order in which the kernel counts them, and the file of those counts.

use super::NodeError;
use super::proc_files::number;

/// Procedures of version 2.
pub(super) const VERSION_2: [&str; 18] = [
    "Null", "GetAttr", "SetAttr", "Root", "Lookup", "ReadLink", "Read", "WrCache", "Write", "Create",
    "Remove", "Rename", "Link", "SymLink", "MkDir", "RmDir", "ReadDir", "FsStat",
];

/// Procedures of version 3.
pub(super) const VERSION_3: [&str; 22] = [
    "Null",
    "GetAttr",
    "SetAttr",
    "Lookup",
    "Access",
    "ReadLink",
    "Read",
    "Write",
    "Create",
    "MkDir",
    "SymLink",
    "MkNod",
    "Remove",
    "RmDir",
    "Rename",
    "Link",
    "ReadDir",
    "ReadDirPlus",
    "FsStat",
    "FsInfo",
    "PathConf",
    "Commit",
];

/// Operations of version 4 as a client counts them.
pub(super) const CLIENT_4: [&str; 59] = [
    "Null",
    "Read",
    "Write",
    "Commit",
    "Open",
    "OpenConfirm",
    "OpenNoattr",
    "OpenDowngrade",
    "Close",
    "Setattr",
    "FsInfo",
    "Renew",
    "SetClientID",
    "SetClientIDConfirm",
    "Lock",
    "Lockt",
    "Locku",
    "Access",
    "Getattr",
    "Lookup",
    "LookupRoot",
    "Remove",
    "Rename",
    "Link",
    "Symlink",
    "Create",
    "Pathconf",
    "StatFs",
    "ReadLink",
    "ReadDir",
    "ServerCaps",
    "DelegReturn",
    "GetACL",
    "SetACL",
    "FsLocations",
    "ReleaseLockowner",
    "Secinfo",
    "FsidPresent",
    "ExchangeID",
    "CreateSession",
    "DestroySession",
    "Sequence",
    "GetLeaseTime",
    "ReclaimComplete",
    "GetDeviceInfo",
    "LayoutGet",
    "LayoutCommit",
    "LayoutReturn",
    "SecinfoNoName",
    "TestStateID",
    "FreeStateID",
    "GetDeviceList",
    "BindConnToSession",
    "DestroyClientID",
    "Seek",
    "Allocate",
    "DeAllocate",
    "LayoutStats",
    "Clone",
];

/// Operations of version 4 as a server counts them.
pub(super) const SERVER_4: [&str; 40] = [
    "Op0Unused",
    "Op1Unused",
    "Op2Future",
    "Access",
    "Close",
    "Commit",
    "Create",
    "DelegPurge",
    "DelegReturn",
    "GetAttr",
    "GetFH",
    "Link",
    "Lock",
    "Lockt",
    "Locku",
    "Lookup",
    "LookupRoot",
    "Nverify",
    "Open",
    "OpenAttr",
    "OpenConfirm",
    "OpenDgrd",
    "PutFH",
    "PutPubFH",
    "PutRootFH",
    "Read",
    "ReadDir",
    "ReadLink",
    "Remove",
    "Rename",
    "Renew",
    "RestoreFH",
    "SaveFH",
    "SecInfo",
    "SetAttr",
    "SetClientID",
    "SetClientIDConfirm",
    "Verify",
    "Write",
    "RelLockOwner",
];

/// A file of `/proc/net/rpc`: a key and numbers per line.
#[derive(Debug)]
pub(super) struct RpcStats<'a>(Vec<(&'a str, Vec<u64>)>);

impl<'a> RpcStats<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, NodeError> {
        let mut lines = Vec::new();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let key = words.next().unwrap_or_default();
            // The times that this line once held have been zero since Linux 2.6.
            let words = words.take(if key == "th" { 2 } else { usize::MAX });
            let numbers = words.map(|word| number("net/rpc", word)).collect::<Result<_, _>>()?;
            lines.push((key, numbers));
        }
        Ok(Self(lines))
    }

    /// A number of a line; zero where the kernel has not got it.
    pub(super) fn at(&self, key: &str, index: usize) -> f64 {
        self.0.iter().find(|(k, _)| *k == key).and_then(|(_, n)| n.get(index)).map_or(0.0, |n| *n as f64)
    }

    /// The counts of a line that begins with how many it has, by the procedures' names.
    pub(super) fn counts<'b>(
        &'b self,
        key: &'b str,
        procedures: &'b [&'static str],
    ) -> impl Iterator<Item = (&'static str, f64)> {
        procedures.iter().enumerate().map(move |(i, name)| (*name, self.at(key, i + 1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_their_keys() {
        let stats = RpcStats::parse("net 70 71 69 45\nth 8 0 0.000 0.1\nproc2 2 18 16\n").unwrap();
        assert_eq!((stats.at("net", 1), stats.at("th", 0), stats.at("none", 3)), (71.0, 8.0, 0.0));
        let counts: Vec<_> = stats.counts("proc2", &VERSION_2[..3]).collect();
        assert_eq!(counts, [("Null", 18.0), ("GetAttr", 16.0), ("SetAttr", 0.0)]);
        assert!(RpcStats::parse("net x\n").is_err());
    }
}
