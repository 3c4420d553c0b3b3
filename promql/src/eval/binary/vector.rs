//! Arithmetic and comparison between two vectors.

use std::collections::{BTreeMap, HashMap};

use metrics_core::LabelSet;

use super::matching::{Group, groups, matched_labels};
use super::ops::{arithmetic, changes_meaning, compare, samples};
use crate::eval::grid::Grid;
use crate::eval::labels::{braced, joined_always, without_metadata};
use crate::eval::matrix::{Matrix, has_same_labels};
use crate::eval::operator::{Operator, SeriesMeta};
use crate::eval::row::{ABSENT, Row, is_absent, present};
use crate::eval::{Context, DataError, Note, QueryError};
use crate::parser::{BinaryOp, Cardinality, Matching};
use crate::plan::BinaryNode;
use crate::value::Point;

pub(super) fn build<'a>(
    node: &BinaryNode,
    matching: &Matching,
    left: Matrix<'a>,
    right: Matrix<'a>,
    grid: Grid,
    context: &'a Context<'a>,
) -> Result<Box<dyn Operator + 'a>, QueryError> {
    let swapped = matching.cardinality == Cardinality::OneToMany;
    let (mut many, one) = if swapped { (right, left) } else { (left, right) };
    // The original turns the sides round for `group_right` but not what fills them: `fill_left` always stands for
    // the side of many.
    let (fill_many, fill_one) = (matching.fill_left, matching.fill_right);
    let mut join = Join {
        op: node.op,
        return_bool: node.return_bool,
        matching,
        swapped,
        fill_many,
        fill_one,
        active: active_steps(&many, &one, matching, grid),
        many: &mut many,
        one: &one,
        grid,
        context,
        last_notes: BTreeMap::new(),
        result: Matrix::new(context)?,
    };
    let groups = groups(matching, join.many, &one);
    for group in &groups {
        context.check()?;
        // The original looks at all series of a step for duplicates before it combines any.
        join.group(group).map_err(|error| join.first_duplicate(&groups).map_or(error, QueryError::from))?;
    }
    let notes = context.notes(node.span);
    join.last_notes.into_values().for_each(|(_, note)| notes.add(note));
    let result = join.result;
    let same = has_same_labels(result.metas().iter().map(|m| &m.labels));
    match same && !(grid.is_instant() && context.keeps_names()) {
        true => joined_always(Box::new(result), context),
        false => Ok(Box::new(result)),
    }
}

/// The join of two vectors. One-to-many is turned round, so that the side with one series per match stands
/// second; values are turned back before they are computed with.
struct Join<'m, 'a> {
    op: BinaryOp,
    return_bool: bool,
    matching: &'m Matching,
    swapped: bool,
    fill_many: Option<f64>,
    fill_one: Option<f64>,
    many: &'m mut Matrix<'a>,
    one: &'m Matrix<'a>,
    grid: Grid,
    context: &'a Context<'a>,
    /// What was noticed last at a step, and on which pair: as in the original, only that counts.
    last_notes: BTreeMap<usize, (Rank, Note<'static>)>,
    /// Steps at which there is something to match at all.
    active: Vec<bool>,
    result: Matrix<'a>,
}

/// Where one side is empty there is nothing to match, not even a duplicate to complain about; unless it is filled.
fn active_steps(many: &Matrix<'_>, one: &Matrix<'_>, matching: &Matching, grid: Grid) -> Vec<bool> {
    let filled = matching.fill_left.is_some() || matching.fill_right.is_some();
    let present = |matrix: &Matrix<'_>| {
        let mut steps = vec![false; grid.count];
        let mut missing = grid.count;
        for row in matrix.rows() {
            for (step, there) in steps.iter_mut().enumerate().filter(|(_, there)| !**there) {
                *there = row.is_present(step);
                missing -= usize::from(*there);
            }
            if missing == 0 {
                break;
            }
        }
        steps
    };
    let both = present(many).into_iter().zip(present(one));
    both.map(|(many, one)| if filled { many || one } else { many && one }).collect()
}

/// Which series a result comes from; an absent one was filled in.
type Pair = (Option<usize>, Option<usize>);

/// When a pair has its turn within a step: by the series on the side of many, then those without one.
type Rank = (bool, Option<usize>);

fn rank((many, one): Pair) -> Rank {
    (many.is_none(), many.or(one))
}

