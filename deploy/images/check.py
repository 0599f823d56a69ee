#!/usr/bin/env python3
"""Checks how images are made, on a program of a few bytes: scripts/check-images.sh runs it. The last line counts."""

import glob
import gzip
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest
from unittest import mock

import make_sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from dockerfile_parse import DockerfileParser
from make_image import USER

IMAGES = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(IMAGES))
BUNDLE = b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
LABEL = "org.opencontainers.image."
OWNER = f"{USER}:{USER}"


def program():
    """A static ELF file that makes the file /data/x, and exits with 0 or with the error's number."""
    base = 0x400000
    start = base + 64 + 56
    code = (
        b"\xb8\x02\0\0\0\xbf" + struct.pack("<I", start + 39) + b"\xbe\x41\0\0\0\xba\xa4\x01\0\0\x0f\x05"  # open
        b"\x31\xff\x85\xc0\x79\x04\x89\xc7\xf7\xdf"  # the negative of a negative result, else 0
        b"\xb8\x3c\0\0\0\x0f\x05"  # exit
        b"/data/x\0"
    )
    size = 64 + 56 + len(code)
    header = struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return b"\x7fELF\x02\x01\x01" + bytes(9) + header + segment + code


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, capture_output=True, **options).stdout


def listed():
    """What scripts/images.sh makes: a dictionary for each image."""
    fields = ("name", "package", "feature", "certificates", "writable")
    lines = run(os.path.join(ROOT, "scripts/images.sh"), "--list").splitlines()
    return [{f: None if v == "-" else v for f, v in zip(fields, line.split(), strict=True)} for line in lines]


def packages():
    """{name: what cargo knows of it}, of the workspace."""
    found = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1", cwd=ROOT))
    return {one["name"]: one for one in found["packages"]}


