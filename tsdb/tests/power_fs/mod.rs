//! A file system in memory that forgets what was not synced when its power is cut.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard};

use tsdb::fs::{File, Fs, Lock, Syncer};

/// What of the things not synced reaches the disk all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Luck {
    /// Nothing.
    None,
    /// Names as they were last; of the bytes written last, half.
    Torn,
    /// Everything.
    All,
}

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power goes: the operation and all after it fail.
    PowerCut,
    /// The disk is full: the operation writes half of its bytes and fails; later ones succeed.
    DiskFull,
    /// The operation fails without effect; later ones succeed.
    Failure,
}

#[derive(Debug, Clone, Default)]
struct FileNode {
    now: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
struct DirNode {
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
enum Node {
    File(FileNode),
    Dir(DirNode),
}

#[derive(Debug, Default)]
struct Disk {
    nodes: Vec<Node>,
    operations: u64,
    /// At which operation what happens.
    fault: Option<(u64, Fault)>,
    off: bool,
    locked: bool,
    on_sync: Option<Hook>,
}

/// Called by those who sync beside a writer.
#[derive(Clone)]
struct Hook(Arc<dyn Fn() -> io::Result<()> + Send + Sync>);

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug, Clone)]
pub(crate) struct PowerFs(Arc<Mutex<Disk>>);

impl PowerFs {
    pub(crate) fn new() -> Self {
        let root = Node::Dir(DirNode::default());
        Self(Arc::new(Mutex::new(Disk { nodes: vec![root], ..Disk::default() })))
    }

    /// Operations so far that change the disk.
    pub(crate) fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Lets something happen at a later operation, counted from now.
    pub(crate) fn fault_after(&self, operations: u64, fault: Fault) {
        let mut disk = self.disk();
        disk.fault = Some((disk.operations + operations, fault));
    }

    /// Calls something in every sync beside a writer; the sync fails if it does.
    #[allow(dead_code, reason = "not every test that shares this needs it")]
    pub(crate) fn on_sync(&self, hook: impl Fn() -> io::Result<()> + Send + Sync + 'static) {
        self.disk().on_sync = Some(Hook(Arc::new(hook)));
    }

