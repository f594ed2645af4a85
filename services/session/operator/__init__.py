"""Calls for operators: what runs, and how to end a session or keep an address out."""
