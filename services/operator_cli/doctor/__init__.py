"""The doctor: probes look at an installation, checks say what is wrong and what to do."""
