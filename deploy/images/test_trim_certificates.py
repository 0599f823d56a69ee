"""Tests of trim_certificates.py."""

import ssl
import subprocess
import sys
import os

import trim_certificates
from testing import BUNDLE, IMAGES, InFolder, run


class TrimCertificates(InFolder):
    def issued(self, *options):
        """The PEM of a new authority."""
        key, pem = self.path("key"), self.path("pem")
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Root/O=Ä",
            "-keyout", key, "-out", pem, *options)
        with open(pem) as file:
            return file.read()

    def trimmed(self, pem):
        output = self.path("output")
        script = os.path.join(IMAGES, "trim_certificates.py")
        run(sys.executable, script, self.path("bundle", pem.encode()), output)
        with open(output, "rb") as file:
            return file.read()

    def shown(self, der, *what):
        path = self.path("shown", der)
        return run("openssl", "x509", "-inform", "DER", "-in", path, "-noout", *what)

    def test_the_subject_and_the_key_are_unchanged_and_the_rest_is_dropped(self):
        pem = self.issued()
        der, trimmed = ssl.PEM_cert_to_DER_cert(pem), self.trimmed(pem)
        for what in ("-subject", "-pubkey"):
            self.assertEqual(self.shown(trimmed, what), self.shown(der, what))
        self.assertLess(len(trimmed), len(der) * 0.7)

    def test_name_constraints_are_kept(self):
        trimmed = self.trimmed(self.issued("-addext", "nameConstraints=critical,permitted;DNS:example.com"))
        self.assertIn("DNS:example.com", self.shown(trimmed, "-ext", "nameConstraints"))

    def test_every_certificate_of_a_bundle_is_in_the_output_in_an_order_that_does_not_depend_on_the_bundle(self):
        one, other = self.issued(), self.issued()
        self.assertEqual(self.trimmed(one + "comment\n" + other), self.trimmed(other + one))
        found = list(trim_certificates.elements(self.trimmed(one + other)))
        self.assertEqual(sorted(whole for _, _, whole in found), sorted(self.trimmed(pem) for pem in (one, other)))

    def test_a_file_without_certificates_is_an_error(self):
        script = os.path.join(IMAGES, "trim_certificates.py")
        for content in (b"", BUNDLE.replace(b"BEGIN", b"NONE")):
            ended = subprocess.run(
                [sys.executable, script, self.path("bundle", content), self.path("output")], capture_output=True, text=True, check=False
            )
            self.assertEqual(ended.returncode, 1)
            self.assertIn("has no certificate", ended.stderr)
