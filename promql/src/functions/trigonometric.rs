//! Sine, cosine and tangent by the formulas of the Cephes library, which the original uses: their last digits are not always
//! those of the standard library.

use std::f64::consts::FRAC_2_PI;

/// Larger angles have lost too many digits for a quarter of pi in three parts; they are left to the standard library.
const LARGE: f64 = (1u64 << 29) as f64;

pub(super) fn sin(value: f64) -> f64 {
    if !is_reducible(value) {
        return value.sin();
    }
    let (octant, z) = reduce(value.abs());
    let octant = octant & 7;
    let result = if matches!(octant, 2 | 6) { cosine_series(z) } else { sine_series(z) };
    if (octant > 3) != (value < 0.0) { -result } else { result }
}

pub(super) fn cos(value: f64) -> f64 {
    if !is_reducible(value) {
        return value.cos();
    }
    let (octant, z) = reduce(value.abs());
    let octant = octant & 7;
    let result = if matches!(octant, 2 | 6) { sine_series(z) } else { cosine_series(z) };
    if matches!(octant, 2 | 4) { -result } else { result }
}

pub(super) fn tan(value: f64) -> f64 {
    const P: [f64; 3] = [-1.309_369_391_813_837_9e4, 1.153_516_648_385_874_2e6, -1.795_652_519_764_848_8e7];
    const Q: [f64; 4] = [
        1.368_129_634_706_929_6e4,
        -1.320_892_344_402_109_7e6,
        2.500_838_018_233_579e7,
        -5.386_957_559_294_546_4e7,
    ];
    if !is_reducible(value) {
        return value.tan();
    }
    let (octant, z) = reduce(value.abs());
    let zz = z * z;
    let near =
        if zz > 1e-14 { z + z * (zz * series(zz, &P) / series_from(zz + Q[0], zz, &Q[1..])) } else { z };
    let result = if octant & 2 == 2 { -1.0 / near } else { near };
    if value < 0.0 { -result } else { result }
}

/// Whether the formulas here are meant for such an angle.
fn is_reducible(value: f64) -> bool {
    value != 0.0 && value.abs() < LARGE
}

/// The even number of quarters of pi that is nearest to a positive angle, and what the angle is beyond them.
fn reduce(x: f64) -> (u64, f64) {
    /// A quarter of pi in three parts, the first two with room for a product with a whole number.
    const QUARTER: [f64; 3] =
        [7.853_981_256_484_985e-1, 3.774_894_707_930_798e-8, 2.695_151_429_079_059_5e-15];
    let whole = (x * (2.0 * FRAC_2_PI)) as u64;
    let even = whole + (whole & 1);
    let y = even as f64;
    (even, ((x - y * QUARTER[0]) - y * QUARTER[1]) - y * QUARTER[2])
}

/// The sine of an angle up to a quarter of pi.
fn sine_series(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        1.589_623_015_765_465_6e-10,
        -2.505_074_776_285_780_7e-8,
        2.755_731_362_138_572_2e-6,
        -1.984_126_982_958_954e-4,
        8.333_333_333_322_118e-3,
        -1.666_666_666_666_663e-1,
    ];
    let zz = z * z;
    z + z * zz * series(zz, &COEFFICIENTS)
}

/// The cosine of an angle up to a quarter of pi.
fn cosine_series(z: f64) -> f64 {
    const COEFFICIENTS: [f64; 6] = [
        -1.135_853_652_138_768_2e-11,
        2.087_570_084_197_473e-9,
        -2.755_731_417_929_674e-7,
        2.480_158_728_885_170_4e-5,
        -1.388_888_888_887_305_6e-3,
        4.166_666_666_666_659_5e-2,
    ];
    let zz = z * z;
    1.0 - 0.5 * zz + zz * zz * series(zz, &COEFFICIENTS)
}

/// A polynomial, the coefficient of the highest power first.
fn series(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.split_first().map_or(0.0, |(first, rest)| series_from(*first, x, rest))
}

fn series_from(first: f64, x: f64, rest: &[f64]) -> f64 {
    rest.iter().fold(first, |sum, coefficient| sum * x + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the original answers.
    const ANSWERS: [(f64, [f64; 3]); 7] = [
        (0.3, [0.29552020666133955, 0.955336489125606, 0.30933624960962325]),
        (1.5, [0.9974949866040544, 0.0707372016677029, 14.101419947171719]),
        (2.5, [0.5984721441039564, -0.8011436155469337, -0.7470222972386603]),
        (1000.0, [0.8268795405320026, 0.5623790762907029, 1.4703241557027187]),
        (123456.789, [-0.9986640823432246, 0.05167253271870138, -19.32678794321585]),
        (7.0, [0.6569865987187891, 0.7539022543433046, 0.8714479827243188]),
        (0.001, [0.0009999998333333417, 0.9999995000000417, 0.0010000003333334668]),
    ];

    #[test]
    fn angles_to_the_last_digit() {
        for (x, [sine, cosine, tangent]) in ANSWERS {
            assert_eq!([sin(x), cos(x), tan(x)], [sine, cosine, tangent], "{x}");
            assert_eq!([sin(-x), cos(-x), tan(-x)], [-sine, cosine, -tangent], "-{x}");
        }
        assert!([sin(-0.0), tan(-0.0)].iter().all(|zero| zero.to_bits() == (-0.0f64).to_bits()));
        assert!([sin(f64::INFINITY), cos(f64::NEG_INFINITY), tan(f64::NAN)].iter().all(|v| v.is_nan()));
    }

    proptest::proptest! {
        #[test]
        fn angles_are_near_those_of_the_standard_library(x in -1e6f64..1e6) {
            proptest::prop_assert!((sin(x) - x.sin()).abs() < 1e-14 && (cos(x) - x.cos()).abs() < 1e-14, "{x}");
            proptest::prop_assert!((tan(x) / x.tan() - 1.0).abs() < 1e-8, "{x}");
        }
    }
}
