"""Video: generated frames to encoded frames on TCP links to ingest."""
