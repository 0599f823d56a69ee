//! The image: its build is reproducible, and its program runs.

use std::{fs, path::Path, process::Command};

use crate::support::{
    program::{finish, plain, root},
    server::{Server, response},
};

fn make(output: &Path, environment: &[(&str, &str)]) -> Vec<u8> {
    let mut command = Command::new("python3");
    command.arg(root().join("deploy/images/make_image.py")).args([
        "--name",
        "curl-trigger",
        "--revision",
        "abc",
    ]);
    command.arg("--binary").arg(plain()).arg("--output").arg(output).envs(environment.iter().copied());
    finish(&mut command).exits(0);
    fs::read(output).expect("the image")
}

fn unpack(archive: &Path, into: &Path) {
    fs::create_dir_all(into).expect("a directory");
    finish(Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(into)).exits(0);
}

/// The value after `"key":"` in compact JSON.
fn after<'a>(json: &'a str, key: &str) -> &'a str {
    let (_, rest) = json.split_once(key).unwrap_or_else(|| panic!("{key} in {json}"));
    rest.split('"').next().expect("a value")
}

#[test]
fn every_build_of_the_image_has_the_same_bytes() {
    let directory = tempfile::tempdir().expect("a directory");
    let first = make(&directory.path().join("a.tar"), &[("TZ", "UTC"), ("PYTHONHASHSEED", "1")]);
    let second = make(&directory.path().join("b.tar"), &[("TZ", "Asia/Tokyo"), ("PYTHONHASHSEED", "2")]);
    assert!(first == second);
}

#[test]
fn the_image_is_an_oci_layout_and_a_docker_archive_whose_program_runs() {
    let directory = tempfile::tempdir().expect("a directory");
    let archive = directory.path().join("image.tar");
    make(&archive, &[]);
    let layout = directory.path().join("layout");
    unpack(&archive, &layout);
    let read = |path: &str| fs::read_to_string(layout.join(path)).expect(path);
    assert_eq!(read("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#);

    // Index, manifest, layer: the order of an OCI client. The name of every blob is the digest of its bytes.
    let index = read("index.json");
    let blob = |digest: &str| format!("blobs/sha256/{}", digest.trim_start_matches("sha256:"));
    let manifest = read(&blob(after(&index, r#""digest":""#)));
    let (config, layers) = manifest.split_once(r#""layers""#).expect("layers");
    let (config, layer) = (blob(after(config, r#""digest":""#)), blob(after(layers, r#""digest":""#)));
    let docker = read("manifest.json");
    assert!(docker.contains(&config) && docker.contains(&layer), "{docker}");
    for path in [&config, &layer] {
        let sum = finish(Command::new("sha256sum").arg(layout.join(path))).exits(0).out;
        assert!(path.ends_with(sum.split(' ').next().expect("a digest")), "{path} {sum}");
    }
    let config = read(&config);
    for part in [r#""Entrypoint":["/curl-trigger"]"#, r#""User":"65532:65532""#, r#"image.revision":"abc""#] {
        assert!(config.contains(part), "{part} in {config}");
    }

    let image = directory.path().join("root");
    unpack(&layout.join(layer), &image);
    let mut files: Vec<_> =
        fs::read_dir(&image).expect("the root").map(|entry| entry.expect("entry").file_name()).collect();
    files.sort();
    assert_eq!(files, ["curl-trigger", "etc"]);
    let server = Server::responding_with(response("200 OK", "", "fine"));
    let output = finish(Command::new(image.join("curl-trigger")).args(["-s", &server.url("/")]));
    assert_eq!(output.exits(0).out, "fine");
}
