"""LPIPS and FVD with weights of the right form: random ones, since the real are not ours."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.evaluate.given.fvd import I3DFeatures
from training.evaluate.given.lpips import LPIPS

_WIDTHS = (64, 192, 384, 256, 256)
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 80, 128, 3)).astype(np.uint8)


def _weights(folder: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    features = {f"features.{key}": w for key, w in LPIPS().features.state_dict().items()}
    torch.save(features | {"classifier.1.weight": torch.zeros(3)}, folder / "alexnet.pth")
    linear = {f"lin{i}.model.1.weight": torch.rand(1, w, 1, 1) for i, w in enumerate(_WIDTHS)}
    torch.save(linear, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth"


def test_lpips_is_0_for_the_same_picture_and_grows_with_noise(tmp_path: Path) -> None:
    lpips = LPIPS.load(*_weights(tmp_path))
    rng = np.random.default_rng(1)
    near, far = (
        np.clip(PICTURES + rng.normal(0, sigma, PICTURES.shape), 0, 255).astype(np.uint8)
        for sigma in (5, 60)
    )
    assert lpips(PICTURES, PICTURES).tolist() == [0.0, 0.0]
    assert (lpips(near, PICTURES) < lpips(far, PICTURES)).all()


def test_wrong_weights_are_named(tmp_path: Path) -> None:
    alexnet, linear = _weights(tmp_path)
    with pytest.raises(ValueError, match=r"alex\.pth is no AlexNet"):
        LPIPS.load(linear, linear)
    with pytest.raises(ValueError, match=r"lin0\.model\.1\.weight of 64"):
        LPIPS.load(alexnet, alexnet)


class _Net(nn.Module):
    def forward(
        self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> Tensor:
        assert rescale and resize and return_features
        return x.mean(dim=(2, 3))[..., :7].flatten(1)


def test_films_reach_the_network_in_its_own_order_of_axes(tmp_path: Path) -> None:
    torch.jit.script(_Net()).save(tmp_path / "i3d.pt")  # type: ignore[no-untyped-call]
    films = np.random.default_rng(2).integers(0, 256, (5, 10, 8, 9, 3)).astype(np.uint8)
    features = I3DFeatures(tmp_path / "i3d.pt")(films)
    expected = films.astype(np.float64).mean(axis=(1, 2))[:, :7].transpose(0, 2, 1).reshape(5, 21)
    assert features == pytest.approx(expected, rel=1e-5)


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    (tmp_path / "i3d.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"i3d\.pt is no TorchScript"):
        I3DFeatures(tmp_path / "i3d.pt")
