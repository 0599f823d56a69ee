"""Tests of make_sbom.py."""

import hashlib
import json
import os
import tempfile
import unittest
from unittest import mock

import make_sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from testing import BUNDLE, ROOT, InFolder, program


def crate(name, *needs):
    reference = f"crates/{name}#0.1.0" if name == "tiny" else f"registry#{name}@1.0.0"
    version = "0.1.0" if name == "tiny" else "1.0.0"
    component = {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": f"pkg:cargo/{name}@{version}"}
    return component, {"ref": reference, "dependsOn": [f"registry#{need}@1.0.0" for need in needs]}


class MakeSbom(InFolder):
    def made(self, *arguments):
        """The SBOM of an image with the tiny program."""
        binary = self.path("program", program())
        return make_sbom.sbom(make_sbom.parse([*arguments, "--binary", binary, "--output", "-"]))

    def sbom(self, linked):
        """The SBOM of a program that depends on `bytes`, and on `mysql` only for the build."""
        (tiny, first), *others = crate("tiny", "bytes", "mysql"), crate("bytes"), crate("mysql", "bytes")
        tiny["purl"] += "?download_url=file://."
        bom = {
            "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
            "metadata": {"component": {**tiny, "type": "application", "components": [{}]}},
            "components": [component for component, _ in others],
            "dependencies": [first, *(edges for _, edges in others)],
        }
        with mock.patch.object(make_sbom, "every_crate", return_value=bom), \
                mock.patch.object(make_sbom, "linked", return_value=linked), \
                mock.patch.object(make_sbom, "find_tool", return_value="tool"):
            made = self.made("--name", "image", "--package", "tiny", "--ca-bundle", self.path("bundle", BUNDLE))
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(made))
        return json.loads(made)

    def test_it_lists_linked_crates_and_components_that_are_not_crates(self):
        bom = self.sbom({("tiny", "0.1.0"), ("bytes", "1.0.0")})
        names = ["bytes", "rust-std", "glibc", "/etc/ssl/certs/ca-certificates.crt"]
        self.assertEqual([one["name"] for one in bom["components"]], names)
        needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
        self.assertEqual(needs["crates/tiny#0.1.0"], ["ca-certificates", "glibc", "registry#bytes@1.0.0", "rust-std"])
        image = bom["metadata"]["component"]
        self.assertEqual((image["name"], image["purl"]), ("image", "pkg:cargo/tiny@0.1.0"))
        self.assertEqual(image["hashes"], [{"alg": "SHA-256", "content": hashlib.sha256(program()).hexdigest()}])

    def test_a_linked_crate_that_the_tool_does_not_list_is_an_error(self):
        with self.assertRaisesRegex(SystemExit, "does not list ghost 1.0.0"):
            self.sbom({("tiny", "0.1.0"), ("ghost", "1.0.0")})

    @unittest.skipUnless(make_sbom.find_tool(), f"{make_sbom.TOOL} {make_sbom.VERSION} is not installed; scripts/images.sh builds it")
    def test_the_list_of_curl_trigger_is_complete_and_reproducible(self):
        lists = []
        for name in ("one", "another"):
            os.mkdir(self.path(name))
            with mock.patch.object(tempfile, "tempdir", self.path(name)):
                lists.append(self.made("--name", "curl-trigger", "--package", "curl-trigger", "--feature", "program"))
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
