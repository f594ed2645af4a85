"""Frames: the thread of the engine, its scheduler and its quality controller."""
