"""Runs the whole system on one machine: `python -m services.play`, or `LocalStack` from code."""
