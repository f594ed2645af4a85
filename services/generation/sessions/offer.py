"""What the replica's world looks like from outside: the offer that the start picker shows."""

from base64 import b64encode

from model.tokenizer.vae import uint8_from_pixels
from model.world import Start, World
from services.generation.video.encoder import encode_jpeg
from services.wire.world import WorldOffer, WorldStart

THUMBNAIL_WIDTH_PX = 256


def make_offer(world: World) -> WorldOffer:
    """The world with a picture of the last frame of each start."""
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
    )


def _thumbnail(world: World, start: Start) -> str:
    pixels_BHWC = uint8_from_pixels(world.tokenizer.decode(start.latents_FChw[-1:]))
    height = round(THUMBNAIL_WIDTH_PX * world.spec.height / world.spec.width / 2) * 2
    jpeg = encode_jpeg(pixels_BHWC[0].numpy(), width=THUMBNAIL_WIDTH_PX, height=height)
    return "data:image/jpeg;base64," + b64encode(jpeg).decode()
