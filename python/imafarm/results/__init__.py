"""What a run leaves in its directory, and how it is read again.

`imafarm run SCENARIO --out DIR` writes it, `read_run(DIR)` reads it, and so does whatever opens JSON and Parquet.
docs/data.md has every file, key and column.
"""

from imafarm.results._directory import FORMAT, RUN_FILES, check_directory
from imafarm.results._read import RunResults, read_run
from imafarm.results._write import Asked, write_run

__all__ = ["FORMAT", "RUN_FILES", "Asked", "RunResults", "check_directory", "read_run", "write_run"]