impl Join<'_, '_> {
    fn group(&mut self, group: &Group) -> Result<(), QueryError> {
        let filled = self.fill_many.is_some() || self.fill_one.is_some();
        // Several on the side of one are refused even where the other side has none.
        if (group.left.is_empty() && group.right.len() < 2 || group.right.is_empty()) && !filled {
            return Ok(());
        }
        match (group.left.as_slice(), group.right.as_slice()) {
            ([many], [one]) if !filled => self.pair(*many, *one),
            (several, [one]) if !filled && self.matching.cardinality != Cardinality::OneToOne => {
                let labels = several.iter().map(|m| self.labels((Some(*m), Some(*one)))).collect::<Vec<_>>();
                // Results with the same labels must not meet at the same step.
                match has_same_labels(labels.iter()) {
                    true => self.step_by_step(group),
                    false => several.iter().try_for_each(|many| self.pair(*many, *one)),
                }
            }
            _ => self.step_by_step(group),
        }
    }

    /// Two series that have no competitors.
    fn pair(&mut self, many: usize, one: usize) -> Result<(), QueryError> {
        // No other pair needs the row of this one: the result takes its place in memory.
        let mut row = std::mem::take(&mut self.many.rows_mut()[many]);
        let other = &self.one.rows()[one];
        if row.has_histograms() || other.has_histograms() || self.is_trim() {
            let (a, b) = if self.swapped { (other, &row) } else { (&row, other) };
            let mut combined = Row::empty(self.grid.count);
            for step in 0..self.grid.count {
                if let (Some(a), Some(b)) = (a.get(step), b.get(step)) {
                    self.combine((Some(many), Some(one)), (&a, &b), step, &mut combined);
                }
            }
            row = combined;
        } else {
            self.combine_floats(&mut row, other);
        }
        self.push((Some(many), Some(one)), row)
    }

    fn is_trim(&self) -> bool {
        matches!(self.op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
    }

    /// Puts what comes of a row on the side of many in the place of its values.
    fn combine_floats(&self, many: &mut Row, one: &Row) {
        let (op, return_bool, swapped) = (self.op, self.return_bool, self.swapped);
        let result = |a: f64, b: f64| match (op.is_comparison(), return_bool) {
            (false, _) => present(arithmetic(op, a, b)),
            (true, true) => f64::from(u8::from(compare(op, a, b) == Some(true))),
            (true, false) if compare(op, a, b) == Some(true) => a,
            (true, false) => ABSENT,
        };
        for (many, one) in many.floats.iter_mut().zip(&one.floats) {
            *many = match (is_absent(*many) || is_absent(*one), swapped) {
                (true, _) => ABSENT,
                (false, true) => result(*one, *many),
                (false, false) => result(*many, *one),
            };
        }
    }

    /// Computes one value. Returns whether the two could be combined at all.
    fn combine(&mut self, pair: Pair, (a, b): (&Point, &Point), step: usize, row: &mut Row) -> bool {
        let last = &mut self.last_notes;
        let mut note = |note| {
            if last.get(&step).is_none_or(|(before, _)| *before <= rank(pair)) {
                last.insert(step, (rank(pair), note));
            }
        };
        let Some(outcome) = samples(self.op, a, b, &mut note) else { return false };
        match (self.return_bool, outcome.keep) {
            (true, keep) => row.set(step, Point::Float(f64::from(u8::from(keep)))),
            (false, true) => row.set(step, outcome.value),
            (false, false) => {}
        }
        true
    }

    /// The general case: at each step other series may be there.
    fn step_by_step(&mut self, group: &Group) -> Result<(), QueryError> {
        let mut rows: Vec<(Pair, LabelSet, Row)> = Vec::new();
        let mut known: HashMap<Pair, usize> = HashMap::new();
        for step in 0..self.grid.count {
            if !self.active[step] {
                continue;
            }
            let there = |matrix: &Matrix<'_>, series: &[usize]| -> Vec<usize> {
                series.iter().copied().filter(|i| matrix.rows()[*i].is_present(step)).collect()
            };
            let (many, one) = (there(self.many, &group.left), there(self.one, &group.right));
            if let [first, second, ..] = one.as_slice() {
                return Err(self.several_on_one_side(*first, *second).into());
            }
            let one = one.first().copied();
            let mut pairs: Vec<Pair> = Vec::new();
            if one.is_some() || self.fill_one.is_some() {
                pairs.extend(many.iter().map(|m| (Some(*m), one)));
            }
            if one.is_some() && many.is_empty() && self.fill_many.is_some() {
                pairs.push((None, one));
            }
            let mut results: Vec<usize> = Vec::new();
            for pair in pairs {
                let at = *known.entry(pair).or_insert_with(|| {
                    rows.push((pair, self.labels(pair), Row::empty(self.grid.count)));
                    rows.len() - 1
                });
                let (a, b) = self.values(pair, step);
                if !self.combine(pair, (&a, &b), step, &mut rows[at].2) {
                    continue;
                }
                if self.matching.cardinality == Cardinality::OneToOne && !results.is_empty() {
                    return Err(DataError::ImplicitManyToOne.into());
                }
                if results.iter().any(|other| rows[*other].1 == rows[at].1) {
                    return Err(DataError::AmbiguousGrouping.into());
                }
                results.push(at);
            }
        }
        rows.into_iter().try_for_each(|(pair, _, row)| self.push(pair, row))
    }

