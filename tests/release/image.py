#!/usr/bin/env python3
"""Prints what is in an image, from an archive of `docker save` or of an OCI layout: image.py ARCHIVE

Labels as "NAME=VALUE", then the digest and name of each file. Of everything that is named by a digest, the digest is checked.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile


def digest(content):
    return hashlib.sha256(content).hexdigest()


archive = tarfile.open(sys.argv[1])
members = {member.name.removeprefix("./"): member for member in archive}


def read(name, expected=None):
    content = archive.extractfile(members[name]).read()
    if expected not in (None, digest(content)):
        sys.exit(f"error: {name} has the digest {digest(content)}")
    return content


def blob(described):
    algorithm, hex_digest = described["digest"].split(":")
    return read(f"blobs/{algorithm}/{hex_digest}", hex_digest)


if "oci-layout" in members:
    manifest = json.loads(blob(json.loads(read("index.json"))["manifests"][0]))
    config, layers = blob(manifest["config"]), [blob(layer) for layer in manifest["layers"]]
else:
    [manifest] = json.loads(read("manifest.json"))
    config = read(manifest["Config"], manifest["Config"].removeprefix("sha256:"))
    layers = [read(layer, layer.removesuffix(".tar.gz")) for layer in manifest["Layers"]]

config = json.loads(config)
for label in sorted(config["config"]["Labels"].items()):
    print("=".join(label))
for layer, diff_id in zip(map(gzip.decompress, layers), config["rootfs"]["diff_ids"], strict=True):
    if "sha256:" + digest(layer) != diff_id:
        sys.exit(f"error: a layer is not {diff_id}")
    files = tarfile.open(fileobj=io.BytesIO(layer))
    for member in files:
        if member.isfile():
            print(digest(files.extractfile(member).read()), member.name)
