//! Who may ask, by name and password.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::Mutex;

/// How many outcomes are remembered.
const REMEMBERED: usize = 100;

/// Compared with the passwords of unknown users, so that they take as long as known ones.
const NOBODY: &str = "$2y$10$CgzHRRjvkFnmNkvxkT5tAeC5WQtWKqx1CpEI2LmjxhfaDw3qlYgqa";

/// Outcomes of comparisons, which take a tenth of a second each and are asked for with every request.
#[derive(Debug, Clone, Default)]
pub(super) struct Users(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    outcomes: Mutex<HashMap<Attempt, bool>>,
    /// Held while comparing: one at a time, lest guesses take all of the machine.
    comparing: Mutex<()>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Attempt {
    user: String,
    hash: String,
    password: String,
}

impl Users {
    /// Whether the headers hold the name and password of one of these users.
    pub(super) async fn admit(&self, headers: &HeaderMap, users: &BTreeMap<String, String>) -> bool {
        let Some((user, password)) = credentials(headers) else { return false };
        let known = users.get(&user);
        let hash = known.map_or(NOBODY, String::as_str).to_owned();
        let attempt = Attempt { user, hash, password };
        let remembered = self.0.outcomes.lock().get(&attempt).copied();
        let right = match remembered {
            Some(right) => right,
            None => {
                let shared = Arc::clone(&self.0);
                tokio::task::spawn_blocking(move || shared.compare(attempt)).await.unwrap_or(false)
            }
        };
        right && known.is_some()
    }
}

impl Shared {
    fn compare(&self, attempt: Attempt) -> bool {
        let right = {
            let _one_at_a_time = self.comparing.lock();
            bcrypt::verify(&attempt.password, &attempt.hash).unwrap_or(false)
        };
        let mut outcomes = self.outcomes.lock();
        if outcomes.len() >= REMEMBERED
            && let Some(any) = outcomes.keys().next().cloned()
        {
            outcomes.remove(&any);
        }
        outcomes.insert(attempt, right);
        right
    }
}

/// Name and password of a request. Source: RFC 7617.
fn credentials(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `dave123` and a cost that does not take long.
    fn dave() -> BTreeMap<String, String> {
        BTreeMap::from([("dave".to_owned(), bcrypt::hash("dave123", 4).unwrap())])
    }

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    fn basic(credentials: &str) -> HeaderMap {
        headers(&format!("Basic {}", STANDARD.encode(credentials)))
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user() {
        let (users, known) = (Users::default(), dave());
        for _ in 0..2 {
            assert!(users.admit(&basic("dave:dave123"), &known).await);
            assert!(!users.admit(&basic("dave:dave12"), &known).await);
            assert!(!users.admit(&basic("carol:dave123"), &known).await);
        }
        assert_eq!(users.0.outcomes.lock().len(), 3);
        // A new password counts at once.
        let changed = BTreeMap::from([("dave".to_owned(), bcrypt::hash("new", 4).unwrap())]);
        assert!(!users.admit(&basic("dave:dave123"), &changed).await);
        for odd in ["Bearer x", "Basic", "Basic ???", "Basic ZGF2ZQ=="] {
            assert!(!users.admit(&headers(odd), &known).await, "{odd}");
        }
        assert!(!users.admit(&HeaderMap::new(), &known).await);
    }

    #[test]
    fn nobody_has_a_password_that_can_be_compared() {
        assert!(!bcrypt::verify("", NOBODY).unwrap());
    }

    #[test]
    fn little_is_remembered() {
        let shared = Shared::default();
        let hash = bcrypt::hash("x", 4).unwrap();
        for n in 0..REMEMBERED + 20 {
            shared.compare(Attempt { user: n.to_string(), hash: hash.clone(), password: String::new() });
        }
        assert_eq!(shared.outcomes.lock().len(), REMEMBERED);
    }
}
