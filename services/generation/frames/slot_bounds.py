"""Between which numbers the slots of a replica lie. Knows no engine and no torch."""

from dataclasses import dataclass

from services.wire.capacity import CapacityCurve


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotBounds:
    """Bounds of the slots that a replica advertises, for a measurement to choose between. Both
    equal: a fixed number."""

    at_least: int
    at_most: int

    def slots(self, capacity: CapacityCurve) -> int:
        return capacity.slots(at_least=self.at_least, at_most=self.at_most)