class InFolder(unittest.TestCase):
    """A folder that goes with the test."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name, content=None):
        path = os.path.join(self.folder, name)
        if content is not None:
            with open(path, "wb") as file:
                file.write(content)
        return path

    def make(self, output, *options, **environment):
        """The path of an image of the program."""
        output = self.path(output)
        run(
            sys.executable, os.path.join(IMAGES, "make_image.py"), "--name", "tiny", "--tag", "1", "--output", output,
            "--binary", self.path("program", program()), *options, env={**os.environ, **environment},
        )
        return output

    def make_full(self, output, **environment):
        return self.make(
            output, "--ca-bundle", self.path("bundle", BUNDLE), "--directory", "data", "--description", "Does little",
            "--version", "0.1.0", "--revision", "abc", "--source", "https://example.com/x",
            "--created", "2026-02-11T01:00:00Z", **environment,
        )


class Opened:
    """An image as a client of registries reads it; every blob is checked against its digest."""

    def __init__(self, path):
        with tarfile.open(path) as tar:
            self.files = {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.packed = self.blob(self.manifest["layers"][0])
        self.layer = gzip.decompress(self.packed)
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tar:
            self.entries = {entry.name: entry for entry in tar}
            self.content = {name: tar.extractfile(e).read() for name, e in self.entries.items() if e.isfile()}

    def blob(self, descriptor):
        content = self.files["blobs/" + descriptor["digest"].replace(":", "/")]
        assert descriptor["digest"] == "sha256:" + hashlib.sha256(content).hexdigest(), descriptor
        assert descriptor["size"] == len(content), descriptor
        return content


class MakeImage(InFolder):
    def test_it_is_the_same_bytes_whatever_clock_zone_folder_or_umask(self):
        first = self.make_full("a.tar", TZ="UTC", PYTHONHASHSEED="1")
        time.sleep(1.1)
        umask = os.umask(0o077)
        self.addCleanup(os.umask, umask)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        second = self.make_full("b.tar", TZ="Asia/Tokyo", PYTHONHASHSEED="2")
        with open(first, "rb") as one, open(second, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_clients_of_registries_and_docker_find_the_same_blobs(self):
        image = Opened(self.make_full("image.tar"))
        self.assertEqual(json.loads(image.files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        docker = json.loads(image.files["manifest.json"])
        path = {key: "blobs/" + descriptor["digest"].replace(":", "/") for key, descriptor in
                (("config", image.manifest["config"]), ("layer", image.manifest["layers"][0]))}
        self.assertEqual(docker, [{"Config": path["config"], "RepoTags": ["tiny:1"], "Layers": [path["layer"]]}])
        self.assertEqual(image.config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(image.layer).hexdigest()])
        annotations = image.index["manifests"][0]["annotations"]
        self.assertEqual(annotations["io.containerd.image.name"], "docker.io/library/tiny:1")

    def test_it_has_the_labels_and_the_time_of_the_commit(self):
        image = Opened(self.make_full("image.tar"))
        self.assertEqual(image.config["config"]["Labels"], {
            LABEL + "title": "tiny", LABEL + "description": "Does little", LABEL + "version": "0.1.0",
            LABEL + "revision": "abc", LABEL + "source": "https://example.com/x", LABEL + "licenses": "MIT",
            LABEL + "created": "2026-02-11T01:00:00Z",
        })
        self.assertEqual(image.config["created"], "2026-02-11T01:00:00Z")
        self.assertEqual(image.manifest["annotations"], image.config["config"]["Labels"])

    def test_its_layer_does_not_change_with_the_commit(self):
        digests = {Opened(self.make("image.tar", "--revision", commit)).manifest["layers"][0]["digest"] for commit in "ab"}
        self.assertEqual(len(digests), 1)

    def test_it_holds_the_program_its_user_and_what_was_asked_for(self):
        image = Opened(self.make_full("image.tar"))
        self.assertEqual(image.config["config"]["User"], OWNER)
        self.assertEqual(image.config["config"]["Entrypoint"], ["/tiny"])
        self.assertEqual(image.content, {
            "tiny": program(),
            "etc/passwd": f"nonroot:x:{OWNER}:nonroot:/:/\n".encode(),
            "etc/group": f"nonroot:x:{USER}:\n".encode(),
            "etc/ssl/certs/ca-certificates.crt": BUNDLE,
        })
        owners = {name: (entry.uid, entry.gid, entry.mode) for name, entry in image.entries.items()}
        self.assertEqual(owners.pop("data"), (USER, USER, 0o755))
        self.assertEqual(owners.pop("tiny"), (0, 0, 0o755))
        self.assertEqual({owner[:2] for owner in owners.values()}, {(0, 0)})
        self.assertFalse([name for name, entry in image.entries.items() if entry.mtime], "these have a time")

    def test_it_holds_nothing_else(self):
        image = Opened(self.make("image.tar"))
        self.assertEqual(sorted(image.entries), ["etc", "etc/group", "etc/passwd", "tiny"])

    @unittest.skipIf(os.geteuid(), "only root can change the root folder")
    def test_its_program_runs_as_its_user_and_writes_where_it_may(self):
        for options, expected in ((["--directory", "data"], 0), ([], 2)):
            image = Opened(self.make("image.tar", *options))
            root = tempfile.mkdtemp(dir=self.folder)
            subprocess.run(["tar", "-xp", "--numeric-owner", "-C", root], input=image.layer, check=True)
            os.chmod(root, 0o755)
            status = chrooted(root, image.config["config"])
            self.assertEqual(status, expected)

    @unittest.skipIf(os.geteuid(), "only root can start a containerd")
    @unittest.skipUnless(shutil.which("containerd") and shutil.which("ctr"), "containerd is not installed")
    def test_containerd_imports_and_unpacks_it(self):
        address = self.path("socket")
        config = f"""version = 2
