"""Input and output: configuration files, result stores and provenance."""
