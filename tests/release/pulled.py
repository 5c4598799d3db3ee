#!/usr/bin/env python3
"""Prints what a registry on this machine gives for an image: pulled.py HOST/NAME@DIGEST

A line "PLATFORM DIGEST NAME" for each file. Of everything that is named by a digest, the digest is checked.
"""

import gzip
import hashlib
import io
import json
import sys
import tarfile
import urllib.request

host, _, rest = sys.argv[1].partition("/")
name, _, index = rest.partition("@")
TYPES = "application/vnd.oci.image.index.v1+json,application/vnd.oci.image.manifest.v1+json"


def digest(content):
    return hashlib.sha256(content).hexdigest()


def pull(kind, expected):
    request = urllib.request.Request(f"http://{host}/v2/{name}/{kind}/{expected}", headers={"Accept": TYPES})
    content = urllib.request.urlopen(request).read()
    if "sha256:" + digest(content) != expected:
        sys.exit(f"error: {expected} has the digest {digest(content)}")
    return content


for platform in json.loads(pull("manifests", index))["manifests"]:
    manifest = json.loads(pull("manifests", platform["digest"]))
    pull("blobs", manifest["config"]["digest"])
    for layer in manifest["layers"]:
        files = tarfile.open(fileobj=io.BytesIO(gzip.decompress(pull("blobs", layer["digest"]))))
        for member in files:
            if member.isfile():
                print(platform["platform"]["architecture"], digest(files.extractfile(member).read()), member.name)
