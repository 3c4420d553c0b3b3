//! The code behind the functions: kernels over samples, free of operators and grids.

mod calendar;
mod changes;
mod extended;
mod histogram;
mod inverse_hyperbolic;
mod logarithm;
mod math;
mod mean;
mod natural;
mod over_time;
mod predict;
mod quantile;
mod rate;
mod sliding;
mod sliding_extreme;
mod sliding_quantile;
mod start_time;
mod table;
mod trigonometric;
mod window;

pub(crate) use calendar::{
    Date, Part, day_of_month, day_of_week, day_of_year, days_in_month, hour, minute, month, year,
};
pub(crate) use extended::{interpolate, interpolate_histograms, with_edges};
pub(crate) use histogram::{
    ClassicBucket, Straightened, classic_fraction, classic_quantile, native_fraction, native_quantile,
    native_variance,
};
pub(crate) use math::{clamp, float_function, larger, round, smaller};
pub(crate) use mean::{HistogramMean, Mean};
pub(crate) use natural::natural_order;
pub(crate) use quantile::quantile;
pub(crate) use sliding::{Column, Sliding, Windows, sliding};
pub(crate) use table::{RangeEntry, range_function, refuses_edges};
pub(crate) use window::{Samples, Window};
