//! Messages about an unusable address of the history or of the views.

use futures_util::future::join_all;

/// The exit code of the program and everything that it prints, including warnings of libraries.
async fn printed(address: &str) -> (Option<i32>, String) {
    printed_with(&[("DATABASE_URL", address)]).await
}

async fn printed_with(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("config.yaml");
    std::fs::write(&config, "local: {manifests: /dev/null}\n").expect("the file can be written");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_trigger-api"))
        .env_clear()
        .envs([("EXECUTOR", "local"), ("CRONJOB_NAME", "job"), ("LOG_LEVEL", "trace")])
        .env("CONFIG_FILE", config)
        .envs(variables.iter().copied())
        .output()
        .await
        .expect("the program is built");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).expect("it prints text"))
}

#[tokio::test]
async fn the_program_prints_no_part_of_an_unusable_address() {
    let unusable = 2;
    let unreachable = 1;
    let cases = [
        ("postgres://reader:12/hunter2@db:5432/trades", unusable),
        ("postgres://reader:/hunter2?hunter2@db/trades", unusable),
        ("postgres://reader:hunter2#hunter2@127.0.0.1:1/trades", unreachable),
        ("postgres://reader@127.0.0.1:1/trades?sslpassword=hunter2", unusable),
        ("postgres://reader@127.0.0.1:1/trades?hunter2=hunter2", unusable),
        ("host=127.0.0.1 port=1 password='hunter2", unusable),
        ("host=127.0.0.1 port=1 hunter2=hunter2", unusable),
        ("reader:hunter2@127.0.0.1:1/trades", unusable),
        ("postgres://reader:hunter2@127.0.0.1:1/trades", unreachable),
        ("host=127.0.0.1 port=1 user=reader password=hunter2 dbname=trades", unreachable),
    ];
    let programs = join_all(cases.iter().map(|(address, _)| printed(address))).await;
    for ((address, code), (got, text)) in cases.into_iter().zip(programs) {
        assert_eq!(got, Some(code), "{address}: {text}");
        assert!(text.contains("DATABASE_URL"), "{address}: {text}");
        assert!(!text.contains("hunter2"), "{address}: {text}");
    }
}

#[tokio::test]
async fn a_history_that_can_t_be_opened_names_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "something else").unwrap();
    for path in [folder.path(), &notes] {
        let (code, text) = printed(&format!("sqlite:{}", path.display())).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("DATABASE_URL"), "{text}");
    }
}

#[tokio::test]
async fn the_program_does_not_start_with_a_malformed_address_of_the_views() {
    let folder = tempfile::tempdir().unwrap();
    let history = format!("sqlite:{}", folder.path().join("history.sqlite").display());
    for address in ["postgres://ann:hunter2@host:port/trades", "postgres://ann:12/hunter2@127.0.0.1/trades"] {
        let (code, text) =
            printed_with(&[("DATABASE_URL", &history), ("SOURCE_DATABASE_URL", address)]).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("SOURCE_DATABASE_URL") && !text.contains("hunter2"), "{text}");
    }
}
