//! The credential of requests.

use common::auth::{ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER, READ_TOKEN_HEADER};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::outcome::Outcome;

/// A credential, and the headers that can have it.
pub(super) struct Token {
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Token {
    /// A credential whose kind is not known. trigger-api uses the valid one of several headers.
    pub(super) fn of_unknown_kind(secret: &SecretString) -> Result<Self, Failure> {
        let secret = first_line(secret);
        if is_jwt(secret) {
            return Ok(Self { headers: vec![(AUTHORIZATION, header(&format!("Bearer {secret}"))?)] });
        }
        let headers = [ADMIN_SECRET_HEADER, INTERNAL_TOKEN_HEADER, READ_TOKEN_HEADER];
        let headers = headers.map(|name| Ok((HeaderName::from_static(name), header(secret)?)));
        Ok(Self { headers: headers.into_iter().collect::<Result<_, Failure>>()? })
    }

    /// The credential of the release with the most rights that may be read; None if none may be, or the release has none.
    pub(super) async fn of_release(cluster: &Cluster) -> Result<Option<Self>, Failure> {
        for (volume, name) in [
            ("admin-secret", ADMIN_SECRET_HEADER),
            ("token", INTERNAL_TOKEN_HEADER),
            ("read-token", READ_TOKEN_HEADER),
        ] {
            if let Some(secret) = cluster.mounted_secret(volume).await? {
                let value = header(first_line(&secret))?;
                return Ok(Some(Self { headers: vec![(HeaderName::from_static(name), value)] }));
            }
        }
        Ok(None)
    }

    pub(super) fn add_to(&self, request: RequestBuilder) -> RequestBuilder {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}

/// A secret that is being rotated has several lines.
fn first_line(secret: &SecretString) -> &str {
    secret.expose_secret().lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

/// Three parts of base64url, of which the first one is a JSON object.
fn is_jwt(secret: &str) -> bool {
    secret.starts_with("eyJ") && secret.split('.').count() == 3
}

fn header(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        Failure::new(
            Outcome::Usage,
            "TRADEOPS_TOKEN, or the Secret of the release, contains a character that an HTTP header can't contain",
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(secret: &str) -> Vec<String> {
        let token = Token::of_unknown_kind(&secret.into()).expect("it can be sent");
        token.headers.iter().map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn a_secret_is_sent_in_every_header_and_a_jwt_only_as_a_bearer_token() {
        assert_eq!(names("\nsecret\nolder\n"), ["x-admin-secret", "x-internal-token", "x-read-token"]);
        assert_eq!(names("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln"), ["authorization"]);
        let error = Token::of_unknown_kind(&"a\u{7}b".into()).err().expect("it can't be sent").to_string();
        assert!(!error.contains('\u{7}'), "{error}");
    }
}
