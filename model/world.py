"""A world: what training publishes and generation loads. A folder, read strictly, never pickled.

    world.json              WorldSpec, provenance, licence, sha256 of every other file
    tokenizer.safetensors   the VAE
    nfd.safetensors         the transformer (above SHARD_BYTES: nfd-00001-of-00002.safetensors, ...)
    starts.safetensors      latents and actions of a few real opening clips
    state.safetensors       in a world with a place: where its walls are
    card.md                 measured quality and speed, for people

Shape letters: F frames, A condition size (the action, then the state in a world with a place),
C h w latent channels, rows, columns.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from model.action_space import ActionSpace, Key
from model.disk import sync
from model.nfd.transformer import NFDConfig, NFDTransformer
from model.place.config import PlaceConfig
from model.place.floor import FloorSpec
from model.place.state import STATE_SIZE, Motion, StateModel, StateSpec
from model.tokenizer.vae import VAE, VAEConfig

FORMAT_VERSION = 1
SHARD_BYTES = 16 * 2**20
MAX_WORLD_JSON_BYTES = 2**20
PICTURES = (".png", ".webp", ".gif")

Precision = Literal["fp32", "int8", "bf16"]
T = TypeVar("T")


class WorldError(ValueError):
    """The folder holds no world that the code can serve; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """How the served frames are drawn. `kind` is "euler" or "consistency"; `times[n]` are the n
    TrigFlow times of an n-step frame, from pi/2 down; `context_t` is the small noise that context
    frames carry and are labelled with."""

    kind: str
    times: dict[int, tuple[float, ...]]
    default_steps: int
    context_t: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldSpec:
    """All of a world except tensors. Sizes in pixels."""

    name: str
    version: str
    title: str
    width: int
    height: int
    fps: float
    action_space: ActionSpace
    vae: VAEConfig
    nfd: NFDConfig
    sampler: SamplerSpec
    licence: str
    state: StateSpec | None = None
    training: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A real opening clip: latents (F, C, h, w) and the condition of each frame (F, A): the action
    that led to the frame and, in a world with a place, the player's state."""

    name: str
    latents_FChw: Tensor
    actions_FA: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A loaded world. `digest` names the exact content. `precision`: of the networks' arithmetic;
    `model.int8` and `model.precision` convert a published world."""

    spec: WorldSpec
    tokenizer: VAE
    transformer: NFDTransformer
    starts: tuple[Start, ...]
    digest: str
    precision: Precision = "fp32"
    state_model: StateModel | None = None

    @classmethod
    def load(cls, path: str | Path) -> "World":
        """Reads and checks a bundle. Raises WorldError for a missing folder, a wrong hash, shape,
        key or version, and for weights that are not finite numbers."""
        folder = Path(path)
        manifest = _read_manifest(folder)
        spec = _from_json(WorldSpec, manifest["spec"])
        files = _read_files(folder, manifest["files"])
        tokenizer = VAE(spec.vae)
        _load_module(tokenizer, _merge_shards(files, "tokenizer"), "tokenizer")
        transformer = NFDTransformer(spec.nfd)
        _load_module(transformer, _merge_shards(files, "nfd"), "nfd")
        starts = _read_starts(_merge_shards(files, "starts"), manifest["starts"], spec)
        return cls(
            spec=spec,
            tokenizer=tokenizer.eval().requires_grad_(False),
            transformer=transformer.eval().requires_grad_(False),
            starts=starts,
            digest=_digest(manifest["files"]),
            state_model=_read_state(_merge_shards(files, "state"), spec),
        )

    def save(self, path: str | Path, *, card: str, dtype: torch.dtype = torch.float16) -> None:
        """The bundle and nothing beside it; see `saving`."""
        with self.saving(path, card=card, dtype=dtype):
            pass

    @contextmanager
    def saving(
        self, path: str | Path, *, card: str, dtype: torch.dtype = torch.float16
    ) -> Iterator["Bundle"]:
        """Writes the bundle beside `path`, weights as `dtype`. The block may add files of the same
        version to the bundle's folder. When the block ends without error, the folder is moved to
        `path` at once. Until then an existing folder stays unchanged; afterwards only images of the
        old folder are kept, except images that the block wrote anew."""
        assert self.precision == "fp32"
        folder = Path(path)
        folder.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            yield Bundle(folder=building, digest=_digest(self._write_files(building, card, dtype)))
            _replace_folder(building, folder)
        finally:
            shutil.rmtree(building, ignore_errors=True)

    def _write_files(self, folder: Path, card: str, dtype: torch.dtype) -> dict[str, str]:
        """Returns file name → sha256."""
        tensors = {
            "tokenizer": self.tokenizer.state_dict(),
            "nfd": self.transformer.state_dict(),
            "starts": _start_tensors(self.starts),
        }
        if self.state_model is not None:
            tensors["state"] = self.state_model.tensors()
        hashes = {"card.md": _write(folder / "card.md", card.encode())}
        for stem, state in tensors.items():
            hashes |= _write_shards(folder, stem, self._stored(stem, state, dtype))
        manifest = {
            "format_version": FORMAT_VERSION,
            "spec": _to_json(self.spec),
            "starts": [start.name for start in self.starts],
            "files": hashes,
        }
        _write(folder / "world.json", json.dumps(manifest, indent=1).encode())
        return hashes

    def _stored(
        self, stem: str, state: Mapping[str, Tensor], dtype: torch.dtype
    ) -> dict[str, Tensor]:
        """As `dtype`, but for walls and states: half precision is half of a map unit there."""
        is_placed = self.state_model is not None
        return {
            key: value.detach()
            .cpu()
            .to(
                torch.float32
                if stem == "state" or (is_placed and stem == "starts" and key.endswith("actions"))
                else dtype
            )
            for key, value in state.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle before the move to its final folder; `digest` is the digest after loading."""

    folder: Path
    digest: str


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "world.json"
    if not path.is_file():
        raise WorldError(f"no world at {folder}: world.json is missing")
    if path.stat().st_size > MAX_WORLD_JSON_BYTES:
        raise WorldError(f"{path} is larger than {MAX_WORLD_JSON_BYTES} bytes")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise WorldError(f"{path} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format_version") != FORMAT_VERSION:
        raise WorldError(f"{path}: format_version {FORMAT_VERSION} expected")
    if missing := {"spec", "starts", "files"} - manifest.keys():
        raise WorldError(f"{path}: {sorted(missing)} missing")
    return manifest


