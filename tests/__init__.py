"""A package in its own right: a dependency installs a top-level `tests` of its own, which hides a
folder without this file from the processes that tests start."""
