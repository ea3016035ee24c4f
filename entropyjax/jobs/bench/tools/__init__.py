"""The tools that are compared, one file for each family."""
