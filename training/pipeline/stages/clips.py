"""The latents of a run's recordings, and training clips of the latents."""

from training.data.encoding import LatentCache
from training.data.latents import ClipSource, PressFocus
from training.data.source import Split
from training.device import pick_device
from training.pipeline.stages.recordings import manifest, source
from training.pipeline.stages.tokenizer import encoding_tokenizer
from training.recipes.recipe import Recipe
from training.run import Run


def encode(recipe: Recipe, run: Run) -> None:
    """Encodes the missing latents of the train and the validation split."""
    cache = LatentCache(run.latents, encoding_tokenizer(recipe, run))
    index = manifest(recipe, run)
    cache.encoded(source(recipe, run), [*index.of("train"), *index.of("validation")])


def clip_source(
    recipe: Recipe,
    run: Run,
    batch_size: int,
    split: Split,
    *,
    num_lead: int = 0,
    num_frames: int | None = None,
    focus: PressFocus | None = None,
) -> ClipSource:
    """Clips of latents: the model's window or `num_frames` long, after `num_lead` further frames.
    Encodes missing latents."""
    cache = LatentCache(run.latents, encoding_tokenizer(recipe, run))
    recordings = cache.encoded(source(recipe, run), list(manifest(recipe, run).of(split)))
    nfd = recipe.preset.nfd
    num_frames = num_lead + (num_frames or nfd.window)
    state_size = nfd.place.state_size if nfd.place else 0
    return ClipSource(
        recordings, num_frames, batch_size, pick_device(), state_size=state_size, focus=focus
    )
