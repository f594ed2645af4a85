"""LPIPS and FVD as they are defined, with weights whose answer is known by hand: the real ones are
not ours. Any wrong range, size, order of axes, layer or norm changes one of these numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.__main__ import main
from training.evaluate.external_metrics.fvd import NUM_LOGITS, I3DFeatures
from training.evaluate.external_metrics.lpips import LPIPS

_WIDTHS = (64, 192, 384, 256, 256)
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 80, 128, 3)).astype(np.uint8)

Pictures = NDArray[np.uint8]


def _save(folder: Path, features: dict[str, Tensor], channels: list[Tensor]) -> tuple[Path, Path]:
    """As torchvision and the lpips package keep theirs."""
    state = {f"features.{name}": weight for name, weight in features.items()}
    torch.save(state | {"classifier.1.weight": torch.zeros(3)}, folder / "alexnet.pth")
    linear = {f"lin{i}.model.1.weight": w[None, :, None, None] for i, w in enumerate(channels)}
    torch.save(linear, folder / "alex.pth")
    return folder / "alexnet.pth", folder / "alex.pth"


def _random(folder: Path) -> tuple[Path, Path]:
    torch.manual_seed(0)
    return _save(folder, LPIPS().features.state_dict(), [torch.rand(width) for width in _WIDTHS])


def _transparent(folder: Path) -> tuple[Path, Path]:
    """Every layer passes the first three channels on: the pixels themselves, in [-1, 1]."""
    features = {name: torch.zeros_like(w) for name, w in LPIPS().features.state_dict().items()}
    for name, weight in features.items():
        if weight.dim() == 4:
            middle = weight.shape[-1] // 2
            weight[range(3), range(3), middle, middle] = 1.0
            if name == "0.weight":  # takes back ImageNet's scale and, by its bias, the mean
                scale = torch.tensor([0.458, 0.448, 0.450])
                weight[range(3), range(3), middle, middle] = scale
    features["0.bias"][:3] = torch.tensor([-0.030, -0.088, -0.188])
    channels = [torch.zeros(width) for width in _WIDTHS]
    for layer, weights in enumerate(channels):
        weights[:3] = 10.0**layer * torch.tensor([1.0, 2.0, 1000.0])
    return _save(folder, features, channels)


def _plain(*colour: int) -> Pictures:
    return np.full((1, 80, 128, 3), colour, np.uint8)


def test_lpips_of_plain_pictures_is_what_it_is_by_hand(tmp_path: Path) -> None:
    """Red and green are 0.2 and 0.6 or the other way round, so of unit length (1, 3) / sqrt 10 and
    (3, 1) / sqrt 10: squared differences of 0.4 each, weighed by 1 and 2 in the first layer and by
    ten times as much in each that follows. Blue is below 0, which no ReLU passes."""
    lpips = LPIPS.load(*_transparent(tmp_path))
    ours, real = _plain(153, 204, 0), _plain(204, 153, 0)
    assert lpips(ours, real) == pytest.approx(0.4 * (1 + 2) * 11111, rel=1e-4)


def test_lpips_is_an_average_over_places(tmp_path: Path) -> None:
    lpips = LPIPS.load(*_transparent(tmp_path))
    ours, real = _plain(153, 204, 0), _plain(204, 153, 0)
    ours[:, :, 64:] = real[:, :, 64:]
    assert lpips(ours, real) == pytest.approx(0.5 * 0.4 * (1 + 2) * 11111, rel=0.1)


def test_lpips_looks_at_colours_not_at_brightness(tmp_path: Path) -> None:
    lpips = LPIPS.load(*_transparent(tmp_path))
    assert lpips(_plain(153, 204, 0), _plain(140, 165, 0)) == pytest.approx(0.0, abs=1e-6)


def test_lpips_is_0_for_the_same_symmetric_and_grows_with_noise(tmp_path: Path) -> None:
    lpips = LPIPS.load(*_random(tmp_path))
    rng = np.random.default_rng(1)
    near, far = (
        np.clip(PICTURES + rng.normal(0, sigma, PICTURES.shape), 0, 255).astype(np.uint8)
        for sigma in (5, 60)
    )
    assert lpips(PICTURES, PICTURES).tolist() == [0.0, 0.0]
    assert lpips(near, PICTURES).tolist() == lpips(PICTURES, near).tolist()
    assert (lpips(near, PICTURES) < lpips(far, PICTURES)).all()


class _Net(nn.Module):
    """Instead of I3D: the mean of each frame by colour, and of the left half of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(
        self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = False
    ) -> Tensor:
        assert not rescale and not resize and return_features
        assert list(x.shape[3:]) == [224, 224]
        left = x[:, :, 0, :, :112].mean(dim=(2, 3))
        seen = torch.cat([x.mean(dim=(3, 4)).flatten(1), left], dim=1)
        return nn.functional.pad(self.dropout(seen), [0, 400 - seen.shape[1]])


def _script(folder: Path, network: nn.Module) -> Path:
    torch.jit.script(network).save(folder / "i3d.pt")  # type: ignore[no-untyped-call]
    return folder / "i3d.pt"


def test_films_reach_the_network_of_fvd_as_it_is_defined(tmp_path: Path) -> None:
    films = np.random.default_rng(2).integers(0, 256, (5, 10, 56, 112, 3)).astype(np.uint8)
    films[:, 0, :, :56] = 0
    features = I3DFeatures(_script(tmp_path, _Net()))(films)  # saved while it was training
    assert features.shape == (5, NUM_LOGITS)
    means_B3N = films.astype(np.float64).mean(axis=(2, 3)).transpose(0, 2, 1) / 127.5 - 1
    assert features[:, :30] == pytest.approx(means_B3N.reshape(5, 30), abs=1e-4)
    assert features[:, 30:33] == pytest.approx(-1.0, abs=0.02)  # a little of the edge leaks in


class _Other(nn.Module):
    def forward(
        self, x: Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> Tensor:
        return x.mean(dim=(2, 3, 4))


def test_a_network_of_something_else_is_found_before_anything_is_dreamt(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\[1, 400\] expected, \[1, 3\] found"):
        I3DFeatures(_script(tmp_path, _Other()))
    with pytest.raises(ValueError, match="not of FVD's I3D"):
        I3DFeatures(_script(tmp_path, nn.Linear(3, 3)))


def _damaged(path: Path, how: str, other: Path) -> None:
    match how:
        case "missing":
            path.unlink()
        case "empty":
            path.write_bytes(b"")
        case "truncated":
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        case "text":
            path.write_text("<html>404 Not Found</html>")
        case "another":
            path.write_bytes(other.read_bytes())
        case "list":
            torch.save([1, 2], path)


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "text", "another", "list"])
@pytest.mark.parametrize("name", ["alexnet.pth", "alex.pth", "i3d.pt"])
def test_a_file_that_is_no_such_weights_is_named_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, how: str
) -> None:
    alexnet, linear = _random(tmp_path)
    i3d = _script(tmp_path, _Net())
    _damaged(tmp_path / name, how, linear if name == "alexnet.pth" else alexnet)
    given = ["--fvd", str(i3d)] if name == "i3d.pt" else ["--lpips", str(alexnet), str(linear)]
    assert main(["evaluate", *given]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("training: ") and name in line
