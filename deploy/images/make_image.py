#!/usr/bin/env python3
"""Makes a container image out of one static program: no Docker, no root, the same bytes every time.

    make_image.py --name curl-trigger --binary FILE --output target/images/curl-trigger.tar
                  [--ca-bundle FILE] [--revision SHA] [--source URL] [--tag TAG] [--env NAME=VALUE ...]
                  [--link PATH=TARGET ...] [--file PATH=FILE ...]

The tar is two things at once: an OCI image layout (`skopeo copy oci-archive:...`, `podman load`, a registry
push with crane or oras) and an archive for `docker load` and `ctr images import`. Both read the same blobs.
The image is FROM scratch: the program at /NAME, /etc/passwd and /etc/group with the one user, and the CA
bundle if one is given. Times are 1970, owners are root, names are sorted, gzip has no time in it.
"""

import argparse
import gzip
import hashlib
import io
import json
import tarfile

USER = 65532


def tar_of(files, links=None):
    """A tar of {path: (mode, bytes)} and {path: target}, with the directories above each file, sorted."""
    links = links or {}
    paths = {**files, **links}
    directories = {"/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(directories | set(paths)):
            entry = tarfile.TarInfo(path)
            entry.mtime = 0
            entry.uname = entry.gname = ""
            if path in files:
                entry.mode, content = files[path]
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
            elif path in links:
                entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, links[path]
                tar.addfile(entry)
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
    return out.getvalue()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def image(name, binary, ca_bundle, revision, source, tag, environment, links, more):
    files = {
        **more,
        name: (0o755, binary),
        "etc/passwd": (0o644, f"nonroot:x:{USER}:{USER}:nonroot:/:/\n".encode()),
        "etc/group": (0o644, f"nonroot:x:{USER}:\n".encode()),
    }
    if ca_bundle is not None:
        files["etc/ssl/certs/ca-certificates.crt"] = (0o644, ca_bundle)
    layer = tar_of(files, links)
    packed = gzip.compress(layer, compresslevel=9, mtime=0)
    blobs = {}

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = (0o644, content)
        return digest

    labels = {
        "org.opencontainers.image.title": name,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.licenses": "MIT",
    }
    if source:
        labels["org.opencontainers.image.source"] = source
    config = compact({
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": [f"/{name}"],
            "User": f"{USER}:{USER}",
            "Env": environment,
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"make_image.py {name}"}],
    })
    layer_digest, config_digest = blob(packed), blob(config)

    def descriptor(kind, digest, content, **more):
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content), **more}

    manifest = compact({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("config.v1+json", config_digest, config),
        "layers": [descriptor("layer.v1.tar+gzip", layer_digest, packed)],
        "annotations": labels,
    })
    reference = f"{name}:{tag}"
    annotations = {
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": f"docker.io/library/{reference}",
    }
    index = compact({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor("manifest.v1+json", blob(manifest), manifest, annotations=annotations)],
    })
    # What `docker load` reads; it finds the layer and the configuration by these paths.
    loadable = compact([{
        "Config": f"blobs/sha256/{config_digest}",
        "RepoTags": [reference],
        "Layers": [f"blobs/sha256/{layer_digest}"],
    }])
    archive = tar_of({
        "oci-layout": (0o644, compact({"imageLayoutVersion": "1.0.0"})),
        "index.json": (0o644, index),
        "manifest.json": (0o644, loadable),
        **blobs,
    })
    return archive, len(packed) + len(config) + len(manifest)


def main():
    parser = argparse.ArgumentParser(description="Makes a FROM scratch image out of one static program.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--ca-bundle")
    parser.add_argument("--revision", default="unknown", help="the git commit")
    parser.add_argument("--source", default="", help="the URL of the repository")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--link", action="append", default=[], metavar="PATH=TARGET", help="a symbolic link")
    parser.add_argument("--file", action="append", default=[], metavar="PATH=FILE", help="one more file, such as a library")
    options = parser.parse_args()

    def read(path):
        with open(path, "rb") as file:
            return file.read()

    ca_bundle = read(options.ca_bundle) if options.ca_bundle else None
    archive, pulled = image(
        options.name,
        read(options.binary),
        ca_bundle,
        options.revision,
        options.source,
        options.tag,
        sorted(options.env),
        dict(link.split("=", 1) for link in options.link),
        {path: (0o755, read(file)) for path, file in (more.split("=", 1) for more in options.file)},
    )
    with open(options.output, "wb") as out:
        out.write(archive)
    digest = hashlib.sha256(archive).hexdigest()
    print(f"{options.output}: {pulled} bytes to pull, sha256 {digest}")


if __name__ == "__main__":
    main()
