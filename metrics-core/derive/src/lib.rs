//! `derive(Labels)` and `derive(Metrics)` for the instruments of `metrics-core`.
//!
//! What it is not: of use alone. `metrics_core::instrument` re-exports both under its feature `derive` and documents
//! what the derived code does.
#![forbid(unsafe_code)]

mod attributes;
mod labels;
mod metrics;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes labels of a struct, or the value of one label of an enum.
///
/// A **struct** with named fields, at most one lifetime and no other parameters becomes the labels of a `Family`. Every
/// field is a label of its own name, of a type that implements `LabelValue`.
/// - `#[label(rename = "path")]` gives a label another name.
/// - `#[label(max = 200, overflow = "other")]` tells only so many values apart; all others are shown as `other`, or as
///   `overflow` if nothing else is said.
/// - `#[label(skip_if_none)]` on an `Option`: a label that is `None` is not shown. That is so without it, too.
///
/// An **enum** of variants without fields becomes a `LabelValue`: the variant's name in snake case.
/// - `#[label(rename_all = "UPPERCASE")]` on the enum: also `lowercase`, `snake_case`, `kebab-case`,
///   `SCREAMING_SNAKE_CASE`, `PascalCase`.
/// - `#[label(rename = "5xx")]` on a variant.
///
/// Both: `#[label(crate = exporter_kit)]` where the instruments are known under another crate's name than
/// `metrics_core`.
#[proc_macro_derive(Labels, attributes(label))]
pub fn derive_labels(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    labels::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Gives a struct of instruments the function `register`, which names them and obtains them from a registry.
///
/// Every field is a metric of its own name, and its documentation is the metric's help. Registering the same struct
/// again gives handles of the same instruments.
/// - `#[metrics(prefix = "shop")]` on the struct starts all names with `shop_`.
/// - `#[metrics(crate = exporter_kit)]` on the struct where the instruments are known under another crate's name.
/// - `#[metric(name = "…")]`, `#[metric(help = "…")]`, `#[metric(unit = "seconds")]` on a field.
/// - `#[metric(buckets = [0.1, 1.0])]` and `#[metric(native = 1.1)]` on a field with histograms.
/// - `#[metric(max = 1000)]` on a field with a family: how many members it may have.
/// - `#[metric(expire = Duration::from_secs(600))]` on a field with a family: how long members are shown that do not
///   change, if the registry has a clock.
#[proc_macro_derive(Metrics, attributes(metrics, metric))]
pub fn derive_metrics(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    metrics::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
