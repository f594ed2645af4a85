"""Frames: the engine thread, the frame scheduler and the quality controller."""
