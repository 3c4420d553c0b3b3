//! Runs query scripts.

mod check;
mod nhcb;
mod script;
mod store;

use promql::parser::ParserOptions;
use promql::{Engine, Options};

/// What a script came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) agree: usize,
    pub(crate) total: usize,
    /// `line: what is wrong`
    pub(crate) failures: Vec<String>,
}

/// Runs a script from beginning to end.
pub(crate) fn run(text: &str) -> Tally {
    let mut options = Options::default();
    options.parser = ParserOptions::all();
    options.delayed_name_removal = true;
    options.use_start_timestamps = true;
    let engine = Engine::new(options);
    let mut store = store::ScriptStore::default();
    let mut tally = Tally::default();
    for command in script::parse_script(text) {
        match command {
            script::Command::Clear => store.clear(),
            script::Command::Load(series) => {
                series.into_iter().for_each(|(labels, samples)| store.load(labels, samples));
            }
            script::Command::Eval(eval) => {
                tally.total += 1;
                match check::check(&eval, &engine, &store) {
                    Ok(()) => tally.agree += 1,
                    Err(why) => tally.failures.push(format!("{}: {}\n    {why}", eval.line, eval.query)),
                }
            }
        }
    }
    tally
}
