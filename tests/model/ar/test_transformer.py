"""The baseline's network: of the size it is compared at, and it learns what raster order hides."""

import pytest
import torch

from model.action_space import ActionSpace
from model.ar.matched import matched_config, num_parameters
from model.ar.transformer import ARTransformer
from model.ar.vocabulary import ActionVocabulary
from model.nfd.transformer import NFDTransformer
from model.presets import PRESETS

VOCABULARY = ActionVocabulary.of(
    ActionSpace(
        buttons=("forward", "back", "act"), degrees_per_count=0.1, key_turn_deg=6.0,
        yaw_bins_deg=(-6.0, 0.0, 6.0),
    )
)  # fmt: skip


@pytest.mark.parametrize("name", PRESETS)
def test_the_baseline_has_as_many_parameters_as_the_model_it_is_compared_with(name: str) -> None:
    nfd = PRESETS[name]().nfd
    config = matched_config(nfd, VOCABULARY, codebook_size=1000)
    with torch.device("meta"):
        ours, theirs = num_parameters(ARTransformer(config)), num_parameters(NFDTransformer(nfd))
    # A narrow model is all embedding of its codes; the others match.
    assert ours == pytest.approx(theirs, rel=0.25 if name == "debug" else 0.01)
    assert (config.cells_per_frame, config.window) == (nfd.tokens_per_frame, nfd.window)


def test_at_310_million_the_shape_is_mineworlds() -> None:
    config = matched_config(PRESETS["nfd_310m"]().nfd, VOCABULARY, codebook_size=8192)
    shape = (config.width, config.num_layers, config.num_heads, config.num_kv_heads)
    assert shape == (1024, 20, 16, 4)
    assert config.mlp_width == pytest.approx(4096, rel=0.1)
