//! Write-ahead log: every commit is written here before it is visible, and replayed on start.
