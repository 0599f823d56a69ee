//! Every environment variable the program reads.

/// The environment, handed in as pairs. Read in [`crate::plan`] and [`crate::idempotency`] alone.
///
/// | variable | means |
/// |---|---|
/// | `TRIGGER_URL` | what to call when the arguments name no URL |
/// | `ADMIN_SECRET`, `ADMIN_SECRET_FILE` | sent as `X-Admin-Secret` |
/// | `INTERNAL_TOKEN`, `INTERNAL_TOKEN_FILE` | sent as `X-Internal-Token` |
/// | `BEARER_TOKEN`, `BEARER_TOKEN_FILE` | sent as `Authorization: Bearer` |
/// | `TRIGGER_NAME` | the name in the outcome line |
/// | `JOB_NAME`, `POD_NAME`, `HOSTNAME`, `JOB_COMPLETION_INDEX` | whence the Idempotency-Key |
/// | `KUBERNETES_SERVICE_HOST` | tells that `HOSTNAME` is a pod's name |
/// | `TERMINATION_MESSAGE_PATH` | where the outcome line is written too |
/// | `CURL_CA_BUNDLE`, `SSL_CERT_FILE` | CA file when `--cacert` is absent |
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    variables: &'a [(&'a str, &'a str)],
}

impl<'a> Environment<'a> {
    /// The environment with these variables.
    pub fn new(variables: &'a [(&'a str, &'a str)]) -> Self {
        Self { variables }
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The same, an empty value counting as none.
    pub fn filled(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}
