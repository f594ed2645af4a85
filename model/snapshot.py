"""A session's whole state as bytes: pause, recovery, drain, move, rewind, fork and replay.

A snapshot is the session's context: the frames that the next frame attends to, as inputs of the
transformer. Restoring encodes the frames anew in a single pass. Keys of a long session were
computed from frames that have left the window since. A restored session therefore equals a session
that re-encoded its window at the snapshot, and differs from a session without a pause; until the
window is first full the two are the same.

Format: safetensors; the metadata holds a JSON header and the SHA-256 of the header and of all
tensors. Snapshots of older versions have no SHA-256 and are read without. Shape letters: F frames,
A action size, C h w latent channels, rows, columns. In a world with a place the states are behind
the actions.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from model.cache.frame_store import ContextClip
from model.sampling.noise import MAX_SEED
from model.world import World

FORMAT_VERSION = 1
MAX_SNAPSHOT_BYTES = 4 * 2**20
MAX_HEADER_BYTES = 64 * 2**10
MAX_TEXT_CHARS = 200
_METADATA_KEY = "nextframe"
_SHA256_KEY = "nextframe_sha256"
_HEADER_KEYS = {
    "format_version",
    "world_name",
    "world_version",
    "world_digest",
    "seed",
    "frame_idxs",
    "last_action_seq",
    "engine_profile",
}
_LATENT_DTYPES = (torch.float32, torch.float16, torch.bfloat16)


class SnapshotError(ValueError):
    """The world cannot go on from the snapshot; the message says why."""


class DamagedSnapshotError(SnapshotError):
    """The bytes are not what `WorldSnapshot.to_bytes` wrote, whatever the world."""


class NotFiniteError(SnapshotError):
    """Some latents or actions are NaN or infinite, and every frame after them would be."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WorldSnapshot:
    """A session after frame `frame_idx`. `engine_profile` names the device and precision of the
    engine; frames of another profile differ by rounding."""

    world_name: str
    world_version: str
    world_digest: str
    seed: int
    frame_idxs: tuple[int, ...]
    last_action_seq: int
    engine_profile: str
    context: ContextClip

    @property
    def frame_idx(self) -> int:
        """Index of the newest frame."""
        return self.frame_idxs[-1]

    def to_bytes(self) -> bytes:
        """Raises NotFiniteError for a context with NaN or infinite numbers, which `from_bytes`
        would refuse."""
        header = {
            "format_version": FORMAT_VERSION,
            "world_name": self.world_name,
            "world_version": self.world_version,
            "world_digest": self.world_digest,
            "seed": self.seed,
            "frame_idxs": self.frame_idxs,
            "last_action_seq": self.last_action_seq,
            "engine_profile": self.engine_profile,
        }
        tensors = {
            "latents": self.context.latents_FChw,
            "t": self.context.t_F,
            "actions": self.context.actions_FA,
        }
        for name, tensor in tensors.items():
            _check_finite(name, tensor)
        text = json.dumps(header)
        metadata = {_METADATA_KEY: text, _SHA256_KEY: _sha256(text, tensors)}
        return _in_order(save_tensors(tensors, metadata=metadata))

    @classmethod
    def from_bytes(cls, blob: bytes) -> "WorldSnapshot":
        """Raises DamagedSnapshotError for anything that `to_bytes` would not have written."""
        if len(blob) > MAX_SNAPSHOT_BYTES:
            raise DamagedSnapshotError(f"{len(blob)} bytes; at most {MAX_SNAPSHOT_BYTES} are read")
        text, sha256 = _read_metadata(blob)
        header = _read_header(text)
        if not isinstance(header["frame_idxs"], list):
            raise DamagedSnapshotError("frame_idxs: a list expected")
        frame_idxs = _ascending(header["frame_idxs"])
        tensors = _read_tensors(blob)
        context = _context(tensors, len(frame_idxs))
        if sha256 is not None and sha256 != _sha256(text, tensors):
            raise DamagedSnapshotError("its SHA-256 differs: bytes have changed since it was taken")
        return cls(
            world_name=_text(header, "world_name"),
            world_version=_text(header, "world_version"),
            world_digest=_text(header, "world_digest"),
            seed=_natural(header["seed"], "seed", MAX_SEED),
            frame_idxs=frame_idxs,
            last_action_seq=_natural(header["last_action_seq"], "last_action_seq", 2**32 - 1),
            engine_profile=_text(header, "engine_profile"),
            context=context,
        )

    def check_world(self, world: World) -> None:
        """Raises SnapshotError unless the snapshot is of exactly this world."""
        ours = (world.spec.name, world.spec.version, world.digest)
        theirs = (self.world_name, self.world_version, self.world_digest)
        if ours != theirs:
            raise SnapshotError(
                f"a snapshot of world {theirs[0]} {theirs[1]} ({theirs[2][:12]}), "
                f"not of {ours[0]} {ours[1]} ({ours[2][:12]})"
            )
        nfd = world.spec.nfd
        cell = (nfd.latent_channels, nfd.grid_height, nfd.grid_width)
        if self.context.latents_FChw.shape[1:] != cell:
            raise SnapshotError(f"latents {tuple(self.context.latents_FChw.shape)} do not fit")
        if self.context.actions_FA.shape[1] != nfd.condition_size:
            raise SnapshotError(f"actions {tuple(self.context.actions_FA.shape)} do not fit")


