#!/usr/bin/env python3
"""Lists the contents of an image as CycloneDX 1.5: crates or Go modules, the standard library, the C library, the CA bundle.

    make_sbom.py --name trigger-api --package trigger-api --binary FILE --output target/images/trigger-api.cdx.json
                 [--feature NAME] [--ca-bundle FILE] [--install]
    make_sbom.py --name nats-box --go-module tools/nats/natscli --binary FILE --output target/images/nats-box.cdx.json
                 [--ca-bundle FILE] [--busybox]

For a crate, cargo-cyclonedx supplies licenses, hashes and origins. Its list is too long, because it unifies the features of the whole
workspace and includes build dependencies: for trades-sync, a third of it is not linked, such as a MySQL driver. So only the crates
that `cargo tree` reports as linked into the program are kept. --install builds the tool, which takes some minutes, if neither the
cache nor PATH has it. sbom_go.py makes the list of a Go program. --busybox adds the program of Debian's package busybox-static.
The list does not depend on the clock or the folder; SOURCE_DATE_EPOCH sets its time.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import sbom_go

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = "x86_64-unknown-linux-gnu"
TOOL, VERSION = "cargo-cyclonedx", "0.5.9"


def output_of(*command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "tradeops", f"{TOOL}-{VERSION}")


def find_tool():
    """The path of the tool in the required version, or None."""
    for path in (os.path.join(cache(), "bin", TOOL), shutil.which(TOOL)):
        if path and os.path.exists(path) and output_of(path, "cyclonedx", "--version").split()[-1] == VERSION:
            return path
    return None


def install_tool():
    print(f"building {TOOL}, which takes some minutes; the result is cached", file=sys.stderr)
    # The tool is not built with the flags of the static programs.
    environment = {k: v for k, v in os.environ.items() if "RUSTFLAGS" not in k and k != "CARGO_BUILD_TARGET"}
    with tempfile.TemporaryDirectory() as target:
        environment["CARGO_TARGET_DIR"] = target
        command = ["cargo", "install", "--quiet", "--locked", "--debug", "--root", cache(), f"{TOOL}@{VERSION}"]
        subprocess.run(command, check=True, env=environment)


def linked(package, feature):
    """The crates that are linked into the program, as {(name, version)}."""
    features = ["--no-default-features", "--features", feature] if feature else []
    tree = output_of(
        "cargo", "tree", "--quiet", "--locked", "--package", package, "--target", TARGET, *features,
        "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}", cwd=ROOT,
    )
    return {(line.split()[0], line.split()[1].removeprefix("v")) for line in tree.splitlines()}


def every_crate(tool, package, feature):
    """The tool's list for the package. The tool writes a file beside each manifest, so it runs on a copy of the manifests."""
    features = ["--no-default-features", "--features", feature] if feature else []
    with tempfile.TemporaryDirectory() as folder:
        folder = os.path.realpath(folder)
        for name in ("Cargo.toml", "Cargo.lock"):
            shutil.copy(os.path.join(ROOT, name), folder)

        def others(directory, names):
            return [n for n in names if n == "target" or not (n.endswith((".rs", ".toml")) or os.path.isdir(os.path.join(directory, n)))]

        shutil.copytree(os.path.join(ROOT, "crates"), os.path.join(folder, "crates"), ignore=others)
        subprocess.run(
            [tool, "cyclonedx", "-qq", "--format", "json", "--spec-version", "1.5", "--target", TARGET, "--all",
             "--no-build-deps", "--manifest-path", os.path.join(folder, "crates", package, "Cargo.toml"), *features],
            check=True, env={"SOURCE_DATE_EPOCH": "0", **os.environ},
        )
        with open(os.path.join(folder, "crates", package, f"{package}.cdx.json")) as file:
            # References contain the path of the copy.
            return json.loads(file.read().replace(f"path+file://{folder}/", ""))


def sha256(path):
    with open(path, "rb") as file:
        return [{"alg": "SHA-256", "content": hashlib.sha256(file.read()).hexdigest()}]


def standard_library():
    version = output_of("rustc", "--version").split()[1]
    return {
        "type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": version, "scope": "required",
        "description": "core, alloc and std of the Rust compiler", "licenses": [{"expression": "MIT OR Apache-2.0"}],
        "cpe": f"cpe:2.3:a:rust-lang:rust:{version}:*:*:*:*:*:*:*", "purl": f"pkg:generic/rust@{version}",
    }


def package_url(package, version):
    """Of a package of this machine's distribution, whose version shows which fixes are included."""
    distribution = platform.freedesktop_os_release()["ID"]
    return f"pkg:deb/{distribution}/{package}@" + version.replace("+", "%2B")


def installed(package, field="Version"):
    return output_of("dpkg-query", "-W", "-f", f"${{{field}}}", package)


def c_library():
    version = output_of("getconf", "GNU_LIBC_VERSION").split()[1]
    purl = f"pkg:generic/glibc@{version}"
    if shutil.which("dpkg-query"):
        purl = package_url("libc6-dev", installed("libc6-dev"))
    return glibc(version, purl)


