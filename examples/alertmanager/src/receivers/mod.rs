//! How notifications reach people and programs, one kind per file.

pub mod webhook;
