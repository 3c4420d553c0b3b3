//! The value of a `Content-Type` header.

/// A media type with its parameters, as RFC 2045 writes them.
#[derive(Debug)]
pub(super) struct MediaType {
    /// In lower case.
    pub(super) name: String,
    /// Names in lower case, values without quotes.
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// `None` if the text breaks the grammar or gives a parameter two values.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        let name = name.trim().to_ascii_lowercase();
        let is_valid = match name.split_once('/') {
            Some((kind, subtype)) => is_token(kind) && is_token(subtype),
            None => is_token(&name),
        };
        if !is_valid {
            return None;
        }
        let mut found = Self { name, parameters: Vec::new() };
        loop {
            rest = rest.trim_start();
            if rest.is_empty() || rest == ";" {
                return Some(found);
            }
            let (name, value, behind) = parameter(rest.strip_prefix(';')?.trim_start())?;
            rest = behind;
            match found.parameter(&name) {
                Some(earlier) if earlier != value => return None,
                Some(_) => {}
                None => found.parameters.push((name, value)),
            }
        }
    }

    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// `name=value` or `name="value"` at the front, and what is behind.
fn parameter(text: &str) -> Option<(String, String, &str)> {
    let (name, rest) = token(text)?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = match rest.strip_prefix('"') {
        None => token(rest).map(|(value, rest)| (value.to_owned(), rest))?,
        Some(inside) => quoted(inside)?,
    };
    Some((name.to_ascii_lowercase(), value, rest))
}

fn quoted(inside: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| !is_token_byte(b)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

fn is_token_byte(b: u8) -> bool {
    b.is_ascii_graphic() && !br#"()<>@,;:\"/[]?="#.contains(&b)
}