def glibc(version, purl):
    return {
        "type": "library", "bom-ref": "glibc", "name": "glibc", "version": version, "scope": "required",
        "description": "the C library, linked statically", "licenses": [{"expression": "LGPL-2.1-or-later"}],
        "cpe": f"cpe:2.3:a:gnu:glibc:{version}:*:*:*:*:*:*:*", "purl": purl,
    }


def busybox():
    """The program of the package busybox-static, and the C library that it was linked with."""
    package = "busybox-static"
    path = next(line for line in output_of("dpkg-query", "-L", package).splitlines() if line.endswith("/bin/busybox"))
    # "glibc (= 2.36-9+deb12u14)"
    built_using = installed(package, "Built-Using") or installed(package, "Static-Built-Using")
    library = re.search(r"\bglibc \(= ([^)]+)\)", built_using)[1]
    version = installed(package)
    return [{
        "type": "application", "bom-ref": "busybox", "name": "busybox", "version": version, "scope": "required",
        "description": "the shell and its tools", "hashes": sha256(path), "licenses": [{"expression": "GPL-2.0-only"}],
        "purl": package_url(package, version),
    }, glibc(library.partition("-")[0], package_url("glibc", library) + "?arch=source")]


def certificates(path):
    return {
        "type": "file", "bom-ref": "ca-certificates", "name": "/etc/ssl/certs/ca-certificates.crt", "scope": "required",
        "description": "trusted certificate authorities", "hashes": sha256(path),
    }


def crates(tool, package, feature):
    """The list for a program of the workspace, without the crates that are not linked."""
    bom = every_crate(tool, package, feature)
    expected = linked(package, feature)
    program = bom["metadata"]["component"]
    # The package's library and program are one file.
    program.pop("components", None)
    kept = [one for one in bom["components"] if (one["name"], one["version"]) in expected]
    missing = expected - {(one["name"], one["version"]) for one in [*kept, program]}
    if missing:
        sys.exit(f"make_sbom: {TOOL} does not list {', '.join(f'{n} {v}' for n, v in sorted(missing))}")
    for one in [program, *kept]:
        # For crates of the workspace, this part would be a path.
        one["purl"] = one["purl"].partition("?download_url=file:")[0]
    bom["components"] = kept
    return bom


def image_of(bom, name, binary, others):
    """The list for an image: that of its program, and other components."""
    program = bom["metadata"]["component"]
    program.update(name=name, hashes=sha256(binary))
    bom["components"] += others
    kept = {one["bom-ref"] for one in [program, *bom["components"]]}
    edges = {one["ref"]: [ref for ref in one.get("dependsOn", []) if ref in kept] for one in bom["dependencies"]}
    edges[program["bom-ref"]] += [one["bom-ref"] for one in others]
    bom["dependencies"] = [
        {"ref": ref, **({"dependsOn": sorted(edges[ref])} if edges.get(ref) else {})} for ref in sorted(kept)
    ]
    return json.dumps(bom, indent=1, ensure_ascii=False) + "\n"


def sbom(options):
    """The list for the image of the command line."""
    others = []
    if options.go_module:
        bom = sbom_go.bom_of(options.binary, os.path.join(ROOT, options.go_module))
    else:
        if options.install and not find_tool():
            install_tool()
        tool = find_tool() or sys.exit(f"make_sbom: {TOOL} {VERSION} is not installed; --install builds it")
        bom = crates(tool, options.package, options.feature)
        others.append(standard_library())
        # curl-trigger is built without a C library.
        if options.package != "curl-trigger":
            others.append(c_library())
    if options.busybox:
        others += busybox()
    if options.ca_bundle:
        others.append(certificates(options.ca_bundle))
    return image_of(bom, options.name, options.binary, others)


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Lists the contents of an image, as CycloneDX.")
    parser.add_argument("--name", required=True)
    program = parser.add_mutually_exclusive_group(required=True)
    program.add_argument("--package", help="the crate of the program")
    program.add_argument("--go-module", metavar="FOLDER", help="the Go module that the program was built in")
    parser.add_argument("--feature")
    parser.add_argument("--binary", required=True)
    parser.add_argument("--ca-bundle")
    parser.add_argument("--busybox", action="store_true", help="the image contains the program of busybox-static")
    parser.add_argument("--output", required=True)
    parser.add_argument("--install", action="store_true", help="build cargo-cyclonedx if it is not installed")
    return parser.parse_args(arguments)


def main():
    options = parse()
    try:
        bom = sbom(options)
    except subprocess.CalledProcessError as error:
        sys.exit(f"make_sbom: {' '.join(error.cmd[:3])} ended with status {error.returncode}; its error message is above")
    with open(options.output, "w") as out:
        out.write(bom)
    print(f"{options.output}: {len(json.loads(bom)['components'])} components")


if __name__ == "__main__":
    main()
