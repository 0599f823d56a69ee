"""Tests of sbom_go.py, and of the lists of images with Go programs."""

import hashlib
import json
import os
import shutil
import unittest
from unittest import mock

import make_sbom
import sbom_go
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from testing import BUNDLE, InFolder, program

CHECKSUM = "h1:yLsgt2kslgymvxvjFq1WGWck5hkat2YYfbXvQ145tzU="
INFORMATION = f"""/some folder/nats: go1.26.8
\tpath\texample.com/cli/nats
\tmod\texample.com/cli\tv0.5.0\t{CHECKSUM}
\tdep\texample.com/old\tv1.0.0
\t=>\texample.com/fork\tv1.0.1\t{CHECKSUM}
\tbuild\t-trimpath=true
"""


class SbomGo(InFolder):
    def sbom(self, *arguments):
        def output(*command, **_):
            if command[:2] == ("go", "version"):
                return INFORMATION
            return json.dumps({"Dir": self.folder})

        self.path("LICENSE", b"Permission is hereby granted, free of charge, to any\nperson obtaining a copy")
        with mock.patch.object(sbom_go, "output_of", side_effect=output):
            binary = self.path("program", program())
            options = ["--name", "box", "--go-module", "tools/nats/natscli", "--binary", binary, "--output", "-", *arguments]
            made = make_sbom.sbom(make_sbom.parse(options))
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_5).validate_str(made))
        return json.loads(made)

    def test_it_lists_the_linked_modules_and_the_standard_library(self):
        bom = self.sbom("--ca-bundle", self.path("bundle", BUNDLE))
        image = bom["metadata"]["component"]
        self.assertEqual((image["name"], image["version"], image["purl"]), ("box", "v0.5.0", "pkg:golang/example.com/cli@v0.5.0"))
        self.assertEqual(image["hashes"], [{"alg": "SHA-256", "content": hashlib.sha256(program()).hexdigest()}])
        found = [(one["name"], one.get("version")) for one in bom["components"]]
        self.assertEqual(found, [("example.com/fork", "v1.0.1"), ("std", "go1.26.8"), ("/etc/ssl/certs/ca-certificates.crt", None)])
        fork = bom["components"][0]
        self.assertEqual(fork["licenses"], [{"expression": "MIT"}])
        self.assertTrue(fork["hashes"][0]["content"].startswith("c8bb20b7692c"))
        needs = {one["ref"]: one.get("dependsOn", []) for one in bom["dependencies"]}
        self.assertEqual(needs[image["bom-ref"]], ["ca-certificates", "go-std", fork["bom-ref"]])

    @unittest.skipUnless(shutil.which("dpkg-query") and os.path.exists("/bin/busybox"), "the package busybox-static is not installed")
    def test_it_names_busybox_with_its_version_and_license_and_its_c_library(self):
        components = {one["name"]: one for one in self.sbom("--busybox")["components"]}
        busybox = components["busybox"]
        self.assertEqual(busybox["version"], make_sbom.installed("busybox-static"))
        self.assertIn("/busybox-static@" + busybox["version"].replace("+", "%2B"), busybox["purl"])
        self.assertEqual(busybox["licenses"], [{"expression": "GPL-2.0-only"}])
        self.assertRegex(components["glibc"]["purl"], r"/glibc@[0-9.]+-.*\?arch=source$")

    def test_licenses_are_recognized_by_their_texts(self):
        bsd = "Redistribution and use in source and binary forms, with or without modification"
        for text, expected in (
            (bsd, {"BSD-2-Clause"}),
            (bsd + "... to endorse or promote\n   products derived from", {"BSD-3-Clause"}),
            ("Apache License\n  Version 2.0, January 2004", {"Apache-2.0"}),
            ("Licensed under the Apache License, Version 2.0. " + bsd, {"Apache-2.0", "BSD-2-Clause"}),
            ("All rights reserved.", set()),
        ):
            self.assertEqual(sbom_go.licenses_in(text), expected, text)

    def test_a_module_without_a_known_license_is_an_error(self):
        with mock.patch.object(sbom_go, "output_of", return_value=json.dumps({"Dir": self.folder})), \
                self.assertRaisesRegex(SystemExit, "has no license file that sbom_go.py recognizes"):
            sbom_go.license_of("example.com/x", "v1.0.0", ".")
