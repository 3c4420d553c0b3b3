//! The file system seam: everything that must reach the disk in order goes through a trait.
