"""imafarm."""
