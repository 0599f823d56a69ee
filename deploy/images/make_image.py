#!/usr/bin/env python3
"""Makes a container image with one static program, reproducibly, without Docker and without root.

    make_image.py --name curl-trigger --binary FILE --output target/images/curl-trigger.tar
                  [--ca-bundle FILE] [--directory PATH ...] [--shared-directory PATH ...] [--description TEXT] [--version VERSION] [--revision SHA]
                  [--source URL] [--created TIME] [--licenses EXPRESSION] [--tag TAG] [--user NAME] [--path PATH] [--command PROGRAM]
                  [--env NAME=VALUE ...] [--link PATH=TARGET ...] [--file PATH=FILE ...]

The tar is both an OCI image layout (for `skopeo copy oci-archive:...`, `podman load`, and a registry push with crane or oras)
and an archive for `docker load` and `ctr images import`; both use the same blobs.

The image is FROM scratch: the program at /NAME or --path, /etc/passwd and /etc/group with one user (users/NAME), the CA bundle if one
is given, and folders that the user owns. The program is the entrypoint, unless --command names what runs instead, such as a shell.
All other files belong to root. Modification times are 1970, names are sorted, and gzip stores no time, so a commit that does not change
the program does not change the layer, and nodes do not pull it again.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import tarfile

USERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "users")
EPOCH = "1970-01-01T00:00:00Z"


def read(path):
    with open(path, "rb") as file:
        return file.read()


def user_files(name):
    """/etc/passwd and /etc/group of a user, and its id, which is also that of its group."""
    files = {f"etc/{kind}": (0o644, read(os.path.join(USERS, name, kind))) for kind in ("passwd", "group")}
    return files, int(files["etc/passwd"][1].split(b":")[2])


def make_tar(files, links=None, owned=(), owner=0, shared=()):
    """A sorted tar of files {path: (mode, bytes)}, links {path: target}, folders that the owner has or that all share, and parent folders."""
    links = links or {}
    paths = {**files, **links, **dict.fromkeys([*owned, *shared])}
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
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if path in shared else 0o755
                if path in owned:
                    entry.uid = entry.gid = owner
                tar.addfile(entry)
    return out.getvalue()


def compact(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def image(binary, path, command, user, ca_bundle, directories, shared, labels, tag, created, environment, links, more):
    """Returns the archive, the number of unpacked bytes, and the number of bytes to pull."""
    name = labels["org.opencontainers.image.title"]
    users, owner = user_files(user)
    files = {**more, **users, path: (0o755, binary)}
    if ca_bundle is not None:
        files["etc/ssl/certs/ca-certificates.crt"] = (0o644, ca_bundle)
    layer = make_tar(files, links, directories, owner, shared)
    packed = gzip.compress(layer, compresslevel=9, mtime=0)
    blobs = {}

    def blob(content):
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = (0o644, content)
        return digest

    config = compact({
        "architecture": "amd64",
        "os": "linux",
        "created": created,
        "config": {
            **({"Cmd": [command]} if command else {"Entrypoint": [f"/{path}"]}),
            "User": f"{owner}:{owner}",
            "Env": environment,
            "Labels": labels,
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created": created, "created_by": f"make_image.py {name}"}],
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
    # For `docker load`.
    loadable = compact([{
        "Config": f"blobs/sha256/{config_digest}",
        "RepoTags": [reference],
        "Layers": [f"blobs/sha256/{layer_digest}"],
    }])
    archive = make_tar({
        "oci-layout": (0o644, compact({"imageLayoutVersion": "1.0.0"})),
        "index.json": (0o644, index),
        "manifest.json": (0o644, loadable),
        **blobs,
    })
    unpacked = sum(len(content) for _, content in files.values())
    return archive, unpacked, len(packed) + len(config) + len(manifest)


def main():
    parser = argparse.ArgumentParser(description="Makes a FROM scratch image with one static program.")
    parser.add_argument("--name", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--ca-bundle")
    parser.add_argument("--directory", action="append", default=[], metavar="PATH", help="a folder that the user owns")
    parser.add_argument("--shared-directory", action="append", default=[], metavar="PATH", help="a folder like /tmp, with mode 1777")
    parser.add_argument("--description", default="")
    parser.add_argument("--version", default="")
    parser.add_argument("--revision", default="unknown", help="the git commit")
    parser.add_argument("--source", default="", help="the URL of the repository")
    parser.add_argument("--created", default=EPOCH, metavar="YYYY-MM-DDTHH:MM:SSZ", help="the time of the commit")
    parser.add_argument("--licenses", default="MIT", help="an SPDX expression")
    parser.add_argument("--tag", default="latest")
    parser.add_argument("--user", default="nonroot", help="a folder of deploy/images/users")
    parser.add_argument("--path", help="where the program is in the image; default: its name")
    parser.add_argument("--command", metavar="PROGRAM", help="what runs by default; default: the program, as the entrypoint")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--link", action="append", default=[], metavar="PATH=TARGET", help="a symbolic link")
    parser.add_argument("--file", action="append", default=[], metavar="PATH=FILE", help="an additional file, such as a library")
    options = parser.parse_args()

    labels = {
        "title": options.name,
        "description": options.description,
        "version": options.version,
        "revision": options.revision,
        "source": options.source,
        "created": "" if options.created == EPOCH else options.created,
        "licenses": options.licenses,
    }
    archive, unpacked, pulled = image(
        binary=read(options.binary),
        path=options.path or options.name,
        command=options.command,
        user=options.user,
        ca_bundle=read(options.ca_bundle) if options.ca_bundle else None,
        directories=options.directory,
        shared=options.shared_directory,
        labels={f"org.opencontainers.image.{key}": value for key, value in labels.items() if value},
        tag=options.tag,
        created=options.created,
        environment=sorted(options.env),
        links=dict(link.split("=", 1) for link in options.link),
        more={path: (0o755, read(file)) for path, file in (more.split("=", 1) for more in options.file)},
    )
    with open(options.output, "wb") as out:
        out.write(archive)
    digest = hashlib.sha256(archive).hexdigest()
    print(f"{options.output}: {unpacked} bytes unpacked, {pulled} bytes to pull, sha256 {digest}")


if __name__ == "__main__":
    main()