    /// What a machine finds that starts again after the power was cut.
    pub(crate) fn after_power_cut(&self, luck: Luck) -> Self {
        let disk = self.disk();
        let mut nodes = disk.nodes.clone();
        for node in &mut nodes {
            match node {
                Node::File(f) => {
                    match luck {
                        Luck::None => {}
                        Luck::Torn if f.now.len() > f.synced.len() && f.now.starts_with(&f.synced) => {
                            let half = (f.synced.len() + f.now.len()) / 2;
                            f.synced = f.now[..half].to_vec();
                        }
                        Luck::Torn => {}
                        Luck::All => f.synced.clone_from(&f.now),
                    }
                    f.now.clone_from(&f.synced);
                }
                Node::Dir(d) => {
                    if luck != Luck::None {
                        d.synced.clone_from(&d.now);
                    }
                    d.now.clone_from(&d.synced);
                }
            }
        }
        Self(Arc::new(Mutex::new(Disk { nodes, ..Disk::default() })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap()
    }
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

fn parts(path: &Path) -> Vec<String> {
    path.components()
        .filter_map(|c| match c {
            Component::Normal(name) => Some(name.to_str().unwrap().to_owned()),
            _ => None,
        })
        .collect()
}

impl Disk {
    /// Counts an operation that changes the disk; `Ok(true)` if only half of its bytes may be written.
    fn begin(&mut self) -> io::Result<bool> {
        if self.off {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        match self.fault {
            Some((at, fault)) if at == self.operations => match fault {
                Fault::PowerCut => {
                    self.off = true;
                    Err(io::Error::other("the power is off"))
                }
                Fault::DiskFull => Ok(true),
                Fault::Failure => Err(io::Error::other("an operation that fails")),
            },
            _ => Ok(false),
        }
    }

    fn find(&self, path: &Path) -> io::Result<usize> {
        let mut at = 0;
        for name in parts(path) {
            let Node::Dir(dir) = &self.nodes[at] else { return Err(not_found()) };
            at = *dir.now.get(&name).ok_or_else(not_found)?;
        }
        Ok(at)
    }

    fn parent(&mut self, path: &Path) -> io::Result<(&mut DirNode, String)> {
        let name = parts(path).pop().ok_or_else(not_found)?;
        let at = self.find(path.parent().ok_or_else(not_found)?)?;
        match &mut self.nodes[at] {
            Node::Dir(dir) => Ok((dir, name)),
            Node::File(_) => Err(not_found()),
        }
    }

    fn file(&mut self, at: usize) -> &mut FileNode {
        match &mut self.nodes[at] {
            Node::File(f) => f,
            Node::Dir(_) => panic!("a directory in place of a file"),
        }
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<usize> {
        let at = self.nodes.len();
        let (dir, name) = self.parent(path)?;
        dir.now.insert(name, at);
        self.nodes.push(node);
        Ok(at)
    }
}

impl Fs for PowerFs {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let mut at = std::path::PathBuf::from("/");
        for name in parts(dir) {
            at.push(name);
            if disk.find(&at).is_err() {
                let node = disk.add(&at, Node::Dir(DirNode::default()))?;
                let (parent, name) = disk.parent(&at)?;
                parent.synced.insert(name, node);
            }
        }
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut disk = self.disk();
        disk.begin()?;
        let node = disk.add(path, Node::File(FileNode::default()))?;
        Ok(Box::new(PowerFile { fs: self.clone(), node }))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut disk = self.disk();
        let at = disk.find(path)?;
        Ok(disk.file(at).now.clone())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk();
        match &disk.nodes[disk.find(dir)?] {
            Node::Dir(d) => Ok(d.now.keys().cloned().collect()),
            Node::File(_) => Err(not_found()),
        }
    }

    fn len(&self, path: &Path) -> io::Result<u64> {
        self.read(path).map(|bytes| bytes.len() as u64)
    }

    fn exists(&self, path: &Path) -> bool {
        self.disk().find(path).is_ok()
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let at = disk.find(path)?;
        let file = disk.file(at);
        file.now.truncate(len as usize);
        file.synced.clone_from(&file.now);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let (dir, name) = disk.parent(from)?;
        let node = dir.now.remove(&name).ok_or_else(not_found)?;
        let (dir, name) = disk.parent(to)?;
        dir.now.insert(name, node);
        Ok(())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let node = disk.find(from)?;
        let (dir, name) = disk.parent(to)?;
        dir.now.insert(name, node);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let (dir, name) = disk.parent(path)?;
        dir.now.remove(&name).map(|_| ()).ok_or_else(not_found)
    }

    fn remove_dir_all(&self, dir: &Path) -> io::Result<()> {
        self.remove_file(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.begin()?;
        let at = disk.find(dir)?;
        if let Node::Dir(d) = &mut disk.nodes[at] {
            d.synced.clone_from(&d.now);
        }
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Box<dyn Lock>> {
        let mut disk = self.disk();
        if std::mem::replace(&mut disk.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        drop(disk);
        Ok(Box::new(PowerLock(self.clone())))
    }
}

#[derive(Debug)]
struct PowerFile {
    fs: PowerFs,
    node: usize,
}

impl File for PowerFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.fs.disk();
        let only_half = disk.begin()?;
        let file = disk.file(self.node);
        if only_half {
            file.now.extend_from_slice(&bytes[..bytes.len() / 2]);
            return Err(io::ErrorKind::StorageFull.into());
        }
        file.now.extend_from_slice(bytes);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.fs.disk();
        disk.begin()?;
        let at = offset as usize;
        disk.file(self.node).now[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.fs.disk();
        disk.begin()?;
        disk.file(self.node).now.truncate(len as usize);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.fs.disk();
        disk.begin()?;
        let file = disk.file(self.node);
        file.synced.clone_from(&file.now);
        Ok(())
    }

    fn syncer(&self) -> io::Result<Arc<dyn Syncer>> {
        Ok(Arc::new(PowerSyncer { fs: self.fs.clone(), node: self.node }))
    }
}

#[derive(Debug)]
struct PowerSyncer {
    fs: PowerFs,
    node: usize,
}

impl Syncer for PowerSyncer {
    fn sync(&self) -> io::Result<()> {
        let (hook, written) = {
            let mut disk = self.fs.disk();
            (disk.on_sync.clone(), disk.file(self.node).now.len())
        };
        // Without the lock: others go on writing meanwhile.
        if let Some(hook) = hook {
            (hook.0)()?;
        }
        let mut disk = self.fs.disk();
        disk.begin()?;
        let file = disk.file(self.node);
        if written > file.synced.len() {
            file.synced = file.now[..written.min(file.now.len())].to_vec();
        }
        Ok(())
    }
}

#[derive(Debug)]
struct PowerLock(PowerFs);

impl Lock for PowerLock {}

impl Drop for PowerLock {
    fn drop(&mut self) {
        self.0.disk().locked = false;
    }
}
