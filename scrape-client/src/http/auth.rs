//! Credentials and headers of requests.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::HttpError;
use crate::config::{HttpClientConfig, Secret};

/// Adds the credentials and headers of a configuration; files are read now.
pub(super) fn add_headers(headers: &mut HeaderMap, config: &HttpClientConfig) -> Result<(), HttpError> {
    if let Some(auth) = &config.basic_auth {
        let user = read(&auth.username, "basic auth username")?;
        let password = read(&auth.password, "basic auth password")?;
        let credentials = STANDARD.encode(format!("{user}:{password}"));
        headers.insert(AUTHORIZATION, value("Authorization", &format!("Basic {credentials}"))?);
    }
    if let Some(auth) = &config.authorization {
        let credentials = read(&auth.credentials, "authorization credentials")?;
        headers.insert(AUTHORIZATION, value("Authorization", &format!("{} {credentials}", auth.scheme))?);
    }
    for header in &config.headers {
        let name: HeaderName = header.name.parse().map_err(|_| HttpError::Header(header.name.clone()))?;
        for secret in &header.values {
            headers.append(name.clone(), value(&header.name, &read(secret, "http header")?)?);
        }
    }
    Ok(())
}

fn read(secret: &Secret, what: &'static str) -> Result<String, HttpError> {
    secret.read().map_err(|source| HttpError::Read { what, source })
}

/// A header's value, marked so that it is not shown.
fn value(name: &str, text: &str) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| HttpError::Header(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}
