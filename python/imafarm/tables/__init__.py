"""Tables: columns with names, units and meanings, for whatever opens Arrow.

A `Table` is read through the Arrow PyCapsule interface, so each of these takes it as it is, without a copy where the
reader needs none: `polars.DataFrame(table)`, `pandas.DataFrame.from_arrow(table)`, `pyarrow.table(table)`, and DuckDB
by the name of a variable that holds it (docs/data.md).
"""

from imafarm.tables._column import Column
from imafarm.tables._parquet import Damaged, put_whole, read_parquet, trouble_writing, write_whole
from imafarm.tables._table import ArrowStream, Table

__all__ = ["ArrowStream", "Column", "Damaged", "Table", "put_whole", "read_parquet", "trouble_writing", "write_whole"]
