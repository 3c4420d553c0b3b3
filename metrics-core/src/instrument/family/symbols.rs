//! Label values, each kept once.

use super::hash::{mix_text, same};
use super::table::Table;

/// Texts behind each other, each with a number.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    texts: String,
    /// Where each text ends; the next one starts there.
    ends: Vec<usize>,
    table: Table,
}

impl Symbols {
    /// The text's number; a new one if it has none yet.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        let hash = hash(text);
        let found = self.table.find(hash, |number| same(self.text(number).as_bytes(), text.as_bytes()));
        found.unwrap_or_else(|| {
            let number = u32::try_from(self.ends.len()).expect("memory ends before the numbers of texts do");
            self.texts.push_str(text);
            self.ends.push(self.texts.len());
            let Self { texts, ends, table } = self;
            table.insert(hash, number, |number| self::hash(nth(texts, ends, number)));
            number
        })
    }

    /// The text of a number.
    #[inline]
    pub(super) fn text(&self, number: u32) -> &str {
        nth(&self.texts, &self.ends, number)
    }
}

fn nth<'a>(texts: &'a str, ends: &[usize], number: u32) -> &'a str {
    let number = number as usize;
    let start = number.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(number).and_then(|end| texts.get(start..*end)).unwrap_or_default()
}

fn hash(text: &str) -> u64 {
    mix_text(0, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number() {
        let mut symbols = Symbols::default();
        let texts: Vec<String> = (0..1000).map(|n| "ä".repeat(n % 20) + &n.to_string()).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| symbols.number(text)).collect();
        assert_eq!(symbols.number(""), 1000);
        for (text, number) in texts.iter().zip(numbers) {
            assert_eq!((symbols.number(text), symbols.text(number)), (number, text.as_str()));
        }
        assert_eq!((symbols.number("new"), symbols.text(1000)), (1001, ""));
    }
}