root = "{self.path("root")}"
state = "{self.path("state")}"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]
[grpc]
address = "{address}"
[ttrpc]
address = "{address}.ttrpc"
"""
        with open(self.path("log"), "wb") as log:
            daemon = subprocess.Popen(
                ["containerd", "--config", self.path("config.toml", config.encode())], stdout=log, stderr=log
            )
        self.addCleanup(daemon.wait)
        self.addCleanup(daemon.terminate)

        def ctr(*command):
            return run("ctr", "--address", address, *command)

        deadline = time.monotonic() + 30
        while subprocess.run(["ctr", "--address", address, "version"], capture_output=True, check=False).returncode:
            if daemon.poll() is not None or time.monotonic() > deadline:
                with open(self.path("log")) as log:
                    self.fail("containerd does not start: " + log.read()[-2000:])
            time.sleep(0.1)
        ctr("images", "import", "--snapshotter", "native", self.make_full("image.tar"))
        self.assertIn("docker.io/library/tiny:1", ctr("images", "ls", "-q").splitlines())
        self.assertIn("complete (", ctr("images", "check", "--snapshotter", "native"))


def chrooted(root, config):
    """How the image's program ends with the image's folder as its root and the image's user."""
    user, group = (int(one) for one in config["User"].split(":"))
    child = os.fork()
    if child == 0:
        try:
            os.chroot(root)
            os.chdir("/")
            os.setgroups([])
            os.setgid(group)
            os.setuid(user)
            os.execve(config["Entrypoint"][0], config["Entrypoint"], {})
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Script(InFolder):
    def test_the_tag_is_the_commit_and_says_when_the_sources_differ(self):
        os.mkdir(self.path("scripts"))
        shutil.copy(os.path.join(ROOT, "scripts/images.sh"), self.path("scripts/images.sh"))
        git = ("git", "-C", self.folder, "-c", "user.name=x", "-c", "user.email=x@example.com")
        run(*git, "init", "-q")
        run(*git, "add", ".")
        run(*git, "commit", "-q", "-m", "x")
        commit = run(*git, "rev-parse", "HEAD").strip()

        def tag(**environment):
            inherited = {key: value for key, value in os.environ.items() if key != "TAG"}
            return run(self.path("scripts/images.sh"), "--tag", env={**inherited, **environment}).strip()

        self.assertEqual(tag(), commit)
        self.path("new.rs", b"")
        self.assertEqual(tag(), commit + "-dirty")
        self.assertEqual(tag(TAG="v1"), "v1")

    def test_it_makes_every_image_that_is_deployed(self):
        names = {image["name"] for image in listed()}
        deployed = set()
        for path in glob.glob(os.path.join(ROOT, "deploy/manifests/prod/**/*.yaml"), recursive=True):
            with open(path) as file:
                deployed |= set(re.findall(r"image: \S+/([a-z-]+):", file.read()))
        self.assertTrue(deployed)
        self.assertLessEqual(deployed, names)

    def test_an_image_that_there_is_not_is_named(self):
        script = [os.path.join(ROOT, "scripts/images.sh"), "trader"]
        ended = subprocess.run(script, capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("there is no image trader; there are trades-sync trigger-api", ended.stderr)


class Dockerfile(InFolder):
    """That it makes what images.sh makes: nobody notices a difference before it runs somewhere."""

    def setUp(self):
        super().setUp()
        self.file = os.path.join(IMAGES, "Dockerfile")
        # The parser writes into its folder what it parses, so it gets text.
        with open(self.file) as file:
            parser = DockerfileParser(fileobj=io.BytesIO(file.read().encode()))
        self.before, self.stages, stage = [], [], None
        for step in parser.structure:
            if step["instruction"] == "FROM":
                base, _, name = step["value"].partition(" AS ")
                stage = {"base": base, "name": name, "steps": []}
                self.stages.append(stage)
            elif step["instruction"] != "COMMENT":
                (stage["steps"] if stage else self.before).append((step["instruction"], step["value"]))

    def steps(self, image, kind):
        """The values of one kind of instruction from scratch to the last stage, with the program's name in them."""
        stages = {stage["name"]: stage for stage in self.stages}
        stage, found = self.stages[-1], []
        while stage:
            found = [value for instruction, value in stage["steps"] if instruction == kind] + found
            stage = stages.get(stage["base"].replace("${PROGRAM}", image))
        return [value.replace("$PROGRAM", image) for value in found]

    def expected(self, image):
        about = packages()[image["package"]]
        options = ["--name", image["name"], "--description", about["description"], "--version", about["version"],
                   "--revision", "abc", "--source", "x", "--created", "2026-02-11T01:00:00Z"]
        if image["certificates"]:
            options += ["--ca-bundle", self.path("bundle", BUNDLE)]
        if image["writable"]:
            options += ["--directory", image["writable"]]
        return Opened(self.make("image.tar", *options))

    def test_the_linter_has_nothing_to_say(self):
        linter = subprocess.run(["hadolint", "--no-color", self.file], capture_output=True, text=True, check=False)
        self.assertEqual((linter.stdout + linter.stderr, linter.returncode), ("", 0))

    def test_every_image_has_the_files_of_the_script(self):
        for image in listed():
            with self.subTest(image["name"]):
                copied = {}
                for value in self.steps(image["name"], "COPY"):
                    words = shlex.split(value)
                    options, paths = [w for w in words if w.startswith("--")], [w for w in words if not w.startswith("--")]
                    owner = next((o.removeprefix("--chown=") for o in options if o.startswith("--chown=")), "0:0")
                    for source in paths[:-1]:
                        target = paths[-1] + os.path.basename(source) if paths[-1].endswith("/") else paths[-1]
                        copied[target.removeprefix("/")] = owner
                made = self.expected(image).entries
                # Folders above others come by themselves.
                above = {path.rpartition("/")[0] for path in made} | {"etc/ssl"}
                wanted = {p: f"{e.uid}:{e.gid}" for p, e in made.items() if p not in above}
                self.assertEqual(copied, wanted)

    def test_every_image_has_the_user_program_and_labels_of_the_script(self):
        for image in listed():
            with self.subTest(image["name"]):
                config = self.expected(image).config["config"]
                self.assertEqual(self.steps(image["name"], "USER"), [config["User"]])
                self.assertEqual([json.loads(v) for v in self.steps(image["name"], "ENTRYPOINT")], [config["Entrypoint"]])
                labels = dict(word.split("=", 1) for value in self.steps(image["name"], "LABEL") for word in shlex.split(value))
                given = {LABEL + name: labels[LABEL + name] for name in ("version", "revision", "source", "created")}
                self.assertEqual(given, {label: "$" + label.removeprefix(LABEL).upper() for label in given})
                self.assertEqual({**labels, **{label: config["Labels"][label] for label in given}}, config["Labels"])
                self.assertEqual(config["Labels"][LABEL + "licenses"], packages()[image["package"]]["license"])

    def test_it_takes_the_arguments_that_the_script_prints(self):
        printed = shlex.split(run(os.path.join(ROOT, "scripts/images.sh"), "--build-args", "trigger-api"))
        names = {word.partition("=")[0] for word in printed if word != "--build-arg"}
        taken = {v.partition("=")[0] for stage in self.stages for i, v in stage["steps"] if i == "ARG"}
        self.assertEqual(names, taken)

    def test_it_builds_by_the_same_script_with_a_pinned_compiler(self):
        build = self.stages[0]
        self.assertRegex(build["base"], r"^rust:\d+\.\d+\.\d+-slim-[a-z]+$")
        oldest = packages()["trigger-api"]["rust_version"]
        self.assertTrue(build["base"].startswith(f"rust:{oldest}."), f"{build['base']}, but the workspace asks for {oldest}")
        commands = [value for stage in self.stages for instruction, value in stage["steps"] if instruction in ("RUN", "ENV")]
        self.assertEqual(len(commands), 1)
        self.assertIn('$(scripts/build-static.sh "$PROGRAM" ', commands[0])
        self.assertNotIn("FLAGS", commands[0])

    def test_the_build_sees_all_it_needs_and_no_more(self):
        with open(self.file + ".dockerignore") as file:
            lines = [line.strip() for line in file if line.strip() and not line.startswith("#")]
        self.assertEqual(lines[0], "*")
        seen = [line.removeprefix("!") for line in lines[1:]]
        for path in seen:
            self.assertTrue(os.path.exists(os.path.join(ROOT, path)), path)
        needed = ["Cargo.toml", "Cargo.lock", "crates/trigger-api/src/main.rs", "scripts/build-static.sh",
                  "scripts/build-curl-trigger.sh", "deploy/images/etc/passwd", "deploy/images/etc/group"]
        for path in glob.glob(os.path.join(ROOT, "crates/*/src/**/*.rs"), recursive=True):
            with open(path) as file:
                needed += ["deploy/worker/" + found for found in re.findall(r'worker_file!\("([^"]+)"\)', file.read())]
        self.assertTrue(any("worker" in path for path in needed))
        for path in needed:
            self.assertTrue(any(path == one or path.startswith(one + "/") for one in seen), f"{path} is not seen")


def crate(name, *needs):
    reference = f"crates/{name}#0.1.0" if name == "tiny" else f"registry#{name}@1.0.0"
    version = "0.1.0" if name == "tiny" else "1.0.0"
    component = {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": f"pkg:cargo/{name}@{version}"}
    return component, {"ref": reference, "dependsOn": [f"registry#{need}@1.0.0" for need in needs]}


class MakeSbom(InFolder):
    def sbom(self, linked):
        """Of a program that needs `bytes`, and `mysql` while building, as cargo-cyclonedx would list it."""
        (tiny, first), *others = crate("tiny", "bytes", "mysql"), crate("bytes"), crate("mysql", "bytes")
        tiny["purl"] += "?download_url=file://."
        bom = {
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {**tiny, "type": "application", "components": [{}]}},
            "components": [component for component, _ in others],
            "dependencies": [first, *(edges for _, edges in others)],
        }
        with mock.patch.object(make_sbom, "every_crate", return_value=bom), \
                mock.patch.object(make_sbom, "linked", return_value=linked):
            made = make_sbom.sbom("tool", "image", "tiny", None, self.path("program", program()), self.path("bundle", BUNDLE))
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(made))
        return json.loads(made)

    def test_it_keeps_what_is_linked_and_adds_what_is_no_crate(self):
        bom = self.sbom({("tiny", "0.1.0"), ("bytes", "1.0.0")})
        names = ["bytes", "rust-std", "glibc", "/etc/ssl/certs/ca-certificates.crt"]
        self.assertEqual([one["name"] for one in bom["components"]], names)
        needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
        self.assertEqual(needs["crates/tiny#0.1.0"], ["ca-certificates", "glibc", "registry#bytes@1.0.0", "rust-std"])
        image = bom["metadata"]["component"]
        self.assertEqual((image["name"], image["purl"]), ("image", "pkg:cargo/tiny@0.1.0"))
        self.assertEqual(image["hashes"], [{"alg": "SHA-256", "content": hashlib.sha256(program()).hexdigest()}])

    def test_it_refuses_to_leave_out_what_is_linked(self):
        with self.assertRaisesRegex(SystemExit, "knows nothing of ghost 1.0.0"):
            self.sbom({("tiny", "0.1.0"), ("ghost", "1.0.0")})

    @unittest.skipUnless(make_sbom.find_tool(), f"there is no {make_sbom.TOOL} {make_sbom.VERSION}; scripts/images.sh builds it, in minutes")
    def test_curl_triggers_list_is_whole_and_the_same_every_time(self):
        lists = []
        for name in ("one", "another"):
            os.mkdir(self.path(name))
            with mock.patch.object(tempfile, "tempdir", self.path(name)):
                binary = self.path("program", program())
                lists.append(make_sbom.sbom(make_sbom.find_tool(), "curl-trigger", "curl-trigger", "program", binary, None))
        self.assertEqual(*lists)
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(lists[0]))
        self.assertNotIn(self.folder, lists[0])
        self.assertNotIn(ROOT, lists[0])
        self.assertNotIn("serialNumber", lists[0])
        components = {one["name"]: one for one in json.loads(lists[0])["components"]}
        self.assertLessEqual({"rustix", "httparse", "rust-std"}, set(components))
        self.assertFalse({"rustls", "proptest", "libc", "glibc", "syn"} & set(components))
        self.assertTrue(all(one["licenses"] for one in components.values()))
        self.assertTrue(components["rustix"]["hashes"])


if __name__ == "__main__":
    outcome = unittest.main(exit=False, verbosity=2).result
    failed = len({test.id().split(" ")[0] for test, _ in outcome.failures + outcome.errors})
    print(f"{outcome.testsRun - failed - len(outcome.skipped)} passed, {failed} failed, {len(outcome.skipped)} skipped", flush=True)
    sys.exit(bool(failed))
