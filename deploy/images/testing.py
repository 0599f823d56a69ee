"""Shared by the tests: a tiny program, images with it, and the lists of images and packages."""

import gzip
import hashlib
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest

IMAGES = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(IMAGES))
BUNDLE = b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"
LABEL = "org.opencontainers.image."
USER = 65532
OWNER = f"{USER}:{USER}"


def program():
    """A static ELF file that creates the file /data/x and exits with 0 or the error number."""
    base = 0x400000
    start = base + 64 + 56
    code = (
        b"\xb8\x02\0\0\0\xbf" + struct.pack("<I", start + 39) + b"\xbe\x41\0\0\0\xba\xa4\x01\0\0\x0f\x05"  # open
        b"\x31\xff\x85\xc0\x79\x04\x89\xc7\xf7\xdf"  # exit code: the negated result if it is negative, else 0
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
    """The images of scripts/images.sh, as dictionaries."""
    fields = ("name", "language", "package", "feature", "certificates", "writable", "user", "replaces")
    lines = run(os.path.join(ROOT, "scripts/images.sh"), "--list").splitlines()
    return [{f: None if v == "-" else v for f, v in zip(fields, line.split(), strict=True)} for line in lines]


def of_crates():
    """The images whose program is a crate: the Dockerfile builds these."""
    return [image for image in listed() if image["language"] == "rust"]


def packages():
    """The workspace's packages in `cargo metadata`, by name."""
    found = json.loads(run("cargo", "metadata", "--locked", "--no-deps", "--format-version", "1", cwd=ROOT))
    return {one["name"]: one for one in found["packages"]}


class InFolder(unittest.TestCase):
    """Gives each test a temporary folder."""

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
        """Makes an image with the program; returns its path."""
        output = self.path(output)
        run(
            sys.executable, os.path.join(IMAGES, "make_image.py"), "--name", "tiny", "--tag", "1", "--output", output,
            "--binary", self.path("program", program()), *options, env={**os.environ, **environment},
        )
        return output

    def make_full(self, output, **environment):
        return self.make(
            output, "--ca-bundle", self.path("bundle", BUNDLE), "--directory", "data", "--description", "A test",
            "--version", "0.1.0", "--revision", "abc", "--source", "https://example.com/x",
            "--created", "2026-02-11T01:00:00Z", **environment,
        )


class Opened:
    """An image as a registry client reads it. Checks each blob against its digest."""

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
