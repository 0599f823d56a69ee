"""Tests of make_image.py and scripts/images.sh."""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from testing import BUNDLE, LABEL, OWNER, ROOT, USER, InFolder, Opened, listed, program, run


class MakeImage(InFolder):
    def test_clock_time_zone_folder_and_umask_do_not_change_the_bytes(self):
        first = self.make_full("a.tar", TZ="UTC", PYTHONHASHSEED="1")
        time.sleep(1.1)
        umask = os.umask(0o077)
        self.addCleanup(os.umask, umask)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir("/")
        second = self.make_full("b.tar", TZ="Asia/Tokyo", PYTHONHASHSEED="2")
        with open(first, "rb") as one, open(second, "rb") as other:
            self.assertEqual(one.read(), other.read())

    def test_registry_clients_and_docker_find_the_same_blobs(self):
        image = Opened(self.make_full("image.tar"))
        self.assertEqual(json.loads(image.files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})
        docker = json.loads(image.files["manifest.json"])
        path = {key: "blobs/" + descriptor["digest"].replace(":", "/") for key, descriptor in
                (("config", image.manifest["config"]), ("layer", image.manifest["layers"][0]))}
        self.assertEqual(docker, [{"Config": path["config"], "RepoTags": ["tiny:1"], "Layers": [path["layer"]]}])
        self.assertEqual(image.config["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(image.layer).hexdigest()])
        annotations = image.index["manifests"][0]["annotations"]
        self.assertEqual(annotations["io.containerd.image.name"], "docker.io/library/tiny:1")

    def test_it_has_the_labels_and_the_commit_time(self):
        image = Opened(self.make_full("image.tar"))
        self.assertEqual(image.config["config"]["Labels"], {
            LABEL + "title": "tiny", LABEL + "description": "A test", LABEL + "version": "0.1.0",
            LABEL + "revision": "abc", LABEL + "source": "https://example.com/x", LABEL + "licenses": "MIT",
            LABEL + "created": "2026-02-11T01:00:00Z",
        })
        self.assertEqual(image.config["created"], "2026-02-11T01:00:00Z")
        self.assertEqual(image.manifest["annotations"], image.config["config"]["Labels"])

    def test_the_commit_does_not_change_the_layer(self):
        digests = {Opened(self.make("image.tar", "--revision", commit)).manifest["layers"][0]["digest"] for commit in "ab"}
        self.assertEqual(len(digests), 1)

    def test_it_contains_the_program_the_user_and_the_requested_files(self):
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
        self.assertFalse([name for name, entry in image.entries.items() if entry.mtime], "these have a modification time")

    def test_it_contains_no_other_files(self):
        image = Opened(self.make("image.tar"))
        self.assertEqual(sorted(image.entries), ["etc", "etc/group", "etc/passwd", "tiny"])

    def test_a_shared_folder_has_the_mode_of_tmp_and_a_link_leads_to_the_program(self):
        image = Opened(self.make("image.tar", "--shared-directory", "tmp", "--link", "usr/bin/curl=/tiny"))
        folder = image.entries["tmp"]
        self.assertEqual((folder.isdir(), folder.mode, folder.uid), (True, 0o1777, 0))
        self.assertEqual(image.entries["usr/bin/curl"].linkname, "/tiny")

    def test_it_can_have_another_user_path_and_command(self):
        image = Opened(self.make("image.tar", "--user", "nats", "--path", "bin/client", "--command", "/bin/sh", "--env", "PATH=/bin",
                                 "--link", "bin/sh=client", "--directory", "data", "--licenses", "Apache-2.0"))
        config = image.config["config"]
        self.assertEqual((config["User"], config["Env"], config["Cmd"]), ("1000:1000", ["PATH=/bin"], ["/bin/sh"]))
        self.assertNotIn("Entrypoint", config)
        self.assertEqual(config["Labels"][LABEL + "licenses"], "Apache-2.0")
        self.assertEqual(sorted(image.content), ["bin/client", "etc/group", "etc/passwd"])
        self.assertEqual(image.entries["bin/sh"].linkname, "client")
        self.assertEqual((image.entries["data"].uid, image.entries["data"].gid), (1000, 1000))

    @unittest.skipIf(os.geteuid(), "only root can change the root folder")
    def test_the_program_runs_as_the_user_and_writes_only_to_its_folder(self):
        for options, expected in ((["--directory", "data"], 0), ([], 2)):
            image = Opened(self.make("image.tar", *options))
            root = tempfile.mkdtemp(dir=self.folder)
            subprocess.run(["tar", "-xp", "--numeric-owner", "-C", root], input=image.layer, check=True)
            os.chmod(root, 0o755)
            status = chrooted(root, image.config["config"])
            self.assertEqual(status, expected)

    @unittest.skipIf(os.geteuid(), "only root can start containerd")
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
    """Runs the image's program as the image's user in a chroot; returns its exit code."""
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
    def test_the_tag_is_the_commit_with_a_hash_of_the_differences_of_the_sources(self):
        os.makedirs(self.path("deploy/charts"))
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
        self.path("deploy/charts/values.yaml", b"")
        self.assertEqual(tag(), commit)
        self.path("new.rs", b"")
        first = tag()
        self.assertRegex(first, f"^{commit}-dirty-[0-9a-f]{{8}}$")
        self.path("new.rs", b"changed")
        self.assertRegex(tag(), f"^{commit}-dirty-(?!{first[-8:]})[0-9a-f]{{8}}$")
        self.assertEqual(tag(TAG="v1"), "v1")

    def test_the_images_of_nats_have_the_tags_of_their_versions_as_in_the_chart(self):
        with open(os.path.join(ROOT, "deploy/charts/aegis-trader/values.yaml")) as file:
            tags = re.findall(r"^  tag: (\d\S+)$", file.read(), re.MULTILINE)
        script = os.path.join(ROOT, "scripts/images.sh")
        printed = [run(script, "--tag", name, env={**os.environ, "TAG": "v1"}).strip() for name in ("nats", "nats-box")]
        self.assertEqual(tags, printed)

    def test_it_lists_every_deployed_image(self):
        names = {image["name"] for image in listed()}
        deployed = set()
        for path in glob.glob(os.path.join(ROOT, "deploy/manifests/prod/**/*.yaml"), recursive=True):
            with open(path) as file:
                deployed |= set(re.findall(r"image: \S+/([a-z-]+):", file.read()))
        self.assertTrue(deployed)
        self.assertLessEqual(deployed, names)

    def test_an_unknown_image_is_an_error_that_lists_the_images(self):
        script = [os.path.join(ROOT, "scripts/images.sh"), "trader"]
        ended = subprocess.run(script, capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("unknown image trader; the images are trades-sync trigger-api", ended.stderr)