    /// The two values of a pair, in the order in which they are written.
    fn values(&self, (many, one): Pair, step: usize) -> (Point, Point) {
        let value = |matrix: &Matrix<'_>, series: Option<usize>, fill: Option<f64>| {
            let sample = series.and_then(|i| matrix.rows()[i].get(step));
            sample.unwrap_or(Point::Float(fill.unwrap_or(f64::NAN)))
        };
        let many = value(self.many, many, self.fill_many);
        let one = value(self.one, one, self.fill_one);
        if self.swapped { (one, many) } else { (many, one) }
    }

    /// The first two series, by step and order, that are on the side of one and match the same.
    fn first_duplicate(&self, groups: &[Group]) -> Option<DataError> {
        let first_two = |group: &Group, step: usize| {
            let mut there = group.right.iter().filter(|i| self.one.rows()[**i].is_present(step));
            Some((*there.next()?, *there.next()?))
        };
        let mut steps = (0..self.grid.count).filter(|step| self.active[*step]);
        let (first, second) = steps.find_map(|step| {
            groups.iter().filter_map(|group| first_two(group, step)).min_by_key(|(_, second)| *second)
        })?;
        Some(self.several_on_one_side(first, second))
    }

    fn several_on_one_side(&self, first: usize, second: usize) -> DataError {
        let labels = |i: usize| &self.one.metas()[i].labels;
        let mut names = [braced(labels(first)), braced(labels(second))];
        names.sort();
        let [first_name, second_name] = names;
        DataError::ManyToMany {
            group: braced(&matched_labels(self.matching, labels(second))),
            side: if self.swapped { "left" } else { "right" },
            first: first_name,
            second: second_name,
        }
    }

    fn push(&mut self, pair: Pair, row: Row) -> Result<(), QueryError> {
        if row.is_vacant() {
            return Ok(());
        }
        let meta = SeriesMeta { labels: self.labels(pair), drop_name: self.return_bool };
        self.result.push(meta, row)
    }

    /// The labels of a result.
    fn labels(&self, (many, one): Pair) -> LabelSet {
        let of = |matrix: &Matrix<'_>, i: usize| matrix.metas()[i].labels.clone();
        // A series that was filled in has the labels matched on.
        let matched = |labels: LabelSet| matched_labels(self.matching, &labels);
        let (many, one) = match (many, one) {
            (Some(m), Some(o)) => (of(self.many, m), of(self.one, o)),
            (Some(m), None) => (of(self.many, m), matched(of(self.many, m))),
            (None, Some(o)) => (matched(of(self.one, o)), of(self.one, o)),
            (None, None) => return LabelSet::empty(),
        };
        let drops_name = changes_meaning(self.op) || (self.return_bool && !self.context.keeps_names());
        let mut labels = if drops_name { without_metadata(&many) } else { many };
        if self.matching.cardinality == Cardinality::OneToOne {
            let names: Vec<&str> = self.matching.labels.iter().map(String::as_str).collect();
            labels = if self.matching.on { labels.only(&names) } else { labels.without(&names) };
        }
        if self.matching.include.is_empty() {
            return labels;
        }
        let mut builder = labels.to_builder();
        for name in &self.matching.include {
            builder.set(name, one.value(name));
        }
        builder.build()
    }
}
