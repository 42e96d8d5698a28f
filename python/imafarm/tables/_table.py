"""`Table`: named columns that never change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from imafarm.errors import ConfigurationError
from imafarm.tables._column import Column
from imafarm.tables._parquet import write_parquet
from imafarm.words import counted

if TYPE_CHECKING:
    import arro3.core

SHOWN_ROWS = 5
"""How many of the first rows, and of the last, a notebook shows."""
SHOWN_BYTES = 24
"""How many bytes of a value it shows."""


class ArrowStream(Protocol):
    """Whatever can be read through the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with the rows, batch by batch."""


class Table:
    """Named columns of one length, which never change.

    Whatever reads Arrow opens it: `polars.DataFrame(table)`, `pandas.DataFrame.from_arrow(table)`,
    `pyarrow.table(table)`, and DuckDB by the name of a variable.
    """

    def __init__(self, source: ArrowStream) -> None:
        """A table of what can be read there; it is read as often as the table is."""
        self._source = source

    @classmethod
    def of(cls, columns: Mapping[str, Iterable[Any]], schema: Sequence[Column]) -> Table:
        """A table of these values, column by column; `None` is null.

        Errors: `ConfigurationError` if the names, the lengths or the values do not go with the schema.
        """
        import arro3.core

        names = [column.name for column in schema]
        if sorted(names) != sorted(columns):
            raise ConfigurationError([f"columns: {', '.join(columns)}, where the schema has {', '.join(names)}"])
        arrays, mistakes = [], []
        for column in schema:
            values = list(columns[column.name])
            if not column.nullable and None in values:
                mistakes.append(f"{column.name}: row {values.index(None)} holds nothing")
            try:
                arrays.append(_array(values, column))
            except (TypeError, ValueError, OverflowError) as error:
                mistakes.append(f"{column.name}: {error}")
        if mistakes:
            raise ConfigurationError(mistakes)
        if len({len(array) for array in arrays}) > 1:
            lengths = ", ".join(f"{name} {len(array)}" for name, array in zip(names, arrays, strict=True))
            raise ConfigurationError([f"columns: they differ in length: {lengths}"])
        fields = arro3.core.Schema([column.field() for column in schema])
        return cls(arro3.core.Table.from_arrays(arrays, schema=fields))

    # -- Arrow

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with the rows, batch by batch, for whoever reads Arrow."""
        return self._source.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """A capsule with the schema, for whoever reads Arrow."""
        return self.arrow.schema.__arrow_c_schema__()

    @cached_property
    def arrow(self) -> arro3.core.Table:
        """The same rows as an `arro3.core.Table`, which has slices and single values."""
        import arro3.core

        return arro3.core.Table.from_arrow(self._source)

    # -- what is in it

    @cached_property
    def schema(self) -> tuple[Column, ...]:
        """Every column: its name, what it holds, its unit and its meaning."""
        fields = self.arrow.schema
        return tuple(Column.of(fields.field(place)) for place in range(len(fields)))

    @property
    def column_names(self) -> list[str]:
        """The names of the columns, in their order."""
        return [column.name for column in self.schema]

    def __len__(self) -> int:
        """How many rows there are."""
        return self.arrow.num_rows

    def column(self, name: str) -> list[Any]:
        """The values of one column; null is `None`. `KeyError` for a name that no column has."""
        return self._values(self.arrow, name)

    def rows(self, start: int = 0, count: int | None = None) -> list[dict[str, Any]]:
        """Rows as mappings by column name: `count` of them from `start` on, or all that follow."""
        part = self.arrow.slice(start, count) if start < len(self) else self.arrow.slice(0, 0)
        values = [self._values(part, name) for name in self.column_names]
        return [dict(zip(self.column_names, row, strict=True)) for row in zip(*values, strict=True)]

    def _values(self, table: arro3.core.Table, name: str) -> list[Any]:
        if name not in self.column_names:
            raise KeyError(f"column {name!r}")
        return list(table.column(name).to_pylist())

    # -- out

    def write_parquet(self, path: str | PathLike[str]) -> None:
        """Writes a Parquet file; what lay there is gone once the new file is complete.

        Errors: `ConfigurationError` if it cannot be written, which names it; then nothing there has changed.
        """
        times = tuple(column.name for column in self.schema if column.unit == "ns" and column.type == "int64")
        write_parquet(self._source, Path(path), sorted_columns=times)

    def __repr__(self) -> str:
        """The number of rows, and the columns."""
        columns = ", ".join(f"{column.name}: {column.type}" for column in self.schema)
        return f"<Table of {len(self):,} rows: {columns}>"

    def _repr_html_(self) -> str:
        """The first rows and the last, for notebooks."""
        count = len(self)
        head = self.rows(0, SHOWN_ROWS if count > 2 * SHOWN_ROWS else count)
        tail = self.rows(count - SHOWN_ROWS, SHOWN_ROWS) if count > 2 * SHOWN_ROWS else []
        titles = "".join(_title(column) for column in self.schema)
        gap = f'<tr><td colspan="{len(self.schema)}">&#8942;</td></tr>' if tail else ""
        body = "".join(map(_row, head)) + gap + "".join(map(_row, tail))
        rows = counted(count, "row")
        return f"<table><caption>{rows}</caption><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _array(values: list[Any], column: Column) -> arro3.core.Array:
    """One column's values. Text of a dictionary is put together plain first."""
    import arro3.core

    wanted = column.field().type
    if arro3.core.DataType.is_dictionary(wanted):
        return arro3.core.Array(values, type=arro3.core.DataType.utf8()).cast(wanted)
    return arro3.core.Array(values, type=wanted)


def _title(column: Column) -> str:
    unit = f"<br><small>{escape(column.unit)}</small>" if column.unit else ""
    return f'<th title="{escape(column.meaning)}">{escape(column.name)}{unit}</th>'


def _row(row: Mapping[str, Any]) -> str:
    return "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value[:SHOWN_BYTES].hex() + ("\N{HORIZONTAL ELLIPSIS}" if len(value) > SHOWN_BYTES else "")
    return escape(f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value))
