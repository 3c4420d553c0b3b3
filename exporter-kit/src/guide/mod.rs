//! The instruments one by one: when to take which, and what a page shows of it.
//!
//! | to measure | take |
//! |---|---|
//! | how often something happened, how much in total | [`counter`] |
//! | how much there is at this moment | [`gauge`] |
//! | how large or how long single events are | [`histogram`] |
//! | quantiles of one process, without buckets | [`summary`] |
//! | how the sizes of what is there now are distributed | [`gauge_histogram`] |
//! | facts in words | [`info`] |
//! | which of a few states something is in | [`state_set`] |
//! | one of these by labels | [`family`] |
//! | what is counted elsewhere | [`functions`] |
//! | what is made up at the moment of the scrape | [`collectors`] |
//! | from code without a place for handles | [`statics`] |
//! | which event is behind a number | [`exemplars`] |

#[doc = include_str!("counter.md")]
pub mod counter {}
#[doc = include_str!("gauge.md")]
pub mod gauge {}
#[doc = include_str!("histogram.md")]
pub mod histogram {}
#[doc = include_str!("summary.md")]
pub mod summary {}
#[doc = include_str!("gauge_histogram.md")]
pub mod gauge_histogram {}
#[doc = include_str!("info.md")]
pub mod info {}
#[doc = include_str!("state_set.md")]
pub mod state_set {}
#[doc = include_str!("family.md")]
pub mod family {}
#[doc = include_str!("functions.md")]
pub mod functions {}
#[doc = include_str!("collectors.md")]
pub mod collectors {}
#[doc = include_str!("statics.md")]
pub mod statics {}
#[doc = include_str!("exemplars.md")]
pub mod exemplars {}