def _read_metadata(blob: bytes) -> tuple[str, str | None]:
    """(text of the header, SHA-256 if there is one). safetensors begins with its own header's
    length (u64, little-endian) and JSON; the metadata in it is not returned by its loader for
    bytes."""
    length = int.from_bytes(blob[:8], "little")
    if not 0 < length <= min(MAX_HEADER_BYTES, len(blob) - 8):
        raise DamagedSnapshotError(f"header of {length} bytes in a snapshot of {len(blob)}")
    try:
        metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
        text, sha256 = metadata[_METADATA_KEY], metadata.get(_SHA256_KEY)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedSnapshotError(f"no header: {error!r:.200}") from error
    if not isinstance(text, str):
        raise DamagedSnapshotError("no header: a text expected")
    return text, sha256


def _read_header(text: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedSnapshotError(f"no header: {error!r:.200}") from error
    if not isinstance(header, dict) or header.get("format_version") != FORMAT_VERSION:
        raise DamagedSnapshotError(f"format_version {FORMAT_VERSION} expected")
    if odd := header.keys() ^ _HEADER_KEYS:
        raise DamagedSnapshotError(f"header fields missing or unknown: {sorted(odd)!r:.200}")
    return header


def _read_tensors(blob: bytes) -> dict[str, Tensor]:
    try:
        tensors = load_tensors(blob)
    except (SafetensorError, KeyError) as error:  # KeyError: a dtype that torch has not
        raise DamagedSnapshotError(f"not safetensors: {error}") from error
    if tensors.keys() != {"latents", "t", "actions"}:
        raise DamagedSnapshotError(f"latents, t and actions expected, got {sorted(tensors)!r:.200}")
    return tensors


def _context(tensors: Mapping[str, Tensor], num_frames: int) -> ContextClip:
    latents, t, actions = tensors["latents"], tensors["t"], tensors["actions"]
    _check_tensor("latents", latents, num_frames, num_axes=4, dtypes=_LATENT_DTYPES)
    _check_tensor("t", t, num_frames, num_axes=1, dtypes=(torch.float32,))
    _check_tensor("actions", actions, num_frames, num_axes=2, dtypes=(torch.float32,))
    if not bool(((t >= 0) & (t <= math.pi / 2)).all()):
        raise DamagedSnapshotError("noise labels must lie in [0, pi/2]")
    return ContextClip(latents_FChw=latents, t_F=t, actions_FA=actions)


def _check_tensor(
    name: str, tensor: Tensor, num_frames: int, *, num_axes: int, dtypes: tuple[torch.dtype, ...]
) -> None:
    if tensor.dtype not in dtypes or tensor.ndim != num_axes or len(tensor) != num_frames:
        raise DamagedSnapshotError(f"{name}: {tensor.dtype} {tuple(tensor.shape)} does not fit")
    if not bool(tensor.isfinite().all()):
        raise DamagedSnapshotError(f"{name}: not finite")


def _check_finite(name: str, tensor: Tensor) -> None:
    if not bool(tensor.isfinite().all()):
        raise NotFiniteError(f"{name}: some numbers are NaN or infinite")


def _in_order(blob: bytes) -> bytes:
    """The same file with sorted metadata, which safetensors writes in any order: equal snapshots
    are equal bytes."""
    length = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
    return len(text).to_bytes(8, "little") + text + blob[8 + length :]


def _sha256(text: str, tensors: Mapping[str, Tensor]) -> str:
    """Of the header's text, and of each tensor's name, dtype, shape and bytes, by name."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _text(header: dict[str, Any], name: str) -> str:
    value = header[name]
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARS:
        raise DamagedSnapshotError(
            f"{name}: a text of at most {MAX_TEXT_CHARS} characters expected"
        )
    return value


def _natural(value: Any, name: str, largest: int) -> int:
    if type(value) is not int or not 0 <= value <= largest:
        raise DamagedSnapshotError(
            f"{name}: an integer from 0 to {largest} expected, got {value!r:.40}"
        )
    return value


def _ascending(values: list[Any]) -> tuple[int, ...]:
    frame_idxs = tuple(_natural(value, "frame_idxs", 2**32 - 1) for value in values)
    if not frame_idxs or any(later <= earlier for earlier, later in pairwise(frame_idxs)):
        raise DamagedSnapshotError("frame_idxs: at least one expected, and ascending")
    return frame_idxs
