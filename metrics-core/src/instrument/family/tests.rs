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
    let mut members = Members { by_hash: HashMap::default(), collided: Vec::new() };
    for value in ["x", "y", "z"] {
        members.insert(7, Arc::new(Member::new(&[value], value.to_owned(), None)));
    }
    for value in ["x", "y", "z"] {
        assert_eq!(members.find(7, &[value]).unwrap().instrument, value);
    }
    assert!(members.find(7, &["w"]).is_none());
    assert_eq!(members.len(), 3);
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
    std::thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| (0..200).for_each(|i| f.get([&i.to_string()]).inc()));
            s.spawn(|| (0..200).for_each(|i| f.inc([&i.to_string()])));
        }
    });
    assert_eq!(f.len(), 200);
    assert_eq!(f.get(["7"]).value(), 8.0);
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
        (0..MEMORY + 100).for_each(|i| f.inc([&i.to_string()]));
    }
    assert!(
        f.read().iter().all(|m| matches!(m.value, crate::family::MetricValue::Counter { total: 2.0, .. }))
    );
    assert_eq!(f.len(), MEMORY + 100);
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

proptest::proptest! {
    #[test]
    fn short_texts_are_compared_as_any(mut a in proptest::collection::vec(0u8..3, 0..20), change in 0usize..20) {
        let b = a.clone();
        proptest::prop_assert!(same(&a, &b));
        if let Some(byte) = a.get_mut(change) {
            *byte ^= 0x80;
            proptest::prop_assert!(!same(&a, &b));
            proptest::prop_assert_ne!(mix_text(1, &a), mix_text(1, &b));
        }
    }
}
