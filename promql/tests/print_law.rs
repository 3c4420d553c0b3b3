//! Printing a tree and parsing the text again gives the same tree, and no text whatever makes the parser fail
//! otherwise than with an error.

use metrics_core::MemStore;
use promql::parser::{ParserOptions, pretty};
use promql::{Engine, Options};
use proptest::prelude::*;

/// Expressions of every shape, as people might write them.
fn expressions() -> impl Strategy<Value = String> {
    let name =
        prop::sample::select(vec!["up", "a:b", "sum", "offset", "fill", "start", "by", "anchored", "nan_x"]);
    let label = prop::sample::select(vec!["job", "on", "\"my.label\"", "bool", "'ü'"]);
    let value = prop::sample::select(vec!["\"x\"", "'it\\'s'", "`raw\\`", "\"\\u00e9\\n\"", "\".+\""]);
    let op = prop::sample::select(vec!["=", "!=", "=~", "!~"]);
    let matcher = (label.clone(), op, value).prop_map(|(l, o, v)| format!("{l}{o}{v}"));
    let matchers = prop::collection::vec(matcher, 0..3).prop_map(|m| match m.as_slice() {
        [] => String::new(),
        m => format!("{{{}}}", m.join(", ")),
    });
    let length = prop::sample::select(vec![
        "5m",
        "1h30m",
        "90",
        "step()",
        "2 * range()",
        "(5m + step())",
        "-(1h) + 2h",
        "max_of(1m, step())",
        "1d ^ 1",
    ]);
    let modifier = prop_oneof![
        Just(String::new()),
        length.clone().prop_map(|l| format!(" offset {l}")),
        Just(" offset -7m".to_owned()),
        Just(" @ 1609746000.5".to_owned()),
        Just(" @ start()".to_owned()),
        Just(" @ end() offset 3s".to_owned()),
    ];
    let selector = (name.clone(), matchers, modifier.clone()).prop_map(|(n, m, o)| format!("{n}{m}{o}"));
    let number =
        prop::sample::select(vec!["1", "0x1f", ".5", "1e-7", "Inf", "NaN", "010", "1_000", "5m", "-3"]);
    let leaf = prop_oneof![
        4 => selector,
        1 => number.clone().prop_map(|n| format!("vector({n})")),
        1 => (name, length.clone(), modifier).prop_map(|(n, l, o)| format!("rate({n}[{l}]{o})")),
    ];
    leaf.prop_recursive(5, 40, 3, move |inner| {
        let binary = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "^",
            "atan2",
            "==",
            "> bool",
            "and",
            "or",
            "unless",
            "</",
            ">/",
            "+ on(job) group_left(x)",
            "/ ignoring() group_right",
            "- on() fill(0)",
            "- fill_left(1) fill_right(-2)",
            "and on(job)",
        ]);
        let grouping = prop::sample::select(vec!["", "by (job) ", "without (\"a.b\", job,) "]);
        let aggregate =
            prop::sample::select(vec!["sum", "avg", "topk", "quantile", "limitk", "count_values"]);
        prop_oneof![
            (inner.clone(), binary, inner.clone()).prop_map(|(l, o, r)| format!("({l}) {o} ({r})")),
            (aggregate, grouping, inner.clone()).prop_map(|(a, g, e)| match a {
                "topk" | "quantile" | "limitk" => format!("{a} {g}(1, {e})"),
                "count_values" => format!("{a} {g}(\"v\", {e})"),
                _ => format!("{a} {g}({e})"),
            }),
            (inner.clone(), length.clone(), prop::option::of(length.clone()))
                .prop_map(|(e, r, s)| format!("max_over_time(({e})[{r}:{}])", s.unwrap_or_default())),
            inner.clone().prop_map(|e| format!("-{e}")),
            inner.clone().prop_map(|e| format!("(({e}))")),
            (inner.clone(), number.clone()).prop_map(|(e, n)| format!("{e} # why\n * {n}")),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same(query in expressions()) {
        let options = ParserOptions::all();
        // Not every combination is a query: types may not fit. Those that are must survive.
        if let Ok(expr) = options.parse(&query) {
            for text in [expr.to_string(), pretty(&expr)] {
                let again = options.parse(&text);
                prop_assert!(again.is_ok(), "{query} printed as {text}: {:?}", again);
                prop_assert_eq!(again.unwrap().to_string(), expr.to_string());
            }
        }
    }

    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC{0,60}") {
        let _ = ParserOptions::all().parse(&text);
    }

    #[test]
    fn any_mixture_of_words_is_parsed_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "sum", "(", ")", "{", "}", "[", "]", ":", "5m", "1", "a", "\"s\"", "=", "=~", "by", "on", "offset", "@",
            "-", "+", "^", "start", "step", "fill", ",", "bool", "and", "`", "'", "\\", "#", "\n", "_", "x", "{{", "}}",
        ]), 0..20)
    ) {
        let text = words.join(" ");
        let _ = ParserOptions::all().parse(&text);
        let _ = promql::parser::parse_series(&text);
        let _ = promql::parser::parse_selector(&text);
    }
}

#[test]
fn deep_queries_are_refused_not_crashed_on() {
    for (open, close) in
        [("(", ")"), ("-", ""), ("sum(", ")"), ("1 ^ ", "1"), ("a[", "]"), ("a offset -(", ")")]
    {
        let query = format!("{}{}{}", open.repeat(100_000), "a", close.repeat(100_000));
        assert!(ParserOptions::all().parse(&query).is_err());
    }
    let chain = vec!["a"; 100_000].join(" + ");
    assert!(ParserOptions::all().parse(&chain).unwrap_err().message().contains("nested deeper"));
}

#[test]
fn queries_as_deep_as_allowed_are_evaluated() {
    let engine = Engine::new(Options::default());
    let store = MemStore::default();
    let nested = format!("{}vector(1){}", "abs(-(".repeat(41), "))".repeat(41));
    let grouped = format!("{}vector(1){}", "sum(max_over_time(".repeat(41), "[1m:]))".repeat(41));
    for query in [nested, grouped] {
        engine.instant(&store, &query, 0).expect("an answer");
    }
}

#[test]
fn long_chains_of_operators_are_queries_like_all_others() {
    let engine = Engine::new(Options::default());
    let store = MemStore::default();
    for (operand, operator) in
        [("absent(a)", " or "), ("vector(1)", " + "), ("vector(1)", " and "), ("1", " * ")]
    {
        let chain = vec![operand; 1001].join(operator);
        let tree = ParserOptions::default().parse(&chain).expect("a query");
        assert_eq!(tree.height(), if operand == "1" { 1001 } else { 1002 });
        assert_eq!(tree.to_string(), chain);
        assert_eq!(
            ParserOptions::default().parse(&promql::parser::pretty(&tree)).expect("a query").to_string(),
            chain
        );
        engine.instant(&store, &chain, 0).expect("an answer");
        engine.range(&store, &chain, 0, 60_000, 15_000).expect("an answer");
    }
}
