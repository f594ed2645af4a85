"""Named sets: which network goes with which tokenizer. Configs are beside their classes."""

from dataclasses import dataclass, replace

from model.nfd.transformer import NFDConfig
from model.place.config import PlaceConfig
from model.place.state import STATE_SIZE
from model.tokenizer.vae import VAEConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """Shapes of one world model and of its frames, in pixels."""

    width: int
    height: int
    vae: VAEConfig
    nfd: NFDConfig


def debug() -> Preset:
    """The toy world: 32x32 frames, seconds on a CPU."""
    vae = VAEConfig(
        latent_channels=8,
        patch=4,
        encoder_widths=(16, 32, 32),
        decoder_widths=(16, 32, 32),
        num_blocks=1,
    )
    nfd = NFDConfig(
        latent_channels=8,
        grid_height=2,
        grid_width=2,
        width=64,
        num_layers=2,
        num_heads=2,
        action_size=6,
        window=8,
        concat_previous=True,
    )
    return Preset(width=32, height=32, vae=vae, nfd=nfd)


def freedoom() -> Preset:
    """The shipped world: 128x80, a player at 17.5 fps on two CPU cores. The context is 1.4 s."""
    vae = VAEConfig(
        latent_channels=24,
        patch=4,
        encoder_widths=(32, 64, 128),
        decoder_widths=(48, 96, 192),
        num_blocks=2,
    )
    nfd = NFDConfig(
        latent_channels=24,
        grid_height=5,
        grid_width=8,
        width=192,
        num_layers=4,
        num_heads=4,
        action_size=6,
        window=24,
        concat_previous=True,
    )
    return Preset(width=128, height=80, vae=vae, nfd=nfd)


def island() -> Preset:
    """The tile world: 144x112, a token per tile of 16 pixels. The context is 12 frames, 0.7 s."""
    vae = VAEConfig(
        latent_channels=16,
        patch=16,
        encoder_widths=(512,),
        decoder_widths=(1024,),
        num_blocks=0,
        kernel=1,
    )
    nfd = NFDConfig(
        latent_channels=16,
        grid_height=7,
        grid_width=9,
        width=192,
        num_layers=4,
        num_heads=4,
        action_size=17,
        window=12,
        concat_previous=True,
        see_neighbours=True,
    )
    return Preset(width=144, height=112, vae=vae, nfd=nfd)


def freedoom_hall() -> Preset:
    """The same, with a map of a place of 1,024 x 1,024 map units around (0, 256)."""
    base = freedoom()
    channels = 32
    place = PlaceConfig(
        state_size=STATE_SIZE,
        middle_x=0.0,
        middle_y=256.0,
        reach=700.0,
        farthest=1600.0,
        width=192,
        num_layers=4,
        num_heads=4,
        fine=192,
    )
    return replace(
        base,
        vae=replace(base.vae, latent_channels=channels),
        nfd=replace(base.nfd, latent_channels=channels, place=place),
    )


def _minecraft(width: int, num_layers: int, num_heads: int) -> Preset:
    """384x224, 24x14 = 336 tokens, 32 frames: the paper's setting. The widths are the best fit to
    the published parameter counts; the latent channels are the usual 16 (neither is published).
    18 action entries: as many buttons as the wire holds, and two camera angles."""
    vae = VAEConfig(
        latent_channels=16,
        patch=1,
        encoder_widths=(128, 128, 256, 256, 512),
        decoder_widths=(128, 128, 256, 256, 512),
        num_blocks=2,
    )
    nfd = NFDConfig(
        latent_channels=16,
        grid_height=14,
        grid_width=24,
        width=width,
        num_layers=num_layers,
        num_heads=num_heads,
        action_size=18,
        window=32,
    )
    return Preset(width=384, height=224, vae=vae, nfd=nfd)


def minecraft_small() -> Preset:
    """192x112, 12x7 = 84 tokens, 16 frames: half of the paper's picture each way, for a CPU."""
    vae = freedoom().vae
    nfd = NFDConfig(
        latent_channels=vae.latent_channels,
        grid_height=7,
        grid_width=12,
        width=256,
        num_layers=6,
        num_heads=4,
        action_size=18,
        window=16,
        concat_previous=True,
    )
    return Preset(width=192, height=112, vae=vae, nfd=nfd)


def nfd_130m() -> Preset:
    return _minecraft(width=768, num_layers=12, num_heads=12)


def nfd_310m() -> Preset:
    return _minecraft(width=1024, num_layers=16, num_heads=16)


def nfd_774m() -> Preset:
    return _minecraft(width=1536, num_layers=18, num_heads=24)


_ALL = (debug, freedoom, freedoom_hall, island, minecraft_small, nfd_130m, nfd_310m, nfd_774m)
PRESETS = {preset.__name__: preset for preset in _ALL}
