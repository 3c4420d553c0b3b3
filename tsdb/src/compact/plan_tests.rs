use super::*;

const RANGES: [i64; 4] = [20, 60, 180, 540];

fn block(n: u64, min_time: i64, max_time: i64) -> BlockMeta {
    BlockMeta::new(Ulid::from_parts(n, 0), min_time, max_time)
}

fn blocks(ranges: &[(i64, i64)]) -> Vec<BlockMeta> {
    ranges.iter().zip(1..).map(|((min, max), n)| block(n, *min, *max)).collect()
}

#[track_caller]
fn expect(ranges: &[(i64, i64)], expected: &[u64]) {
    let names: Vec<_> = expected.iter().map(|n| Ulid::from_parts(*n, 0)).collect();
    assert_eq!(plan(&blocks(ranges), &RANGES), names);
}

/// What the field's planner decides.
#[test]
fn levels_fill_as_in_the_field() {
    expect(&[], &[]);
    expect(&[(0, 20)], &[]);
    expect(&[(0, 20), (20, 40)], &[]);
    expect(&[(0, 20), (20, 40), (40, 60)], &[]);
    // The newest block is left alone; the others must fill the range.
    expect(&[(0, 20), (20, 40), (40, 60), (60, 80)], &[1, 2, 3]);
    // Part of a range that has passed.
    expect(&[(20, 40), (40, 60), (60, 80), (80, 100)], &[1, 2]);
    // A single block is not merged with nobody.
    expect(&[(40, 60), (60, 80), (80, 100)], &[]);
    // A gap: the second range is complete.
    expect(&[(0, 20), (60, 80), (80, 100), (100, 120), (120, 140)], &[2, 3, 4]);
    // The next level.
    expect(&[(0, 60), (60, 120), (120, 180), (180, 200)], &[1, 2, 3]);
    expect(&[(0, 60), (60, 120), (120, 140), (140, 160), (160, 180), (180, 200)], &[3, 4, 5]);
    // Blocks longer than a range are in none.
    expect(&[(0, 360), (360, 420), (420, 480), (480, 540), (540, 560)], &[2, 3, 4]);
    // Before 1970.
    expect(&[(-60, -40), (-40, -20), (-20, 0), (0, 20)], &[1, 2, 3]);
}

#[test]
fn overlaps_come_first() {
    expect(&[(0, 20), (19, 40), (40, 60)], &[1, 2]);
    expect(&[(0, 20), (20, 40), (30, 50)], &[2, 3]);
    expect(&[(0, 20), (10, 40), (30, 60), (60, 80)], &[1, 2, 3]);
    expect(&[(0, 100), (20, 40), (60, 80), (100, 120), (110, 130)], &[1, 2, 3]);
    expect(&[(0, 20), (0, 20)], &[1, 2]);
}

#[test]
fn failed_blocks_are_left_alone() {
    let mut all = blocks(&[(0, 20), (20, 40), (40, 60), (60, 80), (80, 100), (100, 120), (120, 140)]);
    all[1].compaction.failed = true;
    assert_eq!(plan(&all, &RANGES), [4, 5, 6].map(|n| Ulid::from_parts(n, 0)));
}

#[test]
fn many_tombstones_are_a_reason() {
    let mut all = blocks(&[(0, 180), (180, 360), (540, 560)]);
    all[0].stats.num_series = 10;
    all[0].stats.num_tombstones = 3;
    assert_eq!(plan(&all, &[20, 60, 180]), [Ulid::from_parts(1, 0)]);
    all[0].stats.num_tombstones = 0;
    assert!(plan(&all, &[20, 60, 180]).is_empty());
    // A short block only if all of it is gone.
    let mut all = blocks(&[(0, 20), (60, 80)]);
    all[0].stats.num_series = 10;
    all[0].stats.num_tombstones = 9;
    assert!(plan(&all, &RANGES).is_empty());
    all[0].stats.num_tombstones = 10;
    assert_eq!(plan(&all, &RANGES), [Ulid::from_parts(1, 0)]);
}
