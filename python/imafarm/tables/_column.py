"""What a column of a table holds, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from arro3.core import DataType, Field

NAMES = "dictionary<utf8>"
"""Text of which each value is held once."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: what it holds, and what that means."""

    name: str
    type: str
    """`int64`, `uint64`, `uint8`, `float64`, `bool`, `utf8`, `large_binary`, or `dictionary<utf8>`: text of which each
    value is held once."""
    unit: str = ""
    """In what it is measured; empty for a name or a plain number."""
    meaning: str = ""
    nullable: bool = False
    """Whether a row may hold nothing here (null)."""

    def field(self) -> Field:
        """The same as Arrow has it; unit and meaning are its metadata."""
        from arro3.core import Field

        told = {"unit": self.unit, "meaning": self.meaning}
        return Field(self.name, _types()[self.type], nullable=self.nullable, metadata=told)

    @classmethod
    def of(cls, field: Field) -> Column:
        """What an Arrow field says."""
        told = field.metadata_str
        return cls(
            name=field.name,
            type=_word(field.type),
            unit=told.get("unit", ""),
            meaning=told.get("meaning", ""),
            nullable=field.nullable,
        )


def _types() -> dict[str, DataType]:
    from arro3.core import DataType

    return {
        "int64": DataType.int64(),
        "uint64": DataType.uint64(),
        "uint8": DataType.uint8(),
        "float64": DataType.float64(),
        "bool": DataType.bool(),
        "utf8": DataType.utf8(),
        "large_binary": DataType.large_binary(),
        NAMES: DataType.dictionary(DataType.int32(), DataType.utf8()),
    }


def _word(kind: DataType) -> str:
    from arro3.core import DataType

    if DataType.is_dictionary(kind):
        return f"dictionary<{_word(kind.value_type)}>" if kind.value_type is not None else "dictionary"
    return next((word for word, known in _types().items() if known == kind), str(kind))
