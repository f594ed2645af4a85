"""How noisy the frames of a training clip are: settings of the distribution of noise levels."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMixture:
    """Shares and bounds in flow time s in [0, 1]: x = (1 - s) x0 + s z. The mixture has two parts.

    - Context: `context_share` of the frames are nearly clean, s uniform up to `context_max`, as a
      served world holds past frames.
    - Noisy: of the other frames `pure_share` are pure noise, where every served frame begins; the
      rest are logit-normal with `logit_mean` and `logit_std`.

    Frames are drawn independently. In `served_share` of the clips all frames up to a random frame
    are context and all later frames are noisy, as in a served world: drawn independently, few
    noisy frames have a whole window of context.
    """

    context_share: float = 0.5
    context_max: float = 0.2
    pure_share: float = 0.25
    logit_mean: float = 0.3
    logit_std: float = 1.2
    served_share: float = 0.0

    @property
    def context_max_t(self) -> float:
        """The largest TrigFlow time of a context frame."""
        return math.atan2(self.context_max, 1.0 - self.context_max)
