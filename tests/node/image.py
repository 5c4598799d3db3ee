#!/usr/bin/env python3
"""Writes a static program as an image of one layer to standard output, in the format of `docker save`: image.py NAME PROGRAM"""

import hashlib
import io
import json
import os
import sys
import tarfile


def archive(files):
    """A tar of (name, mode, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, mode, content in files:
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


name, path = sys.argv[1:]
program = os.path.basename(path)
with open(path, "rb") as file:
    layer = archive([(program, 0o755, file.read())])
config = json.dumps({
    "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
    "os": "linux",
    "config": {"Entrypoint": ["/" + program]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
}).encode()
manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
sys.stdout.buffer.write(archive([
    ("layer.tar", 0o644, layer), ("config.json", 0o644, config), ("manifest.json", 0o644, manifest),
]))
