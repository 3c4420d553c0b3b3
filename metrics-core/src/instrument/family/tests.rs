use super::*;

type Plain<const N: usize> = Family<[&'static str; N], Counter>;

#[test]
fn members_are_told_apart_by_all_values() {
    let f: Plain<2> = Family::new(["a", "b"], Counter::new);
    f.get(["ab", "c"]).add(1);
    f.add(["a", "bc"], 2);
    f.get(["", "abc"]).add(4);
    f.inc(["a", "bc"]);
    assert_eq!(f.len(), 3);
    assert_eq!(f.get(["a", "bc"]).value(), 3.0);
    let mut shown: Vec<String> = f.read().iter().map(|m| m.labels.to_string()).collect();
    shown.sort();
    assert_eq!(shown, [r#"{a="a", b="bc"}"#, r#"{a="ab", b="c"}"#, r#"{b="abc"}"#]);
}

#[test]
fn members_whose_hashes_collide_are_kept_apart() {
    let mut members = Members::new(1, 0, LabelLimits::default());
    let numbered = |n: f64| {
        let gauge = Gauge::new();
        gauge.set(n);
        Fresh { instrument: gauge, created: None }
    };
    for (n, value) in ["x", "y", "z"].iter().enumerate() {
        members.insert(7, &[*value], numbered(n as f64));
    }
    let found = ["x", "y", "z", "w"].map(|value| members.find(7, &[value]).map(|gauge| gauge.value()));
    assert_eq!(found, [Some(0.0), Some(1.0), Some(2.0), None]);
    assert!(members.remove(7, &["y"]) && !members.remove(7, &["w"]));
    assert_eq!((members.len(), members.find(7, &["z"]).map(|gauge| gauge.value())), (2, Some(2.0)));
}

#[test]
fn members_come_and_go_by_the_thousand() {
    let f: Plain<2> = Family::new(["round", "n"], Counter::new);
    f.add(["stays", "0"], 7);
    for round in 0..5 {
        let round = round.to_string();
        for n in 0..2000 {
            f.add([&round, &n.to_string()], n);
        }
        assert_eq!((f.len(), f.get([&round, "1999"]).value()), (2001, 1999.0));
        for n in 0..2000 {
            assert!(f.remove([&round, &n.to_string()]));
        }
    }
    assert_eq!((f.len(), f.get(["stays", "0"]).value()), (1, 7.0));
}

#[test]
fn a_removed_member_starts_anew_in_every_thread() {
    let f: Plain<1> = Family::new(["a"], Counter::new);
    let old = f.get(["x"]);
    f.inc(["x"]);
    std::thread::scope(|s| {
        s.spawn(|| f.inc(["x"])).join().unwrap();
        assert!(f.remove(["x"]));
        assert!(!f.remove(["x"]));
        old.inc();
        // Both threads remembered the old member.
        s.spawn(|| f.inc(["x"])).join().unwrap();
    });
    f.inc(["x"]);
    assert_eq!((old.value(), f.get(["x"]).value()), (3.0, 2.0));
    f.clear();
    assert!(f.is_empty());
}

#[test]
fn threads_that_race_get_the_same_member() {
    let f: Plain<1> = Family::new(["n"], Counter::new);
    let (threads, members) = if cfg!(miri) { (2, 10) } else { (8, 200) };
    std::thread::scope(|s| {
        for _ in 0..threads / 2 {
            s.spawn(|| (0..members).for_each(|i| f.get([&i.to_string()]).inc()));
            s.spawn(|| (0..members).for_each(|i| f.inc([&i.to_string()])));
        }
    });
    assert_eq!(f.len(), members);
    assert_eq!(f.get(["7"]).value(), f64::from(threads));
}

#[test]
fn no_user_code_runs_under_a_lock() {
    let seen: Arc<OnceLock<Plain<1>>> = Arc::default();
    let inside = Arc::clone(&seen);
    let f = Family::new(["a"], move || {
        if let Some(family) = inside.get() {
            family.len();
        }
        Counter::new()
    });
    seen.set(f.clone()).unwrap();
    f.with(["x"], |x| {
        x.inc();
        f.with(["x"], Counter::inc);
        f.inc(["y"]);
        f.remove(["y"]);
        f.clear();
    });
    f.inc(["x"]);
    assert_eq!(f.get(["x"]).value(), 1.0);
}

#[test]
fn more_members_than_are_remembered() {
    let f: Plain<1> = Family::new(["n"], Counter::new);
    for _ in 0..2 {
        (0..remembered::MOST + 100).for_each(|i| f.inc([&i.to_string()]));
    }
    assert!(
        f.read().iter().all(|m| matches!(m.value, crate::family::MetricValue::Counter { total: 2.0, .. }))
    );
    assert_eq!(f.len(), remembered::MOST + 100);
}

#[test]
fn members_beyond_the_limit_share_one() {
    let f: Plain<2> = Family::new(["a", "b"], Counter::new).max_members(1);
    f.inc(["x", "y"]);
    f.inc(["x", "z"]);
    f.get(["u", "v"]).inc();
    f.inc(["x", "y"]);
    let mut shown: Vec<String> = f.read().iter().map(|m| format!("{} {:?}", m.labels, m.value)).collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            r#"{a="overflow", b="overflow"} Counter { total: 2.0, exemplar: None }"#,
            r#"{a="x", b="y"} Counter { total: 2.0, exemplar: None }"#,
        ]
    );
    let shared = f.clone();
    assert_eq!(f.max_members(5).len(), 0, "a family that others know is not changed under them");
    assert_eq!(shared.len(), 1);
}

#[test]
fn members_that_come_between_scrapes_are_shown_in_order() {
    let f: Plain<1> = Family::new(["n"], Counter::new);
    let shown = || f.read().iter().map(|m| m.labels.value("n").to_owned()).collect::<Vec<_>>();
    ["b", "d"].iter().for_each(|n| f.inc([n]));
    assert_eq!(shown(), ["b", "d"]);
    ["c", "a"].iter().for_each(|n| f.inc([n]));
    assert_eq!(shown(), ["a", "b", "c", "d"]);
    f.remove(["b"]);
    assert_eq!(shown(), ["a", "c", "d"]);
}

#[test]
fn values_beyond_a_labels_limit_share_one() {
    let f: Plain<2> = Family::new(["a", "b"], Counter::new);
    let f = f.limit_label("b", LabelLimit::new(2).overflow("other")).limit_label("none", LabelLimit::new(0));
    for (a, b) in [("1", "x"), ("1", "y"), ("1", "z"), ("2", "z"), ("2", "x"), ("1", "other"), ("1", "x")] {
        f.inc([a, b]);
    }
    let shown = || f.read().iter().map(|m| format!("{} {:?}", m.labels, m.value)).collect::<Vec<_>>();
    let total = |n: f64| format!("Counter {{ total: {n:?}, exemplar: None }}");
    assert_eq!(
        shown(),
        [
            format!(r#"{{a="1", b="other"}} {}"#, total(2.0)),
            format!(r#"{{a="1", b="x"}} {}"#, total(2.0)),
            format!(r#"{{a="1", b="y"}} {}"#, total(1.0)),
            format!(r#"{{a="2", b="other"}} {}"#, total(1.0)),
            format!(r#"{{a="2", b="x"}} {}"#, total(1.0)),
        ]
    );
    assert_eq!(f.refused(), 2);
    // The last member of a value gives its place free.
    assert!(f.remove(["1", "y"]));
    f.inc(["1", "z"]);
    assert!(f.remove(["1", "x"]));
    f.inc(["1", "w"]);
    assert_eq!(f.refused(), 3);
    assert!(shown().iter().any(|line| line.starts_with(r#"{a="1", b="z"}"#)));
    f.clear();
    f.inc(["1", "w"]);
    assert_eq!((f.len(), f.refused()), (1, 3));
}

#[test]
fn threads_that_race_for_the_last_place_keep_the_limit() {
    let f: Plain<1> = Family::new(["n"], Counter::new);
    let f = f.limit_label("n", LabelLimit::new(50));
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| (0..200).for_each(|i| f.inc([&i.to_string()])));
        }
    });
    assert_eq!(f.len(), 51);
    let all = f.read();
    let totals = all.iter().map(|m| match m.value {
        crate::family::MetricValue::Counter { total, .. } => total,
        _ => 0.0,
    });
    assert_eq!(totals.sum::<f64>(), 800.0);
}

#[test]
fn settings_of_a_shared_family_go_on_in_the_new_one() {
    let f: Plain<1> = Family::new(["n"], Counter::new);
    let shared = f.limit_label("n", LabelLimit::new(1)).max_members(1);
    shared.inc(["x"]);
    let f = shared.clone().expire_after(Duration::from_secs(1));
    f.inc(["x"]);
    f.inc(["y"]);
    assert_eq!((f.len(), f.refused(), shared.len()), (1, 2, 1));
    assert_eq!(f.get(["overflow"]).value(), 1.0);
}

#[test]
fn members_that_show_the_same_for_long_are_forgotten() {
    use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
    static NOW: AtomicI64 = AtomicI64::new(0);
    let f: Plain<1> = Family::new(["n"], Counter::new);
    let f = f.expire_after(Duration::from_secs(10)).max_members(2);
    f.use_clock(|| NOW.load(Relaxed));
    let shown = || f.read().iter().map(|m| m.labels.value("n").to_owned()).collect::<Vec<_>>();
    ["a", "b", "c"].iter().for_each(|n| f.inc([n]));
    assert_eq!(shown(), ["a", "b", "overflow"]);
    NOW.store(9_999, Relaxed);
    f.inc(["b"]);
    assert_eq!(shown(), ["a", "b", "overflow"]);
    NOW.store(10_000, Relaxed);
    assert_eq!(shown(), ["b", "overflow"]);
    assert_eq!(shown(), ["b", "overflow"]);
    // Who comes back begins anew, also where a thread remembered it.
    f.inc(["a"]);
    assert_eq!(f.get(["a"]).value(), 1.0);
    assert_eq!(shown(), ["a", "b", "overflow"]);
}
