"""A package, because a dependency installs a top-level `tests` package, which would hide a folder
without this file in child processes of tests."""
