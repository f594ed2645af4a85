"""The listing of a replica's world: name, starts and pictures for the start picker."""

from base64 import b64encode

from model.tokenizer.vae import uint8_from_pixels
from model.world import Start, World, WorldSpec
from services.generation.video.animated_webp import encode_webp
from services.generation.video.encoder import encode_jpeg
from services.wire.world import WorldKey, WorldOffer, WorldStart

THUMBNAIL_WIDTH_PX = 256
MAX_PREVIEW = 32  # frames: about 60 KB


def make_listing(world: World) -> WorldOffer:
    """With a thumbnail of the last frame of each start, and a moving preview of the liveliest
    start."""
    spec = world.spec
    return WorldOffer(
        name=spec.name,
        version=spec.version,
        width=spec.width,
        height=spec.height,
        fps=spec.fps,
        buttons=spec.action_space.buttons,
        degrees_per_count=spec.action_space.degrees_per_count,
        starts=tuple(
            WorldStart(index=index, name=start.name, image=_thumbnail(world, start))
            for index, start in enumerate(world.starts)
        ),
        digest=world.digest,
        title=world.spec.title,
        preview=_preview(world),
        keys=tuple(
            WorldKey(button=key.button, label=key.label, code=key.code, pad=key.pad)
            for key in spec.action_space.keys
        ),
    )


def _thumbnail(world: World, start: Start) -> str:
    pixels_BHWC = uint8_from_pixels(world.tokenizer.decode(start.latents_FChw[-1:]))
    jpeg = encode_jpeg(
        pixels_BHWC[0].numpy(), width=THUMBNAIL_WIDTH_PX, height=_thumbnail_height(world.spec)
    )
    return "data:image/jpeg;base64," + b64encode(jpeg).decode()


def _preview(world: World) -> str:
    """The opening clip that changes most from frame to frame, as decoded by the world."""
    clip = max(world.starts, key=_liveliness)
    pixels_FHWC = uint8_from_pixels(world.tokenizer.decode(clip.latents_FChw[-MAX_PREVIEW:]))
    webp = encode_webp(
        pixels_FHWC.numpy(),
        width=THUMBNAIL_WIDTH_PX,
        height=_thumbnail_height(world.spec),
        fps=world.spec.fps,
    )
    return "data:image/webp;base64," + b64encode(webp).decode()


def _liveliness(start: Start) -> float:
    if len(start.latents_FChw) < 2:
        return 0.0
    return float(start.latents_FChw.diff(dim=0).abs().mean())


def _thumbnail_height(spec: WorldSpec) -> int:
    """Even, as codecs with halved chroma require."""
    return round(THUMBNAIL_WIDTH_PX * spec.height / spec.width / 2) * 2
