"""Names of recipe fields as run states, released worlds and the training service's API hold them.

The code was renamed and stored files were not: an old state, a `world.json` and a submitted run
keep their keys. A field that is not listed has one name."""

STORED_NAMES = {
    "train_episodes": "train_takes",
    "held_out_episodes": "held_out_takes",
    "validation_episodes": "validation_takes",
    "action_dropout": "untold_share",
    "inverse_dynamics_frames": "reader_frames",
    "inverse_dynamics_episodes": "reader_takes",
    "inverse_dynamics_seed": "reader_seed",
    "inverse_dynamics_steps": "reader_steps",
    "long_rollouts": "long_dreams",
    "evaluation": "extent",
    "on_policy": "own_play",
    "num_rollouts": "dreams",
    "max_rollout_frames": "depth",
    "sub_clip_frames": "glance",
}
_FIELD_NAMES = {stored: field for field, stored in STORED_NAMES.items()}


def stored_name(field: str) -> str:
    return STORED_NAMES.get(field, field)


def field_name(stored: str) -> str:
    return _FIELD_NAMES.get(stored, stored)
