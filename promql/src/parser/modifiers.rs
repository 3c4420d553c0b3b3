//! What may stand behind a binary operator: `bool`, how series are matched, and what fills gaps.

use super::ast::{Cardinality, Matching, Sign};
use super::cursor::{Parsed, Parser};
use super::token::Kind;

impl Parser<'_> {
    pub(super) fn modifiers(&mut self) -> Parsed<(bool, Matching)> {
        let return_bool = self.eat(Kind::Bool)?.is_some();
        let mut matching = Matching::default();
        if matches!(self.peek()?.kind, Kind::On | Kind::Ignoring) {
            matching.on = self.take()?.kind == Kind::On;
            matching.labels = self.grouping_labels()?;
            let side = match self.peek()?.kind {
                Kind::GroupLeft => Some(Cardinality::ManyToOne),
                Kind::GroupRight => Some(Cardinality::OneToMany),
                _ => None,
            };
            if let Some(cardinality) = side {
                self.take()?;
                matching.cardinality = cardinality;
                if self.next_is(Kind::LeftParen)? {
                    matching.include = self.grouping_labels()?;
                }
            }
        }
        self.fill(&mut matching)?;
        Ok((return_bool, matching))
    }

    /// `fill(v)`, or `fill_left(v)` and `fill_right(v)` in any order, each at most once.
    fn fill(&mut self, matching: &mut Matching) -> Parsed<()> {
        if self.eat(Kind::Fill)?.is_some() {
            let value = self.fill_value()?;
            matching.fill_left = Some(value);
            matching.fill_right = Some(value);
            return Ok(());
        }
        loop {
            match self.peek()?.kind {
                Kind::FillLeft if matching.fill_left.is_none() => {
                    self.take()?;
                    matching.fill_left = Some(self.fill_value()?);
                }
                Kind::FillRight if matching.fill_right.is_none() => {
                    self.take()?;
                    matching.fill_right = Some(self.fill_value()?);
                }
                _ => return Ok(()),
            }
        }
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.expect(Kind::LeftParen)?;
        let sign = self.eat_sign()?;
        let number = self.number_literal()?;
        self.expect(Kind::RightParen)?;
        Ok(match sign {
            Some((Sign::Minus, _)) => -number.value,
            _ => number.value,
        })
    }
}
