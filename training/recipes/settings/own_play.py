"""How much of a student's own play a critic judges."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPlaySettings:
    """`strength` weighs the student's side of the game; 0 leaves it out. So many `dreams` are kept
    and go on by `stride` frames whenever they are looked at; each begins in true play and ends
    after a number of frames drawn from 1 to `depth`. The critic sees `glance` frames at a time."""

    strength: float = 0.0
    dreams: int = 12
    depth: int = 320
    stride: int = 6
    glance: int = 4
    num_steps: int = 2

    @property
    def num_frames(self) -> int:
        """The most frames that a dream goes on for."""
        return self.depth + self.stride


NO_PLAY = OwnPlaySettings()
