"""Repositories of the Hugging Face hub: which files there are, how large, and their hashes.

The hub's address is HF_ENDPOINT, as for huggingface_hub. Its API (`/api/models/REPO/revision/REV?blobs=true`)
tells of each file the size and the git blob's id, and of large ones the sha256; so all is verified.
"""

import json
import os
from fnmatch import fnmatch
from urllib.parse import quote

from propfield.errors import PropfieldError
from propfield.weights.catalogue import WeightsFile
from propfield.weights.download import read_small

KEEP = ("*.json", "*.txt", "model*.safetensors")
"""What transformers needs of a repository. Never pickles, which can run code when they are loaded."""
_LARGEST_ANSWER = 16 * 2**20


def hub_files(repository: str, revision: str = "main") -> tuple[str, tuple[WeightsFile, ...]]:
    """The commit that a revision is at, and the files to fetch of it.

    NotFound for an unknown repository, Unavailable when the hub cannot be reached, PropfieldError for an
    answer that is none, or for a repository without safetensors.
    """
    hub = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    url = f"{hub}/api/models/{quote(repository)}/revision/{quote(revision, safe='')}?blobs=true"
    try:
        told = json.loads(read_small(url, _LARGEST_ANSWER))
        commit = str(told["sha"])
        files = tuple(
            WeightsFile(
                name=each["rfilename"],
                url=f"{hub}/{quote(repository)}/resolve/{quote(commit, safe='')}/{quote(each['rfilename'])}",
                bytes=int(each["size"]),
                digest=f"sha256:{each['lfs']['sha256']}" if each.get("lfs") else f"git-blob:{each['blobId']}",
            )
            for each in told["siblings"]
            if _is_kept(each["rfilename"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PropfieldError(
            f"{hub} does not answer as the Hugging Face hub does; check HF_ENDPOINT."
        ) from error
    if not any(file.name.endswith(".safetensors") for file in files):
        raise PropfieldError(
            f"{repository} holds no safetensors at {commit[:12]}; propfield loads no others."
        )
    return commit, files


def _is_kept(name: str) -> bool:
    # A name must not lead out of the folder that the files come into.
    return not set(name) & set("/\\:") and any(fnmatch(name, kind) for kind in KEEP)
