#!/usr/bin/env python3
"""Writes the names and keys of certificate authorities, for the image curl-trigger-tls.

    trim_certificates.py BUNDLE.pem OUTPUT.der

A program that verifies a server's certificate uses only the name, the key and the name constraints of a trusted authority. The rest of
its certificate, above all the signature, is half of the bytes to pull. The output has one DER certificate after the other, without
signatures, validity periods and other extensions: curl-trigger reads such a file as well as a bundle.
"""

import base64
import re
import sys

SEQUENCE, INTEGER, BIT_STRING, OID = 0x30, 0x02, 0x03, 0x06
VERSION, EXTENSIONS = 0xA0, 0xA3
NAME_CONSTRAINTS = bytes.fromhex("0603551d1e")
VERSION_3 = bytes.fromhex("a003020102")
# Fields that are required, but not used: a serial number, an algorithm, an empty issuer, a validity period, and a signature.
SERIAL = bytes.fromhex("020101")
ALGORITHM = bytes.fromhex("300a06082a8648ce3d040302")
ISSUER = bytes.fromhex("3000")
VALIDITY = bytes([SEQUENCE, 30]) + 2 * (bytes([0x17, 13]) + b"700101000000Z")
SIGNATURE = bytes.fromhex("030100")


def elements(der):
    """The DER elements in the bytes: (tag, content, all bytes)."""
    at = 0
    while at < len(der):
        tag, length, start = der[at], der[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(der[start:start + count], "big"), start + count
        yield tag, der[start:start + length], der[at:start + length]
        at = start + length


def encoded(tag, *parts):
    content = b"".join(parts)
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content


def trimmed(certificate):
    """The certificate with only its subject, its key and its name constraints."""
    (_, content, _), = elements(certificate)
    signed = next(elements(content))[1]
    fields = [field for field in elements(signed) if field[0] != VERSION]
    subject, key = fields[4][2], fields[5][2]
    extensions = [list for tag, content, _ in fields if tag == EXTENSIONS for _, list, _ in elements(content)]
    kept = [whole for list in extensions for _, content, whole in elements(list) if content.startswith(NAME_CONSTRAINTS)]
    extensions = encoded(EXTENSIONS, encoded(SEQUENCE, *kept)) if kept else b""
    signed = encoded(SEQUENCE, VERSION_3, SERIAL, ALGORITHM, ISSUER, VALIDITY, subject, key, extensions)
    return encoded(SEQUENCE, signed, ALGORITHM, SIGNATURE)


def certificates(pem):
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.DOTALL)
    return [base64.b64decode(block) for block in blocks]


def main():
    bundle, output = sys.argv[1:]
    with open(bundle, encoding="ascii", errors="replace") as file:
        found = certificates(file.read())
    if not found:
        sys.exit(f"trim_certificates.py: {bundle} has no certificate in PEM form")
    # Similar keys next to each other compress better.
    with open(output, "wb") as file:
        file.write(b"".join(sorted(map(trimmed, found))))


if __name__ == "__main__":
    main()
