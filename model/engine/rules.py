"""What a world and a runner allow a request to be. Integers only: imports no torch."""

from dataclasses import dataclass, replace

from model.engine.types import FrameRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRules:
    """`action_size`: of an action vector. `num_steps`: the choices of denoise steps in the world's
    sampler. `num_newest`: frames that the policy keeps, besides sinks. `can_shorten_context`: the
    runner may attend to fewer frames than are kept."""

    action_size: int
    num_steps: tuple[int, ...]
    num_newest: int
    can_shorten_context: bool = True

    def checked(self, request: FrameRequest) -> FrameRequest:
        """The request as the scheduler takes it. Raises ValueError for a wrong action size, number
        of steps or context length."""
        if len(request.action) != self.action_size:
            raise ValueError(f"action of {self.action_size} expected, got {len(request.action)}")
        if request.num_steps not in self.num_steps:
            raise ValueError(
                f"num_steps must be one of {list(self.num_steps)}, got {request.num_steps}"
            )
        if request.context_length is None:
            return request
        context_length = self.checked_context_length(request.context_length)
        if context_length == request.context_length:
            return request
        return replace(request, context_length=context_length)

    def checked_context_length(self, context_length: int) -> int | None:
        """None if the length covers all kept frames. Raises ValueError for a wrong length."""
        if context_length >= self.num_newest:
            return None
        if context_length < 1:
            raise ValueError(f"a frame attends to at least 1 frame before it, got {context_length}")
        if not self.can_shorten_context:
            raise ValueError(
                "a shortened context is not supported here: the runner's passes attend to one "
                f"contiguous range of all kept frames; got {context_length}"
            )
        return context_length
