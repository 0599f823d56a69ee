"""Tests of the images `nats` and `nats-box`, as scripts/images.sh builds them."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from testing import ROOT, Opened, run

USER = 1000


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@unittest.skipUnless(shutil.which("go") and os.path.exists("/bin/busybox"), "Go or the package busybox-static is not installed")
class NatsImages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.images = {}
        cls.build("first")
        for name in ("nats", "nats-box"):
            cls.images[name] = Opened(os.path.join(cls.folder, "first", name + ".tar"))

    @classmethod
    def build(cls, folder):
        environment = {**os.environ, "TAG": "test", "IMAGES": os.path.join(cls.folder, folder)}
        run(os.path.join(ROOT, "scripts/images.sh"), "nats", "nats-box", env=environment)

    def unpacked(self, name):
        root = os.path.join(self.folder, "root", name)
        if not os.path.exists(root):
            os.makedirs(root)
            subprocess.run(["tar", "-xp", "--numeric-owner", "-C", root], input=self.images[name].layer, check=True)
        return root

    def in_image(self, name, *command):
        """The arguments and options of subprocess that run a command in the image, as its user."""
        config = self.images[name].config["config"]
        chroot = ["chroot", f"--userspec={config['User']}", "--groups=", self.unpacked(name), "env", "-i", *config["Env"]]
        return [*chroot, *command] if name == "nats-box" else [*chroot[:4], *command]

    def test_a_second_build_produces_the_same_bytes(self):
        self.build("second")
        for name in ("nats.tar", "nats.cdx.json", "nats-box.tar", "nats-box.cdx.json"):
            with open(os.path.join(self.folder, "first", name), "rb") as one, open(os.path.join(self.folder, "second", name), "rb") as other:
                self.assertEqual(one.read(), other.read(), name)

    def test_they_run_as_the_user_of_the_chart_with_their_programs_on_the_path(self):
        server, box = (self.images[name].config["config"] for name in ("nats", "nats-box"))
        self.assertEqual((server["User"], server["Entrypoint"], server["Env"]), ("1000:1000", ["/nats-server"], ["PATH=/"]))
        self.assertEqual((box["User"], box["Cmd"], box["Env"]), ("1000:1000", ["/bin/sh"], ["HOME=/nsc", "PATH=/bin"]))
        self.assertLessEqual({"bin/nats", "bin/busybox", "bin/sh", "bin/wget", "bin/nc"}, set(self.images["nats-box"].entries))
        for name, folder in (("nats", "data"), ("nats-box", "nsc"), ("nats-box", "tmp")):
            self.assertEqual(self.images[name].entries[folder].uid, USER)

    def test_their_versions_are_those_of_the_modules(self):
        for name, module in (("nats", "nats-server"), ("nats-box", "natscli")):
            version = self.images[name].config["config"]["Labels"]["org.opencontainers.image.version"]
            with open(os.path.join(ROOT, "tools/nats", module, "go.mod")) as file:
                self.assertRegex(file.read(), rf"nats-io/{module}(/v2)? v{version} ")

    def test_their_lists_are_valid_and_complete(self):
        for name, expected in (
            ("nats", {"github.com/nats-io/jwt/v2", "golang.org/x/crypto", "std"}),
            ("nats-box", {"github.com/nats-io/jsm.go", "github.com/nats-io/nats.go", "std", "busybox", "glibc"}),
        ):
            with open(os.path.join(self.folder, "first", name + ".cdx.json")) as file:
                text = file.read()
            self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(text))
            components = {one["name"]: one for one in json.loads(text)["components"]}
            self.assertLessEqual(expected, set(components))
            self.assertEqual([n for n, one in components.items() if one["type"] != "file" and not one.get("licenses")], [])

    @unittest.skipIf(os.geteuid(), "only root can change the root folder")
    def test_the_client_stores_and_reads_a_value_on_the_server(self):
        port = free_port()
        server = subprocess.Popen(
            self.in_image("nats", "/nats-server", "--addr", "127.0.0.1", "--port", str(port), "--jetstream", "--store_dir", "/data"),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self.addCleanup(server.communicate)
        self.addCleanup(server.terminate)
        script = f"""
            export NATS_URL=nats://127.0.0.1:{port}
            until nats rtt >/tmp/log 2>&1; do sleep 0.1; done
            nats kv add things >/tmp/log
            nats kv put things one 1 >>/tmp/log
            nats kv get things one --raw
        """
        client = subprocess.run(
            self.in_image("nats-box", "sh", "-ec", script), capture_output=True, text=True, timeout=60, check=False,
        )
        self.assertEqual((client.stdout.strip(), client.returncode), ("1", 0), client.stderr)
        stored = os.path.join(self.unpacked("nats"), "data/jetstream/$G/streams/KV_things")
        self.assertEqual(os.stat(stored).st_uid, USER)
