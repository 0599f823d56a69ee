//! The files of settings: what is not a regular file of a reasonable size is an error, and nothing blocks.

use std::fs;
use std::path::Path;

use common::config::{Settings, Variable};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::try_authenticator;

const VARIABLES: [Variable; 3] = [
    Variable::plain("TEST_INPUT_NAME", "a name"),
    Variable::plain("TEST_INPUT_DAYS", "a number"),
    Variable::structure("TEST_INPUT_LIST", "a list"),
];

fn make_fifo(path: &Path) -> &str {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0).expect("a FIFO can be created");
    path.to_str().expect("the path is UTF-8")
}

fn load(yaml: &str) -> Result<Settings, String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.yaml");
    fs::write(&file, yaml).unwrap();
    Settings::load(Some(&file), &VARIABLES).map_err(|error| {
        let text = error.to_string();
        text.strip_prefix(&format!("{}: ", file.display())).expect("the error names the file").to_owned()
    })
}

fn problem(yaml: &str) -> String {
    load(yaml).err().expect("the file is not valid")
}

#[tokio::test]
async fn a_fifo_as_a_secret_is_an_error_and_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    let path = make_fifo(&fifo);
    for name in ["INTERNAL_TOKEN_FILE", "ADMIN_SECRET_FILE", "JWT_SECRET_FILE"] {
        for (file, kind) in [(path, "a FIFO"), ("/dev/zero", "a device"), ("/", "a directory")] {
            let error = try_authenticator(&[(name, file)]).await.expect_err("it is not a file");
            assert_eq!(error.to_string(), format!("{name}: {file}: is {kind}; a regular file is needed"));
        }
    }
}

#[test]
fn a_fifo_as_the_configuration_is_an_error_and_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.yaml", "config.json", "config.toml"] {
        let fifo = folder.path().join(name);
        make_fifo(&fifo);
        let error = Settings::load(Some(&fifo), &VARIABLES).err().expect("it is not a file").to_string();
        assert_eq!(error, format!("{}: is a FIFO; a regular file is needed", fifo.display()));
    }
}

#[test]
fn aliases_have_a_budget() {
    // Each level stands for ten of the level before: 10^9 texts, from less than a kilobyte.
    let levels = (1..10).map(|level| {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        format!("- &a{level} [{aliases}]\n")
    });
    let bomb = format!("test_input_list:\n- &a0 hunter2\n{}", levels.collect::<String>());
    let large = format!("test_input_list:\n- &a {}\n{}", "x".repeat(500_000), "- *a\n".repeat(1000));
    let deep = format!("test_input_list: {}", "[".repeat(100_000));
    for (name, yaml) in [("nested aliases", &bomb), ("aliases of a large text", &large), ("nesting", &deep)] {
        let error = problem(yaml);
        assert!(
            error.len() <= 200 && !error.contains("hunter2") && !error.contains("xxx"),
            "{name}: {error}"
        );
    }
    let usual =
        load("test_input_list:\n- &a {x: 1, y: [2]}\n- *a\n- <<: *a\n  x: 3\n").expect("a few aliases");
    let list: Option<Value> = usual.structure("TEST_INPUT_LIST").unwrap();
    assert_eq!(list, Some(json!([{ "x": 1, "y": [2] }, { "x": 1, "y": [2] }, { "x": 3, "y": [2] }])));
}

#[test]
fn a_configuration_file_has_a_maximum_size() {
    assert_eq!(problem(&format!("# {}", "x".repeat(1024 * 1024))), "is larger than 1048576 bytes");
}

#[test]
fn yaml_has_the_types_of_yaml_1_2() {
    let settings = load(
        "test_input_name: yes\ntest_input_days: 030\ntest_input_list: [on, true, '1', 1, 1.5, null, ~]\n",
    );
    let settings = settings.expect("it is valid");
    assert_eq!(settings.text("TEST_INPUT_NAME").as_deref(), Some("yes"));
    let list: Option<Value> = settings.structure("TEST_INPUT_LIST").unwrap();
    assert_eq!(list, Some(json!(["on", true, "1", 1, 1.5, null, null])));
    assert!(load("").is_ok() && load("# nothing\n---\n").is_ok());
}

#[test]
fn a_wrong_yaml_file_is_described_by_its_position_and_not_by_its_text() {
    for (yaml, expected) in [
        ("test_input_name: hunter2\ntest_input_name: x\n", "line 2"),
        ("test_input_name: \"hunter2\n", "line"),
        ("- hunter2\n", "line 1"),
        ("test_input_name: hunter2\n---\ntest_input_name: x\n", ""),
    ] {
        let error = problem(yaml);
        assert!(error.contains(expected) && !error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_mounted_secret_is_read_through_its_links() {
    const SECRET: [Variable; 1] = [Variable::secret("TEST_INPUT_SECRET", "a secret")];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), "hunter2\n").unwrap();
    std::os::unix::fs::symlink("data", folder.path().join("secret")).unwrap();
    let config = folder.path().join("config.yaml");
    let secret = folder.path().join("secret");
    fs::write(&config, format!("test_input_secret_file: {}\n", secret.display())).unwrap();
    let found = Settings::load(Some(&config), &SECRET).unwrap().secret("TEST_INPUT_SECRET").unwrap();
    assert_eq!(found.unwrap().expose_secret(), "hunter2");
}
