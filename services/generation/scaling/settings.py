"""Settings of the number of replicas; part of the settings of a generation service."""

from dataclasses import dataclass

from services.backplane.settings import RedisSettings
from services.environment import setting
from services.generation.scaling.schedule import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingSettings(RedisSettings):
    """`min_replicas`, `max_replicas`: replicas of each world, by load; 0 as the maximum means
    `min_replicas` at all times. `warm_slots`: free slots kept ready for newcomers. `schedule`:
    replicas kept at certain hours (`services.generation.scaling.schedule`). `scale_out_after_s`,
    `scale_in_after_s`: how long other replicas must be needed before Serve starts or stops some."""

    min_replicas: int = setting(1, at_least=1, at_most=1024)
    max_replicas: int = setting(0, at_least=0, at_most=1024)
    warm_slots: int = setting(1, at_least=0, at_most=1024)
    schedule: str = setting("")
    scale_out_after_s: float = setting(5.0, at_least=0)
    scale_in_after_s: float = setting(600.0, at_least=0)

    def __post_init__(self) -> None:
        RedisSettings.__post_init__(self)  # super() does not work in a class with slots
        if self.max_replicas and self.min_replicas > self.max_replicas:
            raise ValueError(
                f"min_replicas is {self.min_replicas}, but max_replicas is {self.max_replicas}"
            )
        try:
            Schedule.parse(self.schedule)
        except ValueError as error:
            raise ValueError(f"schedule {error}") from error

    @property
    def most_replicas(self) -> int:
        """Replicas that a world has at most."""
        return self.max_replicas or self.min_replicas
