"""The commands of `nextframe`, by subject."""
