"""Parsing of a metrics page."""

from loadtest.drills.counters import grown, read_counters, total

PAGE = """# HELP nextframe_actions_total actions received, by outcome
# TYPE nextframe_actions_total counter
nextframe_actions_total{otel_scope_name="nextframe",outcome="taken"} 12.0
nextframe_actions_total{otel_scope_name="nextframe",outcome="abuse"} 1.0
nextframe_hop_seconds_count{otel_scope_name="nextframe"} 7.0
nextframe_frames_sent_total 1.5e+03
python_gc_objects_collected_total{generation="0"} 99.0
"""


def test_our_counters_are_read_and_nothing_else() -> None:
    assert read_counters(PAGE) == {
        "nextframe_actions{outcome=taken}": 12.0,
        "nextframe_actions{outcome=abuse}": 1.0,
        "nextframe_frames_sent": 1500.0,
    }


def test_gains_and_totals() -> None:
    before = {"nextframe_actions{outcome=taken}": 10.0, "nextframe_frames_sent": 1500.0}
    gained = grown(before, read_counters(PAGE))
    assert gained == {
        "nextframe_actions{outcome=abuse}": 1.0,
        "nextframe_actions{outcome=taken}": 2.0,
    }
    assert total(gained, "nextframe_actions") == 3.0
    assert total(gained, "nextframe_actions", outcome="taken") == 2.0
    assert total(gained, "nextframe_act") == 0.0
