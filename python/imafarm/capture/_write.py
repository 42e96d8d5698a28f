"""Writing a capture file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from imafarm.capture._addresses import addresses_of
from imafarm.tables import write_whole


class Tapped(Protocol):
    """A farm whose packets are recorded: an `EmulatedFarm` that was opened with a tap."""

    @property
    def host_names(self) -> tuple[str, ...]:
        """Every host, in the order of the addresses."""

    def packets_stopped_seconds(self) -> float | None:
        """From which farm second on nothing was recorded."""

    def write_packets(
        self, file: BinaryIO, *, addresses: bytes, comments: Sequence[str], only_spoken: bool
    ) -> tuple[int, int]:
        """Writes what was recorded; how many packets, and how many frames."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture file came to."""

    packets: int
    """What hosts did: messages, and beginnings and ends of connections."""
    frames: int
    """The frames that they make, with what TCP adds."""
    stopped_seconds: float | None
    """From which farm second on nothing was recorded, if the tap came to its limit."""


def write_capture(
    farm: Tapped,
    path: Path,
    *,
    addresses: bytes | None = None,
    comments: Sequence[str] = (),
    only_spoken: bool = False,
) -> Capture:
    """Writes what was recorded of a farm before this instant to a capture file (pcapng).

    addresses: of all hosts, as `addresses_of` makes them; 10.0.0.1 and on unless said.
    comments: what the file says of itself. Nothing else in it differs between equal runs, and nothing tells the time of
      day.
    only_spoken: leave out connections of which no message was recorded.

    What lay at `path` is gone once the new file is complete.

    Errors: `ConfigurationError`, naming the file, if it cannot be written, or for a farm that was opened without a tap.
    Then nothing there has changed.
    """
    if addresses is None:
        addresses = addresses_of(farm.host_names)
    written: list[tuple[int, int]] = []
    write_whole(
        path,
        lambda file: written.append(
            farm.write_packets(file, addresses=addresses, comments=comments, only_spoken=only_spoken)
        ),
    )
    packets, frames = written[0]
    return Capture(packets, frames, farm.packets_stopped_seconds())
