"""The project's vocabulary as data: forbidden words, allowed uses, class names, docstring ceilings.

`tests/test_words.py` checks the tables. `docs/glossary.md` explains the words to a reader.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A word forbidden in identifiers, file names and folder names.

    `word` is one lower-case word, or several adjacent words joined by `_`. The plural with `s` is
    forbidden too. `within` lists path prefixes; outside the word is free.
    """

    word: str
    instead: str
    within: tuple[str, ...] = ("",)


# A finished rename adds one line. Sorted by word.
FORBIDDEN: tuple[Forbidden, ...] = (
    Forbidden("arrangement", "batch layout"),
    Forbidden("contest", "interleaved timing", ("model",)),
    Forbidden("demand", "encoder requests", ("services/generation", "tests/services/generation")),
    Forbidden("desk", "service"),
    Forbidden("dreamt", "generated"),
    Forbidden("due", "in flight", ("model/engine",)),
    Forbidden("edge", "ingest", ("services", "loadtest")),
    Forbidden("edge", "ingest", ("tests/services", "tests/player", "tests/loadtest", "tests/e2e")),
    Forbidden("entrant", "variant", ("model",)),
    Forbidden("farewell", "shutdown, close delay"),
    Forbidden("fault", "close reason or error", ("services/ingest",)),
    Forbidden("fooling", "generator loss"),
    Forbidden("forecast", "action predictor"),
    Forbidden("give_way", "close replaced, yield"),
    Forbidden("guess", "draft action", ("model/engine", "model/bench", "model/fast")),
    Forbidden("guess", "draft action", ("services/generation", "tests/services/generation")),
    Forbidden("halves", "block operations", ("model",)),
    Forbidden("hand", "input state, action buffer, scripted input", ("services", "loadtest")),
    Forbidden("hand", "action buffer", ("services/generation", "tests/services/generation")),
    Forbidden("hand", "input state", ("tests/player", "tests/loadtest", "examples")),
    Forbidden("hang_up", "disconnect, close"),
    Forbidden("haste", "shorten context"),
    Forbidden("hasten", "shorten context"),
    Forbidden("hasty", "shorten context"),
    Forbidden("hear", "receive"),
    Forbidden("heard", "received", ("services/generation", "tests/services/generation")),
    Forbidden("heard", "received", ("services/ingest/webrtc",)),
    Forbidden("house", "service processes", ("services", "loadtest", "tests/loadtest")),
    Forbidden("house", "fake server or harness", ("tests/player", "tests/e2e", "tests/services")),
    Forbidden("in_line", "queue position"),
    Forbidden("kv_store", "kv cache"),
    Forbidden("ladder", "quality controller, quality levels"),
    Forbidden("ledger", "speculation"),
    Forbidden("likeliest", "greedy", ("model", "training", "tests")),
    Forbidden("likeness", "fidelity", ("model/bench/cpu", "tests/model")),
    Forbidden("line_full", "queue full"),
    Forbidden("look", "poll or refresh", ("services/backplane", "services/http_server")),
    Forbidden("look", "poll, scan or get", ("services/training", "services/session")),
    Forbidden("memory", "context length; memory is bytes", ("model/engine", "model/cache")),
    Forbidden("mood", "load"),
    Forbidden("newcomer", "session in prefill", ("model",)),
    Forbidden(
        "newcomer", "session in prefill", ("services/generation", "tests/services/generation")
    ),
    Forbidden("next_guess", "draft action"),
    Forbidden("office", "harness", ("services", "tests/services")),
    Forbidden("own_play", "on-policy rollouts"),
    Forbidden("parting", "exit reason"),
    Forbidden("picture", "image", ("model/engine", "model/fast")),
    Forbidden(
        "played_session", "session state", ("services/generation", "tests/services/generation")
    ),
    Forbidden("remember", "cache", ("model", "tests/model")),
    Forbidden("remembered", "cached", ("model", "tests/model")),
    Forbidden("room", "session hub", ("services/ingest", "tests/services/ingest")),
    Forbidden("room", "scene", ("tests/player",)),
    Forbidden("roughen", "re-noise"),
    Forbidden("rung", "quality level"),
    Forbidden("say", "send", ("services/ingest", "services/backplane", "services/session")),
    Forbidden("say", "report", ("services/play", "loadtest")),
    Forbidden("seat", "player lock"),
    Forbidden("shelf", "catalog"),
    Forbidden("slab", "kv pool"),
    Forbidden("stocktaker", "scanner"),
    Forbidden("tell", "send or notify", ("services/generation", "tests/services/generation")),
    Forbidden("thrift", "activation checkpointing"),
    Forbidden("told", "condition", ("model",)),
    Forbidden("told", "published", ("services", "loadtest")),
    Forbidden("told", "sent or events", ("services/generation", "tests/services/generation")),
    Forbidden("told", "published", ("services/training", "tests/services/training")),
    Forbidden("turns", "scheduler", ("services/generation", "tests/services/generation")),
    Forbidden("unmoved", "frozen"),
    Forbidden("unremembered", "not yet written"),
    Forbidden("untold", "action dropout"),
    Forbidden("utils", "the noun inside the file"),
    Forbidden("waits_for", "in flight"),
    Forbidden("wave", "sub-batch", ("model/cache", "model/engine", "model/fast", "tests/model")),
    Forbidden("wish", "request"),
    Forbidden("workload", "load estimator", ("services/generation", "tests/services/generation")),
)

# (word, identifier, file name or folder name) -> why the word is right there.
ALLOWED: dict[tuple[str, str], str] = {
    ("look", "look"): "route functions: their names are operation ids in the OpenAPI documents",
}

# Public class names that several files define on purpose.
SEVERAL_HOMES: dict[str, str] = {
    "Clock": "fakes of time, each private to one test file, and the recorder's own clock",
}

# Public class names that still stand in several files and will be renamed. Only shrinks.
NOT_YET: frozenset[str] = frozenset(
    {
        "Actions",
        "Finding",
        "House",
        "Killed",
        "Watched",
    }
)

# Pronouns and pointing words per 100 words of public docstrings. A folder without a line here
# must stay below AIM. A line only falls: lower the number or delete the line with a rewrite.
AIM = 4.0
CEILINGS: dict[str, float] = {
    "model/ar": 8.0,
    "model/bench": 10.5,
    "tests/model": 7.5,
    "tests/training": 9.5,
    "tests/unchanged": 8.0,
    "training": 5.0,
    "training/ablations": 4.8,
    "training/commands": 5.5,
    "training/data": 5.2,
    "training/evaluate": 4.2,
    "training/loop": 5.3,
    "training/objectives": 4.2,
}
