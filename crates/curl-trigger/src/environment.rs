//! The environment variables of the program.

/// The environment as pairs of name and value. Only the modules `plan` and `idempotency` read it.
///
/// | variable | meaning |
/// |---|---|
/// | `TRIGGER_URL` | the URL, if the arguments have none |
/// | `ADMIN_SECRET`, `ADMIN_SECRET_FILE` | sent as `X-Admin-Secret` |
/// | `INTERNAL_TOKEN`, `INTERNAL_TOKEN_FILE` | sent as `X-Internal-Token` |
/// | `BEARER_TOKEN`, `BEARER_TOKEN_FILE` | sent as `Authorization: Bearer` |
/// | `TRIGGER_NAME` | the name in the outcome line |
/// | `JOB_NAME`, `POD_NAME`, `HOSTNAME`, `JOB_COMPLETION_INDEX` | sources of the Idempotency-Key |
/// | `KUBERNETES_SERVICE_HOST` | if set, `HOSTNAME` is a pod's name |
/// | `TERMINATION_MESSAGE_PATH` | a file for the outcome line |
/// | `CURL_CA_BUNDLE`, `SSL_CERT_FILE` | the CA file without `--cacert` |
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

    /// The value of a variable that is set and not empty.
    pub fn non_empty(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}
