"""The drill uses the services' own limits, not the raised limits of `services.play`."""

from dataclasses import fields

from loadtest.drills.plan import PRODUCTION_LIMITS, DrillPlan
from services.environment import read_settings
from services.generation.settings import GenerationSettings
from services.ingest.settings import IngestSettings
from services.play.plan import ServicePlan, StackOptions, plan_services
from services.session.settings import SessionSettings

# Variables of `services.play` that set no limit: the first world, and how this machine is reached.
NO_LIMITS = {"NEXTFRAME_INGEST_ICE_ADDRESS", "NEXTFRAME_SESSION_DEFAULT_WORLD"}


def ingest_plans() -> tuple[ServicePlan, ...]:
    plans = plan_services(StackOptions(), redis_url="unix:///none", token_secret="s" * 32)
    return tuple(plan for plan in plans if plan.name in ("session", "ingest"))


def test_every_limit_that_play_raises_is_set_back() -> None:
    raised = {name for plan in ingest_plans() for name in plan.defaults}
    assert raised - NO_LIMITS == set(PRODUCTION_LIMITS)


def test_they_are_set_back_to_the_services_own_defaults() -> None:
    own = {}
    for prefix, settings in (("SESSION", SessionSettings), ("INGEST", IngestSettings)):
        for one in fields(settings):
            own[f"NEXTFRAME_{prefix}_{one.name.upper()}"] = one.default
    for name, value in PRODUCTION_LIMITS.items():
        assert float(value) == own[name], name


def test_play_lets_the_drill_overrule_it() -> None:
    for plan in ingest_plans():
        told = plan.environment(DrillPlan().environment)
        for name in plan.defaults.keys() & PRODUCTION_LIMITS.keys():
            assert told[name] == PRODUCTION_LIMITS[name]


def test_there_is_a_slot_for_everybody_of_the_default_drill() -> None:
    environment = DrillPlan().environment
    settings = read_settings(
        GenerationSettings,
        "NEXTFRAME_GENERATION_",
        {"NEXTFRAME_REDIS_URL": "redis://h"}
        | {name: value for name, value in environment.items() if "GENERATION" in name},
    )
    assert settings.slot_bounds.at_least == settings.most_slots > DrillPlan().players
