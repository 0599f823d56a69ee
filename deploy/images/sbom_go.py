"""The contents of a Go program as CycloneDX: the modules that the linker has recorded in it, and Go's standard library.

The program does not record which module requires which one, so the list says that the program depends on all of them. Licenses are
read from the modules' own files, in Go's module cache; the checksums are those of go.sum.
"""

import base64
import datetime
import glob
import json
import os
import subprocess

# Licenses, each with sentences that only its text or its notice has.
LICENSES = [
    ("Apache-2.0", ["Apache License", "Version 2.0, January 2004"]),
    ("Apache-2.0", ["Licensed under the Apache License, Version 2.0"]),
    ("BSD-2-Clause", ["Redistribution and use in source and binary forms"]),
    ("BSD-3-Clause", ["Redistribution and use in source and binary forms", "endorse or promote products"]),
    ("ISC", ["Permission to use, copy, modify, and/or distribute this software for any purpose"]),
    ("MIT", ["Permission is hereby granted, free of charge, to any person obtaining"]),
    ("MPL-2.0", ["Mozilla Public License", "2.0"]),
]


def output_of(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def modules_of(information):
    """Parses the output of `go version -m`: the version of Go, and (path, version, checksum) of each module, the program's first."""
    first, *lines = information.splitlines()
    modules = []
    for line in lines:
        kind, *fields = line.split()
        if kind == "=>":
            modules.pop()
        if kind in ("mod", "dep", "=>"):
            modules.append(tuple(fields))
    return first.rsplit(" go", 1)[1], modules


def licenses_in(text):
    """The names of the licenses in a text."""
    text = " ".join(text.split())
    found = {name for name, sentences in LICENSES if all(sentence in text for sentence in sentences)}
    return found - {"BSD-2-Clause"} if "BSD-3-Clause" in found else found


def license_of(path, version, module):
    """Reads the licenses of a module, as an SPDX expression. The go.sum of the folder `module` has the module's checksum."""
    folder = json.loads(output_of("go", "mod", "download", "-json", f"{path}@{version}", cwd=module))["Dir"]
    found = set()
    for file in glob.glob(os.path.join(folder, "LICEN[CS]E*")) + glob.glob(os.path.join(folder, "COPYING*")):
        with open(file, encoding="utf-8") as text:
            found |= licenses_in(text.read())
    if not found:
        raise SystemExit(f"make_sbom: {folder} has no license file that sbom_go.py recognizes; add its license to LICENSES")
    return " AND ".join(sorted(found))


def component(path, version, checksum, module):
    purl = f"pkg:golang/{path}@{version}"
    digest = base64.b64decode(checksum.removeprefix("h1:")).hex()
    return {
        "type": "library", "bom-ref": purl, "name": path, "version": version, "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": digest}],
        "licenses": [{"expression": license_of(path, version, module)}], "purl": purl,
    }


def standard_library(version):
    return {
        "type": "library", "bom-ref": "go-std", "name": "std", "version": f"go{version}", "scope": "required",
        "description": "the standard library and the runtime of Go", "licenses": [{"expression": "BSD-3-Clause"}],
        "cpe": f"cpe:2.3:a:golang:go:{version}:*:*:*:*:*:*:*", "purl": f"pkg:golang/std@{version}",
    }


def bom_of(binary, module):
    """The list for a program that was built in the folder `module`."""
    version, (first, *others) = modules_of(output_of("go", "version", "-m", binary))
    program = {**component(*first, module), "type": "application"}
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": [{"vendor": "Go", "name": "go version -m", "version": version}],
            "component": program,
        },
        "components": [*(component(*one, module) for one in others), standard_library(version)],
        "dependencies": [{"ref": program["bom-ref"], "dependsOn": [f"pkg:golang/{path}@{v}" for path, v, _ in others] + ["go-std"]}],
    }
