"""Published versions of worlds: immutable, named by their content, each with where it came from."""
