//! A real Kubernetes cluster: that of `KUBECONFIG`, else one that `scripts/cluster.sh` starts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace as NamespaceObject, Node, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use crate::postgres::unique_number;

/// The label of the namespaces of tests.
const LABEL: &str = "tradeops.dev/test";

/// A cluster, with an administrator's access.
#[derive(Debug)]
pub struct Cluster {
    kubeconfig: PathBuf,
    kubectl: PathBuf,
}

/// A namespace of one test. It is deleted with the test. When the test fails, its objects are printed first.
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// An administrator's client.
    pub client: Client,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// The cluster that the tests of this process share.
    ///
    /// # Panics
    /// When there is no cluster and none can be started. The message contains what to do.
    pub fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::find)
    }

    fn find() -> Self {
        #[expect(clippy::disallowed_methods, reason = "kubectl and all clients read this variable")]
        let given = std::env::var_os("KUBECONFIG").filter(|path| !path.is_empty());
        if let Some(path) = given {
            return Self { kubeconfig: path.into(), kubectl: "kubectl".into() };
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/cluster.sh");
        let run = |arguments: &[&str]| {
            let output =
                Command::new(&script).args(arguments).output().expect("scripts/cluster.sh can be run");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "scripts/cluster.sh {}: {stderr}", arguments.join(" "));
            String::from_utf8(output.stdout).expect("the script prints UTF-8")
        };
        // The cluster stays up for the next tests; `scripts/cluster.sh down` removes it.
        run(&["up", "--control-plane"]);
        let exports = run(&["env"]);
        let kubeconfig = value(&exports, "KUBECONFIG");
        let tools = value(&exports, "PATH");
        let kubectl = Path::new(tools.split(':').next().unwrap_or_default()).join("kubectl");
        Self { kubeconfig: kubeconfig.into(), kubectl }
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// An administrator's client.
    ///
    /// # Panics
    /// When the kubeconfig can't be used.
    pub async fn client(&self) -> Client {
        let file = Kubeconfig::read_from(&self.kubeconfig).expect("a kubeconfig");
        let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await;
        let mut config = config.expect("a usable kubeconfig");
        config.default_retry = false;
        Client::try_from(config).expect("a usable kubeconfig")
    }

    /// Creates a namespace for one test. Its name contains `purpose`.
    ///
    /// # Panics
    /// When the API server can't be reached.
    pub async fn namespace(&self, purpose: &str) -> Namespace {
        let client = self.client().await;
        let name = format!("test-{purpose}-{:016x}", unique_number());
        let labels = BTreeMap::from([(LABEL.to_owned(), purpose.to_owned())]);
        let metadata = ObjectMeta { name: Some(name.clone()), labels: Some(labels), ..ObjectMeta::default() };
        let namespaces: Api<NamespaceObject> = Api::all(client.clone());
        let object = NamespaceObject { metadata, ..NamespaceObject::default() };
        namespaces
            .create(&PostParams::default(), &object)
            .await
            .expect("the API server creates the namespace");
        Namespace { name, client, folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// Checks that Jobs can run in the cluster.
    ///
    /// # Panics
    /// When the cluster has no node. The message contains what to do.
    pub async fn needs_a_node(&self) {
        let nodes: Api<Node> = Api::all(self.client().await);
        let nodes = nodes.list(&ListParams::default()).await.expect("the API server lists nodes");
        assert!(
            !nodes.items.is_empty(),
            "this test needs a node: run `sudo scripts/cluster.sh up`, set KUBECONFIG as `scripts/cluster.sh env` prints it, and try again"
        );
    }

    /// Runs kubectl as the administrator.
    ///
    /// # Panics
    /// When it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let output = self.kubectl_command(arguments).output().expect("kubectl can be run");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {stderr}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(arguments);
        command
    }
}

impl Namespace {
    /// Applies manifests, as `kubectl apply` does. Objects without a namespace are created in this one.
    ///
    /// # Panics
    /// When the API server rejects one.
    pub fn apply(&self, manifests: &str) {
        let file = self.folder.path().join("manifests.yaml");
        fs::write(&file, manifests).expect("the folder belongs to this process");
        let file = file.to_str().expect("a path in UTF-8");
        let apply = ["apply", "--namespace", &self.name, "--filename", file];
        let output = Cluster::shared().kubectl_command(&apply).output().expect("kubectl can be run");
        // Another test can have created the same cluster-wide object at the same moment.
        if !String::from_utf8_lossy(&output.stderr).contains("(AlreadyExists)") {
            assert!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        Cluster::shared().kubectl(&apply);
    }

    /// Runs kubectl in this namespace.
    ///
    /// # Panics
    /// When it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        Cluster::shared().kubectl(&[&["--namespace", &self.name], arguments].concat())
    }

    /// Runs kubectl in this namespace; it may fail.
    ///
    /// # Panics
    /// When there is no kubectl.
    pub fn try_kubectl(&self, arguments: &[&str]) -> Output {
        let arguments = [&["--namespace", &self.name], arguments].concat();
        Cluster::shared().kubectl_command(&arguments).output().expect("kubectl can be run")
    }

    /// A kubeconfig for a ServiceAccount of this namespace, with a token of the API server. `server` is the URL of the API
    /// server or of a proxy in front of it; with an http URL, the connection has no TLS.
    ///
    /// # Panics
    /// When there is no such ServiceAccount.
    pub async fn kubeconfig_of(&self, account: &str, server: Option<&str>) -> PathBuf {
        let token = self.token(account, &[]).await;
        let text = fs::read_to_string(Cluster::shared().kubeconfig()).expect("the kubeconfig can be read");
        let admin = Kubeconfig::from_yaml(&text).expect("a kubeconfig");
        let cluster = admin
            .clusters
            .first()
            .and_then(|cluster| cluster.cluster.clone())
            .expect("the kubeconfig contains a cluster");
        let authority = match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
            (Some(data), _) => format!("certificate-authority-data: {data}"),
            (None, Some(path)) => format!("certificate-authority: {path}"),
            (None, None) => "insecure-skip-tls-verify: false".to_owned(),
        };
        let server =
            server.map_or_else(|| cluster.server.clone().expect("the cluster has an address"), str::to_owned);
        let authority = if server.starts_with("https:") { authority } else { "{}".to_owned() };
        let cluster = if authority == "{}" { String::new() } else { format!(", {authority}") };
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: \"{server}\"{cluster}}}}}]\n\
             users: [{{name: test, user: {{token: \"{token}\"}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test, namespace: {}}}}}]\n",
            self.name
        );
        let path = self.folder.path().join(format!("{account}-{:08x}.kubeconfig", kubeconfig.len()));
        fs::write(&path, kubeconfig).expect("the folder belongs to this process");
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600))
            .expect("the file belongs to this process");
        path
    }

    /// A token of a ServiceAccount of this namespace for these audiences, or for the API server's own when there are none.
    ///
    /// # Panics
    /// When there is no such ServiceAccount.
    pub async fn token(&self, account: &str, audiences: &[&str]) -> String {
        let audiences = Some(audiences.iter().map(|audience| (*audience).to_owned()).collect());
        let spec = TokenRequestSpec { audiences, expiration_seconds: Some(3600), bound_object_ref: None };
        let request = TokenRequest { metadata: ObjectMeta::default(), spec: Some(spec), status: None };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), &self.name);
        let created = accounts.create_token_request(account, &PostParams::default(), &request).await;
        created
            .expect("the API server creates the token")
            .status
            .and_then(|status| status.token)
            .expect("a token")
    }

    /// A temporary folder of this test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let cluster = Cluster::shared();
        if std::thread::panicking() {
            let kinds = "cronjobs,jobs,pods,events";
            let state = cluster
                .kubectl_command(&["--namespace", &self.name, "get", kinds, "--output", "wide"])
                .output();
            let state = state.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            #[expect(clippy::print_stderr, reason = "it is a part of the failed test's output")]
            {
                eprintln!("in the namespace {}:\n{}", self.name, state.unwrap_or_default());
            }
        }
        let _ = cluster.kubectl_command(&["delete", "namespace", &self.name, "--wait=false"]).output();
    }
}

/// The value of an `export NAME=VALUE` line, without quotes.
fn value(exports: &str, name: &str) -> String {
    let line = exports.lines().find_map(|line| line.strip_prefix(&format!("export {name}=")));
    line.unwrap_or_else(|| panic!("scripts/cluster.sh env does not print {name}"))
        .trim_matches('"')
        .to_owned()
}