def _read_files(folder: Path, hashes: Mapping[str, str]) -> dict[str, bytes]:
    contents = {}
    for name, expected in hashes.items():
        if Path(name).name != name:
            raise WorldError(f"file name {name!r} leaves the world's folder")
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise WorldError(f"{folder / name}: {error.strerror}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise WorldError(f"{folder / name}: sha256 differs from world.json; copy it again")
        contents[name] = content
    return contents


def _merge_shards(files: Mapping[str, bytes], stem: str) -> dict[str, Tensor]:
    shards = [name for name in files if name.startswith((f"{stem}.", f"{stem}-"))]
    merged: dict[str, Tensor] = {}
    for name in sorted(name for name in shards if name.endswith(".safetensors")):
        try:
            merged |= load_tensors(files[name])
        except (SafetensorError, KeyError) as error:  # KeyError: a dtype that torch lacks
            raise WorldError(f"{name}: {error}") from error
    return merged


def _load_module(module: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    wanted = module.state_dict()
    if wanted.keys() != state.keys():
        odd = sorted(wanted.keys() ^ state.keys())[:5]
        raise WorldError(f"{name}: keys differ from the model's: {odd}")
    for key, value in state.items():
        if value.shape != wanted[key].shape:
            raise WorldError(
                f"{name}.{key}: {list(wanted[key].shape)} expected, got {list(value.shape)}"
            )
        _check_finite(f"{name}.{key}", value)
    module.load_state_dict({key: value.float() for key, value in state.items()})


def _check_finite(name: str, tensor: Tensor) -> None:
    """One weight that is not finite makes every frame so."""
    if not bool(tensor.isfinite().all()):
        raise WorldError(f"{name}: some numbers are NaN or infinite; train or publish it again")


def _start_tensors(starts: tuple[Start, ...]) -> dict[str, Tensor]:
    tensors = {}
    for start in starts:
        tensors[f"{start.name}.latents"] = start.latents_FChw
        tensors[f"{start.name}.actions"] = start.actions_FA
    return tensors


def _read_starts(
    tensors: Mapping[str, Tensor], names: list[str], spec: WorldSpec
) -> tuple[Start, ...]:
    cell = (spec.nfd.latent_channels, spec.nfd.grid_height, spec.nfd.grid_width)
    starts = []
    for name in names:
        try:
            latents, actions = tensors[f"{name}.latents"], tensors[f"{name}.actions"]
        except KeyError as error:
            raise WorldError(f"starts: {error} is missing") from error
        if latents.shape[1:] != cell or actions.shape != (len(latents), spec.nfd.condition_size):
            raise WorldError(f"starts: {name} has shapes {latents.shape}, {actions.shape}")
        _check_finite(f"starts: {name}", latents)
        _check_finite(f"starts: {name}", actions)
        starts.append(Start(name=name, latents_FChw=latents.float(), actions_FA=actions.float()))
    if not starts:
        raise WorldError("a world needs at least one start")
    return tuple(starts)


def _read_state(tensors: Mapping[str, Tensor], spec: WorldSpec) -> StateModel | None:
    place = spec.nfd.place
    if spec.state is None and place is None and not tensors:
        return None
    if spec.state is None or place is None or place.state_size != STATE_SIZE:
        raise WorldError(f"a place needs both nfd.place, with {STATE_SIZE} numbers, and a state")
    try:
        return StateModel.of(spec.state, tensors)
    except ValueError as error:
        raise WorldError(f"state: {error}") from error


def _to_json(spec: WorldSpec) -> dict[str, Any]:
    """Without what a world without a place does not have."""
    values = asdict(spec)
    if spec.state is None:
        del values["state"]
    if spec.nfd.place is None:
        del values["nfd"]["place"]
    return values


def _write_shards(folder: Path, stem: str, state: Mapping[str, Tensor]) -> dict[str, str]:
    """Writes `stem.safetensors`, or numbered shards with an index as Hugging Face lays them out.
    Returns file name → sha256."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for key, value in state.items():
        stored = value.contiguous()
        if size and size + stored.nbytes > SHARD_BYTES - 2**16:
            shards.append({})
            size = 0
        shards[-1][key] = stored
        size += stored.nbytes
    if len(shards) == 1:
        name = f"{stem}.safetensors"
        return {name: _write(folder / name, save_tensors(shards[0]))}
    hashes: dict[str, str] = {}
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"{stem}-{number:05d}-of-{len(shards):05d}.safetensors"
        hashes[name] = _write(folder / name, save_tensors(shard))
        weight_map |= dict.fromkeys(shard, name)
    index = f"{stem}.safetensors.index.json"
    hashes[index] = _write(folder / index, json.dumps({"weight_map": weight_map}).encode())
    return hashes


def _write(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def _replace_folder(building: Path, folder: Path) -> None:
    for picture in (path for path in folder.glob("*") if path.suffix in PICTURES):
        if not (building / picture.name).exists():
            shutil.copy2(picture, building)
    building.chmod(0o755)
    for path in (*building.iterdir(), building):
        sync(path)
    old = building.with_suffix(".old")
    if folder.exists():
        os.rename(folder, old)
    os.rename(building, folder)
    sync(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _digest(hashes: Mapping[str, str]) -> str:
    lines = "".join(f"{name} {value}\n" for name, value in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _from_json(kind: type[T], values: Any) -> T:
    """A frozen config from its JSON form. Raises WorldError on an unknown, missing or bad field."""
    nested: dict[str, type[Any]] = {
        "action_space": ActionSpace,
        "vae": VAEConfig,
        "nfd": NFDConfig,
        "sampler": SamplerSpec,
        "place": PlaceConfig,
        "state": StateSpec,
        "motion": Motion,
        "floor": FloorSpec,
    }
    if not isinstance(values, dict):
        raise WorldError(f"{kind.__name__}: an object expected, got {values!r:.80}")
    known = {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if unknown := values.keys() - known:
        raise WorldError(f"{kind.__name__}: unknown fields {sorted(unknown)}")
    converted = {}
    for name, value in values.items():
        if name in nested and value is not None:
            value = _from_json(nested[name], value)
        elif name == "times":
            value = {int(steps): tuple(times) for steps, times in value.items()}
        elif name == "keys":
            value = tuple(_from_json(Key, key) for key in value)
        elif isinstance(value, list):
            value = tuple(value)
        converted[name] = value
    try:
        return kind(**converted)
    except (TypeError, ValueError) as error:
        raise WorldError(f"{kind.__name__}: {error}") from error
