"""What a live host puts up with before it lets a connection go."""

from __future__ import annotations

from dataclasses import dataclass

from imafarm.settings import check_limits


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """Deadlines, queues and caps of live hosts. No text says any of them: each is our guess.

    Errors: `ConfigurationError` naming every limit that is not above 0.
    """

    frame_seconds: float = 5.0
    """How long the rest of a frame may take that has come in part."""
    handshake_seconds: float = 5.0
    """How long TLS may take to agree on its keys."""
    stall_seconds: float = 10.0
    """How long a peer may take nothing of what waits for it."""
    give_up_seconds: float = 12.6
    """How long TCP goes on trying, as the emulator has it: six tries, the first after 0.2 s, each twice as long as the
    last. A closed connection is waited for no longer, and whoever sends across a cut learns so after it."""
    lag_seconds: float = 60.0
    """How late hosts may meet their deadlines while there is still something to handle that has come before."""
    retry_seconds: float = 0.1
    """The pause after the operating system had no descriptor, buffer or port left."""
    backlog_bytes: int = 1 << 20
    """What may wait for a peer that does not read. More ends the connection: a stalled reader costs itself."""
    callers_by_address: int = 64
    """Callers from one address that have not shown yet who they are; one more is turned away."""
    callers: int = 1_024
    """The same from all addresses; one more costs the oldest of them its connection."""
    calls: int = 256
    """Calls of all hosts of this process that are under way at once and have not come to a binding yet. With more, all
    of them come through late."""
    pending_callers: int = 1_024
    """Callers that the operating system keeps until they are answered."""

    def __post_init__(self) -> None:
        check_limits(self)
