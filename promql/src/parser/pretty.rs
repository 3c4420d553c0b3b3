//! From syntax tree to text that people read: what does not fit on a line is split, two spaces per level.

use super::ast::Expr;
use super::print::{Heading, Operator, SubquerySuffix};

/// Lines longer than this are split.
const WIDTH: usize = 100;

/// The query over several lines where one is too narrow, as the original's `format_query` answers.
///
/// ```
/// let query = promql::parser::parse("sum by(job)(rate(up[5m]))").unwrap();
/// assert_eq!(promql::parser::pretty(&query), "sum by (job) (rate(up[5m]))");
/// ```
pub fn pretty(expr: &Expr) -> String {
    pretty_within(expr, WIDTH)
}

/// As [`pretty`], for lines of another width.
pub fn pretty_within(expr: &Expr, width: usize) -> String {
    let mut printer = Printer { width, out: String::new() };
    printer.expr(expr, 0, true);
    printer.out
}

struct Printer {
    width: usize,
    out: String,
}

impl Printer {
    /// Writes an expression at a level; `indented`: its first line, too, is indented.
    fn expr(&mut self, expr: &Expr, level: usize, indented: bool) {
        let line = expr.to_string();
        let fits = line.len() <= self.width;
        match expr {
            Expr::Binary(e) if !fits => {
                // Both sides stand one level deeper than the operator.
                self.expr(&e.lhs, level + 1, true);
                self.out.push('\n');
                self.indent(level);
                self.out.push_str(&Operator(e).to_string());
                self.out.push('\n');
                self.expr(&e.rhs, level + 1, true);
                return;
            }
            Expr::Subquery(e) if !fits => {
                self.expr(&e.expr, level, indented);
                self.out.push_str(&SubquerySuffix(e).to_string());
                return;
            }
            // As the original, which forgets the indentation here.
            Expr::Subquery(_) => {
                self.out.push_str(&line);
                return;
            }
            _ => {}
        }
        if indented {
            self.indent(level);
        }
        match expr {
            Expr::Unary(e) => {
                self.out.push_str(e.op.as_str());
                let at = self.out.len();
                self.expr(&e.expr, level, true);
                // The sign stands where the operand's indentation was.
                let operand = self.out.split_off(at);
                self.out.push_str(operand.trim());
            }
            Expr::Aggregate(e) if !fits => {
                self.out.push_str(&Heading(e).to_string());
                self.out.push_str("(\n");
                if let Some(param) = &e.param {
                    self.expr(param, level + 1, true);
                    self.out.push_str(",\n");
                }
                self.expr(&e.expr, level + 1, true);
                self.close(level);
            }
            Expr::Call(e) if !fits => {
                self.out.push_str(e.function.name);
                self.out.push_str("(\n");
                for (i, arg) in e.args.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(",\n");
                    }
                    self.expr(arg, level + 1, true);
                }
                self.close(level);
            }
            Expr::Paren(e) if !fits => {
                self.out.push_str("(\n");
                self.expr(&e.expr, level + 1, true);
                self.close(level);
            }
            _ => self.out.push_str(&line),
        }
    }

    fn close(&mut self, level: usize) {
        self.out.push('\n');
        self.indent(level);
        self.out.push(')');
    }

    fn indent(&mut self, level: usize) {
        for _ in 0..level {
            self.out.push_str("  ");
        }
    }
}
