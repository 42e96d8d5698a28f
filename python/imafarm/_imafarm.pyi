"""
The compiled core of imafarm.
"""

import array
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, SupportsIndex, final

from typing_extensions import Buffer, disjoint_base

ACT_ABORT: Final[int]
ACT_ACCEPT: Final[int]
ACT_BOUND: Final[int]
ACT_CLOSE: Final[int]
ACT_CONSULT: Final[int]
ACT_HEARD: Final[int]
ACT_OPEN: Final[int]
ACT_REFUSE: Final[int]
ACT_STARTED: Final[int]
ACT_STOPPED: Final[int]
ACT_WRITE: Final[int]
EVENT_BINDING_REFUSED: Final[int]
EVENT_CHANGE_LEARNT: Final[int]
EVENT_CHANGE_MADE: Final[int]
EVENT_CHANGE_REFUSED: Final[int]
EVENT_ELECTION_ACKNOWLEDGED: Final[int]
EVENT_ELECTION_STARTED: Final[int]
EVENT_HOST_DOWN: Final[int]
EVENT_HOST_STARTING: Final[int]
EVENT_HOST_UP: Final[int]
EVENT_MASTER_ACCEPTED: Final[int]
EVENT_MASTER_DECLARED: Final[int]
EVENT_MASTER_RESIGNED: Final[int]
EVENT_MASTER_UNREACHABLE: Final[int]
EVENT_MEMBER_LOST: Final[int]
EVENT_PEER_LOST: Final[int]
EVENT_RESOLVED: Final[int]
EVENT_SERVICE_TIMED_OUT: Final[int]
EVENT_SESSION_CHANGED: Final[int]
EVENT_STARTED_FROM_CACHE: Final[int]
EVENT_START_REFUSED: Final[int]
EVENT_STORE_UNREACHABLE: Final[int]
EVENT_TABLE_CHANGED: Final[int]
EVENT_ZONE_AGREED: Final[int]

@final
class ArrowTable:
    """
    A table of the engine's, by the Arrow PyCapsule interface. It never changes.

    What lies in full chunks is shared with the engine and with everybody who imports it. Each field's metadata has its `unit`
    and its `meaning`.
    """
    def __arrow_c_schema__(self, /) -> Any:
        """
        A capsule with the schema.
        """
    def __arrow_c_stream__(self, /, requested_schema: Any = None) -> Any:
        """
        A capsule with the rows, batch by batch. The schema is the table's own, whatever is requested.
        """
    def __len__(self, /) -> int:
        """
        How many rows there are.
        """

@final
class ConnectionCache:
    """
    The open bindings of one host, `MaxHostAddressCacheEntries` at most (IMA Information, "How many connections to
    servers in the farm"); the one used least recently makes room, exactly.

    A binding is in progress or active. Both count as open; only an active one may be torn down. Peers are numbers, 0 to
    2**32 - 2, such as the indexes of a HostResolver.

    What a use of a peer came to is one number: HIT, OPENED, WAITS, or else, 0 and above, the peer whose binding was
    torn down to open this one.

    capacity: open bindings, 1 to 2**20

    Raises ValueError for a capacity or peer out of range.
    """

    HIT: Final[int]
    """
    The peer had an open binding.
    """
    OPENED: Final[int]
    """
    There was room for a new binding.
    """
    WAITS: Final[int]
    """
    All entries are in progress: nothing was opened, the peer has to wait its turn.
    """
    def __contains__(self, peer: SupportsIndex, /) -> bool:
        """
        Whether a peer has an open binding.
        """
    def __len__(self, /) -> int:
        """
        How many bindings are open, in progress or active.
        """
    def __new__(cls, /, capacity: SupportsIndex = ...) -> ConnectionCache: ...
    def __repr__(self, /) -> str: ...
    def begin(self, /, peer: SupportsIndex) -> int:
        """
        As use, but a new binding stays in progress, where it cannot be torn down, until it is completed or closed.
        """
    @property
    def capacity(self, /) -> int:
        """
        How many bindings may be open.
        """
    def close(self, /, peer: SupportsIndex) -> None:
        """
        Closes the binding to a peer. Raises KeyError.
        """
    def complete(self, /, peer: SupportsIndex) -> None:
        """
        The binding to a peer, in progress, becomes active and the most recently used. Raises KeyError.
        """
    @property
    def in_progress(self, /) -> int:
        """
        How many bindings are in progress.
        """
    def peers(self, /) -> array.array[int]:
        """
        The peers of the active bindings, least recently used first.
        """
    def statistics(self, /) -> dict[str, int]:
        """
        Bindings opened, hit, evicted, closed and waited for since the cache was made, and active and in_progress now.
        """
    def use(self, /, peer: SupportsIndex) -> int:
        """
        Uses the binding to a peer, which becomes the most recently used; opens one, active at once, if there is none.
        """
    def use_many(self, /, peers: Buffer | Iterable[int]) -> array.array[int]:
        """
        As use, for each of these peers in turn. When one is out of range, none is used.

        peers: a buffer of integers (`array.array`, NumPy), a list or an iterable

        Returns an array of type code 'q', with what each use came to.
        """

@final
class EmulatedFarm(ObservedFarm):
    """
    A farm in virtual time: the engine under `imafarm.open_emulated_farm`.

    Hosts and zones are named by index, in the order of the resolver. Times are whole nanoseconds since the farm was
    opened. Every host is off at first. Commands act at `now_ns`; what follows from them happens in `advance`.

    hosts: who is in the farm; hosts that move later in the resolver do not move here
    seed: everything random follows from it, 0 to 2**64 - 1
    magic: the farm's magic number, 0 to 2**32 - 1
    product: whose figures the hosts go by: XP, MF30, PS40 or PS45
    host_magic: the numbers of hosts that have another, by host
    settings: by the registry's value names, for all hosts
    host_settings: the same by host, over `settings`
    inside, between: the links inside a zone and between zones; latency_ns, jitter_ns, bandwidth_bps, loss_ppm
    links: the same for the link between two zones, by a pair of zones in either order, over `between`
    applications: what is published at first, in the order of their numbers: name and hosts, or None for all hosts
    workload: what the users of a zone do, by zone: logons_per_day, session_ns, session_least_ns, disconnect_ppm,
        reconnect_ppm, disconnected_ns, shape (pairs of nanoseconds and millionths), period_ns, applications (numbers)
    store: where the data store is: round_trip_ns, bandwidth_bps (0 for without limit) and replicas, a list of zones; None for
        beside every host, where a start takes no time
    wire: whether every message is encoded and decoded on its way
    trace: the kinds of messages whose deliveries are kept
    tap: what is recorded of single hosts: hosts and kinds (lists; all, if not there), since_ns, until_ns, limit_bytes
    threads: how many work, 1 to 64; it changes nothing of what happens. Each works on whole zones, where there are as many zones
        and none is much larger than a thread's part; else on every so many-th host, and they are a power of two
    bound: whether each host's first life begins with an active binding to every other host of its zone
    exact_queue: whether every message is an event of its own, and no short cut is taken; that changes nothing either

    Raises ValueError, naming the key, for what no farm can have.
    """
    def __new__(
        cls,
        /,
        hosts: HostResolver,
        *,
        seed: SupportsIndex,
        magic: SupportsIndex = ...,
        host_magic: Mapping[int, int] | None = None,
        product: str = "PS45",
        settings: Mapping[str, int] | None = None,
        host_settings: Mapping[int, Mapping[str, int]] | None = None,
        inside: Mapping[str, int] | None = None,
        between: Mapping[str, int] | None = None,
        links: Mapping[tuple[int, int], Mapping[str, int]] | None = None,
        applications: Sequence[tuple[str, Sequence[int] | None]] = ...,
        workload: Mapping[int, Mapping[str, Any]] | None = None,
        store: Mapping[str, int | list[int]] | None = None,
        wire: bool = False,
        trace: Sequence[str] = ...,
        tap: Mapping[str, int | list[int] | list[str]] | None = None,
        threads: SupportsIndex = ...,
        bound: bool = False,
        exact_queue: bool = False,
    ) -> EmulatedFarm: ...
    def advance(
        self,
        /,
        until_ns: SupportsIndex,
        *,
        wake_on: SupportsIndex = 0,
        max_events: SupportsIndex = 500000,
        loosely: bool = False,
    ) -> int:
        """
        Goes on, with the interpreter released, to `until_ns` or less far: to the end of the tick in which an event of
        a class in the bit mask `wake_on` happened, or in which `max_events` were handled. How far it goes changes
        nothing of what happens.

        loosely: stop soon after `max_events` even where zones run far ahead of one another. They may then stand apart:
            before anything but `now_ns`, `events`, `next_event_ns` and `take_events` is asked of the farm, or anything done to
            it, call `gather`

        Returns 0 at `until_ns`, 1 if an event woke it, 2 after `max_events`.

        Raises ValueError when `until_ns` lies before `now_ns` or beyond 2**63 - 1.
        """
    def bindings_table(self, /) -> ArrowTable | None:
        """
        What hosts did with their bindings by bins, as a table; None if it is not written down.
        """
    def cut(self, /, from_hosts: Iterable[int], to_hosts: Iterable[int], *, both: bool = True) -> int:
        """
        Cuts hosts off from hosts, both ways or one way; returns the cut's number.
        """
    def gather(self, /) -> None:
        """
        Brings all hosts to one moment, if they stand apart: a little later, as if the last `advance` had gone on so long.
        """
    @property
    def handled(self, /) -> int:
        """
        How many events were handled, without those answers of a storm that are under way: `events`, but told at once.
        """
    def heal(self, /, cut: SupportsIndex | None = None) -> None:
        """
        Heals one cut, or all.

        Raises ValueError for a number that no cut has (any more).
        """
    def memory(self, /) -> int:
        """
        The bytes that the farm's hosts, connections and events hold.
        """
    def messages_table(self, /) -> ArrowTable:
        """
        The deliveries of the traced kinds, as a table.
        """
    def next_event_ns(self, /) -> int | None:
        """
        When something next happens, in nanoseconds; None when nothing ever will.
        """
    def packets_stopped_ns(self, /) -> int | None:
        """
        When a tap came to its limit, in nanoseconds: from there on nothing is recorded. None if it has not.
        """
    def packets_table(self, /) -> ArrowTable | None:
        """
        What was recorded at tapped hosts before now; None if no host is tapped.
        """
    def record(self, /, *, traffic_ns: SupportsIndex | None = None, bindings_ns: SupportsIndex | None = None) -> None:
        """
        Writes down traffic and bindings by bins of farm time from now on, instead of what was written down so far.

        traffic_ns, bindings_ns: how wide bins are; 0 for narrow at first and twice as wide whenever there are too many of them;
            None for none

        Raises ValueError for a width beyond 2**63 - 1.
        """
    def restart(self, /, hosts: Iterable[int]) -> None:
        """
        Crashes hosts and starts them again at once.
        """
    def set_store_up(self, /, up: bool) -> None:
        """
        Takes the data store down, or up again.
        """
    def start(self, /, hosts: Iterable[int], *, spread_ns: SupportsIndex = ...) -> None:
        """
        Starts hosts that are off or crashed, each at a moment drawn within `spread_ns` from now.
        """
    @property
    def tick_ns(self, /) -> int:
        """
        How far apart the moments are at which observers hear of events, in nanoseconds.
        """
    def trace(self, /) -> list[tuple[int, str, int, int, int]]:
        """
        The deliveries of the traced kinds: (time_ns, kind, source, target, bytes).
        """
    def trace_among(self, /, hosts: Iterable[int]) -> None:
        """
        Traces only what goes from one of these hosts to another of them, from now on.
        """
    def traffic_table(self, /) -> ArrowTable | None:
        """
        The traffic by bins, as a table; None if it is not written down.
        """
    def write_capture(
        self, /, file: Any, *, addresses: bytes, application: str, comments: Sequence[str], only_spoken: bool
    ) -> tuple[int, int]:
        """
        Writes what was recorded at tapped hosts before now to `file`, as a capture file (pcapng); the interpreter is released
        but for that. Equal records make equal files.

        file: has a `write` for bytes; what that raises is raised here
        addresses: four bytes for each host, its IPv4 address
        application, comments: what the file says of itself
        only_spoken: leave out connections on which nothing was recorded but that they were

        Returns how many packets, and how many frames they make.

        Raises ValueError if no host is tapped, or for addresses of another length.
        """

@final
class Framer:
    """
    Messages out of a stream of bytes, whatever the cuts in which they arrive, and into one.

    A message is a tuple: its kind as IMA Information writes it, then its fields. ``docs/wire.md`` lists both.

        >>> from imafarm import Framer
        >>> frame = Framer.encode("DECLARE_MASTER", 8022, 60_000)
        >>> framer = Framer()
        >>> framer.feed(frame[:9])
        []
        >>> framer.feed(frame[9:])
        [('DECLARE_MASTER', 8022, 60000)]

    One framer reads one direction of one stream. It holds no more than one frame that is not whole, and grows only with
    bytes that arrived. Encoding needs no framer: ``encode``, ``encode_many`` and ``encoded_len`` are static.
    """
    def __new__(cls, /, *, max_body_bytes: SupportsIndex = 65536) -> Framer:
        """
        A framer at the beginning of a stream.

        Args:
            max_body_bytes: the longest body taken, 64 to 16,777,216 bytes. The default is 65,536: CTX114843 lets changes
                of less than 64 KB travel from host to host.

        Raises:
            ValueError: ``max_body_bytes`` is out of range.
        """
    def __repr__(self, /) -> str: ...
    @staticmethod
    def encode(kind: str, /, *fields: int | bool | None) -> bytes:
        """
        The frame of one message.

            >>> Framer.encode("ELECT_MASTER", 1).hex(" ", -4)
            '494d4146 01100000 00000002 0e15de7c 9101'

        Raises:
            ValueError: no message has this kind, or a field is out of range.
            TypeError: there are too many or too few fields, or one is of another type.
        """
    @staticmethod
    def encode_many(messages: Iterable[tuple[Any, ...]], /) -> bytes:
        """
        The frames of many messages, one after the other. ``framer.feed(Framer.encode_many(m)) == m``.

        Args:
            messages: tuples of a kind and its fields.

        Raises:
            ValueError, TypeError: as ``encode``; the message is named by its position, counted from 0.
        """
    @staticmethod
    def encoded_len(kind: str, /, *fields: int | bool | None) -> int:
        """
        The length in bytes of the frame of a message, header included, without encoding it.

        Raises:
            ValueError, TypeError: as ``encode``.
        """
    def feed(self, data: Buffer, /) -> list[tuple[Any, ...]]:
        """
        The messages that ``data`` completes, in order; bytes of a frame that is not whole are kept.

        Args:
            data: the bytes that arrived, cut anywhere. ``bytes`` are read where they lie, other buffers are copied.

        Raises:
            FrameError: these bytes, or earlier ones, are no frames. It carries the messages that came before.
        """
    def finish(self, /) -> None:
        """
        The stream has ended.

        Raises:
            FrameError: it ended within a frame, or had failed before.
        """
    @property
    def kept_bytes(self, /) -> int:
        """
        The bytes kept of a frame of which the rest has not arrived.
        """
    @staticmethod
    def kinds() -> dict[str, tuple[int, tuple[str, ...]]]:
        """
        Every kind: its number on the wire and the names of its fields, by its name.
        """
    @property
    def max_body_bytes(self, /) -> int:
        """
        The longest body taken, in bytes.
        """
    @property
    def offset(self, /) -> int:
        """
        The bytes of whole frames read so far: where in the stream the next frame begins.
        """

@final
class HostRecord:
    """
    All that the farm knows of one host (IMA Information, HOST_RECORD). It never changes, and is equal by value.

    name: the definitive name; Unicode, 1 to 255 bytes of UTF-8, no control characters
    zone: the name of its zone, written as a name is
    host_id: the number that names the host, 1 to 2**48 - 1
    ima_port: the port between servers, 1 to 65535
    admin_port: the Management Console's port, 1 to 65535
    version: what an election compares first, 0 to 255
    preference: what it compares second, 1 (Most Preferred) to 4 (Not Preferred)
    session_only: whether it serves sessions and nothing else: it has no Management Console's port, and ranks below every
        other server, since it never stands in an election; admin_port, version and preference count for nothing then

    Raises ValueError or TypeError, naming the field.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __getnewargs__(self, /) -> tuple[str, str, int, int, int, int, int, bool]:
        """
        What the constructor takes, so that records can be copied and pickled.
        """
    def __hash__(self, /) -> int: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(
        cls,
        /,
        name: str,
        zone: str,
        host_id: SupportsIndex,
        ima_port: SupportsIndex = ...,
        admin_port: SupportsIndex = ...,
        version: SupportsIndex = ...,
        preference: SupportsIndex = ...,
        session_only: bool = False,
    ) -> HostRecord: ...
    def __repr__(self, /) -> str: ...
    @property
    def admin_port(self, /) -> int:
        """
        The Management Console's port.
        """
    @property
    def host_id(self, /) -> int:
        """
        The number that names the host.
        """
    @property
    def ima_port(self, /) -> int:
        """
        The port between servers.
        """
    @property
    def name(self, /) -> str:
        """
        The definitive name.
        """
    @property
    def preference(self, /) -> int:
        """
        The administrator's ranking, 1 (Most Preferred) to 4 (Not Preferred).
        """
    @property
    def rank(self, /) -> Rank:
        """
        The host's rank.
        """
    @property
    def session_only(self, /) -> bool:
        """
        Whether it serves sessions and nothing else.
        """
    @property
    def version(self, /) -> int:
        """
        The product version as elections see it.
        """
    @property
    def zone(self, /) -> str:
        """
        The name of the zone.
        """

@final
class HostResolver:
    """
    Who is in the farm, and by which names (IMA Information, "Host Resolver component").

    A host has a place in the order of the records, from 0: its index, which all methods call `host`. From it and to it
    they translate the host's name, its host id, and the handle of a binding to it (HBINDING). Zones have an index too,
    in the order in which the records first name them.

    A method in the plural translates many at once and crosses into compiled code once. Numbers come from any buffer of
    integers (`array.array`, NumPy, `memoryview`), a list or an iterable, and go back as an `array.array`. What is
    unknown raises KeyError naming the first one and its position, unless there is a default for it; an index that no
    host has raises IndexError.

    hosts: an iterable of HostRecord

    Raises ValueError, naming position and field, for a name or id that two hosts have.
    """
    def __contains__(self, name: str, /) -> bool:
        """
        Whether a host has this name.
        """
    def __getitem__(self, name: str, /) -> int:
        """
        The host with this name, as by_name.
        """
    def __len__(self, /) -> int: ...
    def __new__(cls, hosts: Iterable[HostRecord], /) -> HostResolver: ...
    def __repr__(self, /) -> str: ...
    def bind(self, /, host: SupportsIndex) -> int:
        """
        The handle of the binding to a host, which is made if there is none. Raises IndexError.

        A handle is a number of 64 bits, never 0, and means nobody once its binding has ended.
        """
    def bind_many(self, /, hosts: Buffer | Iterable[int]) -> array.array[int]:
        """
        As bind, for each of these hosts. When one is unknown, none is bound.
        """
    def binding_of(self, /, host: SupportsIndex) -> int:
        """
        The handle of the binding to a host. Raises IndexError, or KeyError for a host without a binding.
        """
    def bindings_of(self, /, hosts: Buffer | Iterable[int], *, default: int | None = None) -> array.array[int]:
        """
        The handles of the bindings to these hosts.
        """
    @property
    def bound(self, /) -> int:
        """
        How many hosts have a binding.
        """
    def by_id(self, /, host_id: SupportsIndex) -> int:
        """
        The host with this id. Raises KeyError.
        """
    def by_ids(self, /, host_ids: Buffer | Iterable[int], *, default: int | None = None) -> array.array[int]:
        """
        The hosts with these ids.
        """
    def by_name(self, /, name: str) -> int:
        """
        The host with this name. Raises KeyError.
        """
    def by_names(self, /, names: Iterable[str], *, default: int | None = None) -> array.array[int]:
        """
        The hosts with these names.
        """
    @staticmethod
    def generate(hosts: SupportsIndex = ..., zones: SupportsIndex = ...) -> HostResolver:
        """
        A farm to try things on: hosts H1, H2, .. with the ids 1, 2, .., in zones Z1, Z2, .. of consecutive hosts.

        The zones are as even as they can be. The first host of each is Most Preferred, the others have the Default
        Preference.

        Raises ValueError for less than 1 host or zone, more than 2**24 hosts, or more zones than hosts.
        """
    def host_of(self, /, binding: SupportsIndex) -> int:
        """
        The host at the other end of the binding with this handle. Raises KeyError.
        """
    def hosts_of(self, /, bindings: Buffer | Iterable[int], *, default: int | None = None) -> array.array[int]:
        """
        The hosts at the other ends of the bindings with these handles.
        """
    def id_of(self, /, host: SupportsIndex) -> int:
        """
        The id of a host. Raises IndexError.
        """
    def ids_of(self, /, hosts: Buffer | Iterable[int]) -> array.array[int]:
        """
        The ids of these hosts.
        """
    def name_of(self, /, host: SupportsIndex) -> str:
        """
        The name of a host. Raises IndexError.
        """
    def names_of(self, /, hosts: Buffer | Iterable[int]) -> list[str]:
        """
        The names of these hosts.
        """
    def record(self, /, host: SupportsIndex) -> HostRecord:
        """
        The record of a host. Raises IndexError.
        """
    def records(self, /) -> list[HostRecord]:
        """
        Every record, in the order of the indexes.
        """
    def set_zone(self, /, host: SupportsIndex, zone: str) -> None:
        """
        Moves a host to the zone of this name, which is made if there is none. Zones keep their index, empty ones too.

        Raises IndexError, or ValueError for a name that no zone can have; nothing has changed then. A farm that was
        opened with this resolver before keeps the zones it was opened with.
        """
    def unbind(self, /, binding: SupportsIndex) -> int:
        """
        Ends the binding with this handle; returns the host at its other end. Raises KeyError.
        """
    def zone_by_name(self, /, name: str) -> int:
        """
        The zone of this name. Raises KeyError.
        """
    def zone_hosts(self, /, zone: int) -> array.array[int]:
        """
        The hosts of a zone, lowest rank first. Raises IndexError.
        """
    def zone_name(self, /, zone: SupportsIndex) -> str:
        """
        The name of a zone. Raises IndexError.
        """
    def zone_of(self, /, host: SupportsIndex) -> int:
        """
        The zone a host is in. Raises IndexError.
        """
    def zones(self, /) -> list[str]:
        """
        The names of the zones, in the order of their indexes.
        """
    def zones_of(self, /, hosts: Buffer | Iterable[int]) -> array.array[int]:
        """
        The zones these hosts are in.
        """

@final
class LiveFarm(ObservedFarm):
    """
    Hosts on streams of bytes: the engine under `imafarm.open_live_farm`.

    It has no socket and no clock: reports say what came over a connection, and when, and `take_acts` tells what hosts
    want done. Acts are (act, host, connection, what), to be carried out in order; connections go by number:

    - `ACT_OPEN`: connect to the host `what`. `connected` may be told once that stands; the acceptor speaks first, so what it
      says is what tells the host.
    - `ACT_ACCEPT`: the caller is being answered, and may be read from now on. `ACT_REFUSE`: turn the caller away.
    - `ACT_WRITE`: send the bytes `what`. `ACT_CLOSE`: close this way once all is sent, and read on to the end.
    - `ACT_ABORT`: drop the connection; `what` says why if the other side is to blame, else None.
    - `ACT_BOUND`: the binding is active, with the host `what`.
    - `ACT_CONSULT`: ask the data store; in the place of the connection stands the question's ticket, and `what` is
      ("start", round trips, work in ns, bytes), ("poll", the change up to which all is known) or ("write", wish, bytes).
    - `ACT_HEARD`: the change `what` is in the data store, as a notice says, and nobody here had heard of it: it may be read
      there, for `learn`.
    - `ACT_STARTED`, `ACT_STOPPED`: the host's service has. Once stopped, no connection is the host's any more.

    After ABORT and REFUSE, and once its end was reported, a connection is unknown: reports about it are left aside.
    Times are whole nanoseconds since the farm was opened; one that lies before an earlier one counts as that.

    hosts: who is in the farm; only those that are started live here
    seed: the phases of heartbeats follow from it, and nothing secret
    magic, host_magic, product, settings, host_settings, applications: as EmulatedFarm
    latest_change: the number of the last change that is in `applications`
    keys: none, or one or two keys of 32 bytes: the first is spoken, both are accepted
    entropy: 32 random bytes of the system's, anew for each farm

    Raises ValueError, naming the key, for what no farm can have.
    """
    def __new__(
        cls,
        /,
        hosts: HostResolver,
        *,
        entropy: bytes,
        seed: SupportsIndex = ...,
        magic: SupportsIndex = ...,
        host_magic: Mapping[int, int] | None = None,
        product: str = "PS45",
        settings: Mapping[str, int] | None = None,
        host_settings: Mapping[int, Mapping[str, int]] | None = None,
        applications: Sequence[tuple[str, Sequence[int] | None]] = ...,
        latest_change: SupportsIndex = 0,
        keys: Sequence[bytes] = ...,
    ) -> LiveFarm: ...
    def advance(self, /, now_ns: SupportsIndex) -> None:
        """
        It is now so late: deadlines that are due are met.
        """
    def advance_a_step(self, /, now_ns: SupportsIndex) -> None:
        """
        It is now so late: the earliest of the deadlines that are due is met, and those within a few milliseconds of it.
        """
    def answered(
        self,
        /,
        host: SupportsIndex,
        ticket: SupportsIndex,
        latest: SupportsIndex,
        bytes: SupportsIndex,
        now_ns: SupportsIndex,
    ) -> None:
        """
        The data store has answered a start or a poll: the number of its last change, and how many bytes were read.
        """
    def connected(self, /, conn: SupportsIndex, *, pair: SupportsIndex | None = None) -> None:
        """
        A connection that a host wanted stands; to be told before anything that came on it, if it has a `pair`.
        """
    def delays(self, /) -> dict[str, int]:
        """
        How long reports have waited for their answers: count, p50_ns, p99_ns, max_ns.
        """
    def ended(self, /, conn: SupportsIndex, how: str, now_ns: SupportsIndex) -> str | None:
        """
        A connection has ended, "finished", "refused" or "broken"; what is wrong with how it did, for the log.

        Raises ValueError for any other end.
        """
    def fill_cache(self, /, host: SupportsIndex, latest: SupportsIndex, *, age_ns: SupportsIndex = ...) -> None:
        """
        What a host has on its disk of the data store, from an earlier process: all changes up to this one. It was in step
        with the data store so many nanoseconds ago.
        """
    def incoming(self, /, host: SupportsIndex, now_ns: SupportsIndex, *, pair: SupportsIndex | None = None) -> int:
        """
        Somebody has connected to a host; the connection's number. `pair` is by what the other end knows it too, if that may
        be in this farm object: a number that both ends find out for themselves, as of the opener's address and port.
        """
    def learn(self, /, name: str, servers: Iterable[int] | None, change: SupportsIndex) -> None:
        """
        An application is published on these hosts, or on all (None), from this change on, as the data store has it.
        """
    def memory(self, /) -> int:
        """
        The bytes that hosts and connections hold.
        """
    def next_deadline_ns(self, /) -> int | None:
        """
        When `advance` next has something to do, in nanoseconds; None if never.
        """
    def receive(
        self, /, conn: SupportsIndex, data: bytes, now_ns: SupportsIndex
    ) -> tuple[list[tuple[int, int, int, Any]], bool]:
        """
        Bytes have arrived on a connection.

        Returns the acts that follow, and whether the bytes end within a frame, of which the rest is to come.
        """
    def reset_delays(self, /) -> None:
        """
        Measures delays anew.
        """
    def start(self, /, hosts: Iterable[int]) -> None:
        """
        Starts hosts that are off or crashed.
        """
    def store_is_down(self, /, host: SupportsIndex, ticket: SupportsIndex, now_ns: SupportsIndex) -> None:
        """
        The data store cannot be reached: that is the answer to this question.
        """
    def take_acts(self, /) -> list[tuple[int, int, int, Any]]:
        """
        Takes what hosts want done, in order.
        """
    def wrote(
        self, /, host: SupportsIndex, ticket: SupportsIndex, change: SupportsIndex, now_ns: SupportsIndex
    ) -> None:
        """
        A host's change is in the data store, under this number.
        """

@disjoint_base
class ObservedFarm:
    """
    A farm, to look at and to act on. Which world drives its hosts is its subclass's affair.

    Hosts and zones are named by index, in the order of the resolver. Times are whole nanoseconds since the farm was
    opened. Commands act at `now_ns`; what follows from them happens as time goes on.
    """
    def applications(self, /) -> list[str]:
        """
        The names of the applications that are published, in the order of their numbers.
        """
    def change_configuration(self, /, host: SupportsIndex, size_bytes: SupportsIndex) -> int | None:
        """
        Changes something of this length that the emulation does not look at, in a console on a running host.

        Returns as `publish` does.
        """
    def change_of(self, /, host: SupportsIndex) -> int:
        """
        The number of the change up to which a host's local host cache has all.
        """
    def check_caches(self, /) -> list[str]:
        """
        Running hosts whose local host caches do not have all that the data store has; nothing, if all is well.
        """
    def check_conservation(self, /) -> list[str]:
        """
        What does not hold of sent = delivered + dropped + in flight; nothing, if all is well.
        """
    def check_stores(self, /) -> list[str]:
        """
        What collectors hold that is not so; nothing, if all is well and quiet.
        """
    def crash(self, /, hosts: Iterable[int]) -> None:
        """
        Takes hosts away without a word: memory and connections are lost, and nothing answers.
        """
    def digest(self, /) -> str:
        """
        The farm's history so far, in 32 hexadecimal digits.
        """
    def elect(self, /, host: SupportsIndex) -> None:
        """
        Forces an election, as `querydc -e` on this host would.
        """
    def elections(self, /) -> list[dict[str, int | None]]:
        """
        The elections so far, in the order in which they began. What has not happened is None.
        """
    def event_log(self, /) -> list[tuple[int, int, int]]:
        """
        What hosts have written to their event logs: (time_ns, class, host).
        """
    @property
    def events(self, /) -> int:
        """
        How many events the engine has handled.
        """
    def events_table(self, /) -> ArrowTable | None:
        """
        The events that were written down, as a table; None if none were to be.
        """
    def host_state(self, /, host: SupportsIndex) -> dict[str, Any]:
        """
        How a host is: power, role, master (index or -1), and its bindings.
        """
    def hosts_table(self, /) -> ArrowTable:
        """
        Every host as it is now, and what it has done so far, as a table.
        """
    def hosts_without_change(self, /, change: SupportsIndex, hosts: Iterable[int]) -> list[int]:
        """
        Which of these hosts run and do not have a change in their local host caches.
        """
    def keep_events(self, /, classes: SupportsIndex) -> None:
        """
        Which classes of events `take_events` gives; all at first.
        """
    def latest_change(self, /) -> int:
        """
        The number of the last change in the data store.
        """
    def logon(self, /, host: SupportsIndex, user: SupportsIndex, app: SupportsIndex) -> int | None:
        """
        A user logs on to a host; the host's number of the session, or None if the host does not run.
        """
    def magic(self, /, host: SupportsIndex) -> int:
        """
        The magic number that a host has, or will have from its next start on.
        """
    def masters(self, /) -> list[int]:
        """
        By zone: the live collector on whom all running hosts of the zone agree, or -1.
        """
    def next_running(self, /) -> int | None:
        """
        A running host, the first in order; None if none runs.
        """
    def next_starting(self, /, first: SupportsIndex = 0) -> int | None:
        """
        A host whose service is about to start, from `first` on and round; None if there is none.
        """
    @property
    def now_ns(self, /) -> int:
        """
        Farm time, in nanoseconds.
        """
    def order_state(self, /, order: SupportsIndex) -> int:
        """
        What became of a wish: the number of the change, 0 while it is on its way, -1 if the data store was down.

        Raises IndexError for a number that no wish has.
        """
    def pause(self, /, hosts: Iterable[int]) -> None:
        """
        Freezes running hosts: they handle nothing, their connections stand.
        """
    def peers(self, /, holder: SupportsIndex) -> list[int]:
        """
        The other zones' collectors that the collector `holder` knows.
        """
    def publish(self, /, host: SupportsIndex, name: str, servers: Iterable[int] | None = None) -> int | None:
        """
        Publishes an application on these hosts, or on all (None), in a console on a running host.

        Returns the number of the wish, for `order_state`, or None if the host does not run.
        """
    def resolve(self, /, host: SupportsIndex, app: SupportsIndex, zones: Sequence[int] = ...) -> int:
        """
        Asks a host where a session of an application should run, and rather in these zones, the best first; the number of
        the question. The answer is there once the host has told of it (`EVENT_RESOLVED`).
        """
    def resume(self, /, hosts: Iterable[int]) -> None:
        """
        Lets frozen hosts go on: all that has arrived meanwhile, they handle now.
        """
    def server_states(self, /, holder: SupportsIndex, zone: SupportsIndex) -> list[tuple[int, bool, int, int]] | None:
        """
        A zone's servers, as the collector `holder` holds them: (host, whether up, load or -1, sessions). None if it is no
        collector; servers it has never heard of are left out.
        """
    def session(self, /, host: SupportsIndex, number: SupportsIndex, act: str) -> bool:
        """
        Something happens to a session of a host: "disconnect", "reconnect" or "logoff". Whether it could.

        Raises ValueError for any other act.
        """
    def sessions(self, /, holder: SupportsIndex, zone: SupportsIndex) -> list[tuple[int, int, int, int, bool]] | None:
        """
        The sessions of a zone's servers, as the collector `holder` holds them: (host, number, user, application, whether
        active). None if it is no collector.
        """
    def set_load(self, /, hosts: Iterable[int], load: SupportsIndex | None) -> None:
        """
        Sets the load of running hosts; None leaves it to their evaluators again.
        """
    def set_magic(self, /, hosts: Iterable[int], magic: SupportsIndex) -> None:
        """
        Gives hosts another magic number, 0 to 2**32 - 1. A running host has it from its next start on.
        """
    def set_setting(self, /, hosts: Iterable[int], name: str, value: SupportsIndex) -> None:
        """
        Turns a setting of hosts. A running host has it from its next start on, as with a registry value.

        Raises ValueError for an unknown name, offering the nearest, and for a value out of range.
        """
    def setting(self, /, host: SupportsIndex, name: str) -> int:
        """
        What a setting of a host says, or will say from its next start on.

        Raises KeyError for an unknown name.
        """
    def statistics(self, /) -> dict[str, Any]:
        """
        What the farm has done: events, messages by kind, bindings, elections, and the same by zone.
        """
    def stop(self, /, hosts: Iterable[int]) -> None:
        """
        Asks running hosts to stop in good order: a collector sets off the election before it goes.
        """
    def subscribe(self, /, host: SupportsIndex, table: str, *, on: bool = True) -> None:
        """
        A running host wants to hear of changes of a table of its collector's, or no more.

        Raises ValueError for a table that there is not.
        """
    def subscribers(self, /, holder: SupportsIndex) -> list[tuple[int, str]]:
        """
        Who subscribed to which table at the collector `holder`, in the order in which they did.
        """
    def take_answer(self, /, request: SupportsIndex) -> tuple[int, int] | None:
        """
        Takes the answer to a question: (server, its load), with -1 if no server takes the session. None before it is there.
        """
    def take_events(self, /) -> list[tuple[int, int, int, int, int]]:
        """
        The events since they were last taken, in farm order: (time_ns, class, host, other host or -1, zone).
        """
    def traffic(self, /) -> list[tuple[int, int, str, int, int, int, int]]:
        """
        What went from zone to zone: (from, to, kind, sent, delivered, dropped, bytes sent), where anything did.
        """
    def write_down_events(self, /, classes: SupportsIndex) -> None:
        """
        Writes down events of the classes in a bit mask from now on, instead of what was written down so far.
        """

@final
class Rank:
    """
    What an election compares: version, then preference, then host id (IMA Information, "What server is the boss").

    Ranks compare as elections do: the greater one wins.

    version: 0 to 255, the higher the better
    preference: 1 (Most Preferred) to 4 (Not Preferred), the lower the better
    host_id: 1 to 2**48 - 1, the higher the better
    session_only: the rank of a session-host-only server, below every other, whose version and preference do not count

    Raises ValueError or TypeError, naming the field.
    """
    def __eq__(self, value: object, /) -> bool: ...
    def __ge__(self, value: object, /) -> bool: ...
    def __getnewargs__(self, /) -> tuple[int, int, int, bool]:
        """
        What the constructor takes, so that ranks can be copied and pickled.
        """
    def __gt__(self, value: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...
    def __le__(self, value: object, /) -> bool: ...
    def __lt__(self, value: object, /) -> bool: ...
    def __ne__(self, value: object, /) -> bool: ...
    def __new__(
        cls, /, version: SupportsIndex, preference: SupportsIndex, host_id: SupportsIndex, session_only: bool = False
    ) -> Rank: ...
    def __repr__(self, /) -> str: ...
    @property
    def host_id(self, /) -> int:
        """
        The host id, which breaks ties.
        """
    @property
    def key(self, /) -> int:
        """
        The rank as one number of 64 bits, for a sort key: it compares as ranks do.
        """
    @property
    def preference(self, /) -> int:
        """
        The preference, compared second; 4 for a session-host-only server, which has none.
        """
    @property
    def session_only(self, /) -> bool:
        """
        Whether a host of this rank never stands in an election.
        """
    def unseats(self, /, incumbent: Rank) -> bool:
        """
        Whether this host may take the role from a living collector of rank `incumbent`.

        The one in office stays, unless its version or preference is lower; a host id alone unseats nobody (IMA
        Information, last answer).
        """
    @property
    def version(self, /) -> int:
        """
        The version, compared first; 0 for a session-host-only server.
        """

@final
class SealedFramer:
    """
    One side of a binding in a farm with a key: frames with their seals, out of one direction and into the other.

    The acceptor says BIND_REQUEST, the opener answers with BIND_RESPONSE; from then on either may send any other kind.
    ``docs/wire.md``, "With a key", has every byte, so that others can speak it.

        >>> import os
        >>> from imafarm import SealedFramer
        >>> key = os.urandom(32)
        >>> acceptor = SealedFramer([key], "acceptor", os.urandom(32))
        >>> opener = SealedFramer([key], "opener", os.urandom(32))
        >>> opener.feed(acceptor.encode("BIND_REQUEST", 0x1A4A, 8022))
        [('BIND_REQUEST', 6730, 8022)]
        >>> acceptor.feed(opener.encode("BIND_RESPONSE", 0x1A4A, 7))
        [('BIND_RESPONSE', 6730, 7)]
        >>> opener.feed(acceptor.encode("BIND_COMMIT"))
        [('BIND_COMMIT',)]

    A frame that was forged, altered, left out, repeated, moved or sent back is a ``FrameError`` whose ``part`` is
    ``seal``. Messages are not hidden: they go in the clear.
    """
    def __new__(
        cls, /, keys: Sequence[bytes], side: str, nonce: bytes, *, max_body_bytes: SupportsIndex = 65536
    ) -> SealedFramer:
        """
        One side of a binding of which nothing has passed yet.

        Args:
            keys: the farm's key of 32 bytes, and perhaps a second one while it is being changed. An acceptor speaks the
                first; an opener answers under either.
            side: ``"opener"`` for the side that has connected, ``"acceptor"`` for the one that was called.
            nonce: 32 bytes of the system's randomness (``os.urandom``), never used before.
            max_body_bytes: the longest body taken, as ``Framer``.

        Raises:
            ValueError: there is no key, or more than two; one, or the nonce, has another length; there is no such side;
                ``max_body_bytes`` is out of range.
        """
    def __repr__(self, /) -> str: ...
    def encode(self, kind: str, /, *fields: int | bool | None) -> bytes:
        """
        The frame of one message and its seal: the next that this side sends. Each has to be sent, once, in this order.

        Raises:
            ValueError: the kind is out of turn on this side of the binding; no message has this kind, or a field is out
                of range.
            TypeError: there are too many or too few fields, or one is of another type.
        """
    def feed(self, data: Buffer, /) -> list[tuple[Any, ...]]:
        """
        The messages that ``data`` completes, in order; bytes of a frame that is not whole are kept.

        Args:
            data: the bytes that arrived, cut anywhere. ``bytes`` are read where they lie, other buffers are copied.

        Raises:
            FrameError: these bytes, or earlier ones, are no frames of this binding. It carries the messages that came
                before.
        """
    def finish(self, /) -> None:
        """
        The stream has ended.

        Raises:
            FrameError: it ended within a frame, or had failed before.
        """
    @property
    def kept_bytes(self, /) -> int:
        """
        The bytes kept of a frame of which the rest has not arrived.
        """
    @property
    def max_body_bytes(self, /) -> int:
        """
        The longest body taken, in bytes.
        """
    @property
    def offset(self, /) -> int:
        """
        The bytes of whole frames read so far, seals included: where in the stream the next frame begins.
        """

def check_setting(name: str, value: SupportsIndex) -> str:
    """
    Checks that a host can have this setting; returns the name as the registry writes it, since case does not matter.

    value: in the setting's own unit

    Raises ValueError for a name that no setting has, offering the nearest, and for a value out of range.
    """

def rank_columns(
    host_ids: Buffer | Iterable[int],
    versions: int | Buffer | Iterable[int] = ...,
    preferences: int | Buffer | Iterable[int] = ...,
) -> array.array[int]:
    """
    As rank_hosts, for hosts that stand in columns: buffers of integers (`array.array`, NumPy), lists or iterables.

    host_ids: 1 to 2**48 - 1
    versions: 0 to 255 for each host, or one for all
    preferences: 1 (Most Preferred) to 4 (Not Preferred) for each host, or one for all

    Returns an array of type code 'I'. Raises ValueError, naming column and position, for a value out of range or
    columns of different lengths.
    """

def rank_hosts(hosts: HostResolver | Iterable[HostRecord] | Iterable[Rank], /) -> array.array[int]:
    """
    The positions of `hosts` in the order in which an election prefers them, highest rank first.

    hosts: a HostResolver, or an iterable of HostRecord or Rank

    Returns an array of type code 'I'. Hosts of equal rank keep their order. Raises TypeError, naming the position of
    what has no rank.
    """

def settings() -> list[dict[str, Any]]:
    """
    Every setting, as a dict with the keys name, unit, default, min, max, source and meaning.

    The names are the registry's own where it has one. Where name and default are ours, source is "our guess".
    """

__all__ = [
    "ACT_ABORT",
    "ACT_ACCEPT",
    "ACT_BOUND",
    "ACT_CLOSE",
    "ACT_CONSULT",
    "ACT_HEARD",
    "ACT_OPEN",
    "ACT_REFUSE",
    "ACT_STARTED",
    "ACT_STOPPED",
    "ACT_WRITE",
    "EVENT_BINDING_REFUSED",
    "EVENT_CHANGE_LEARNT",
    "EVENT_CHANGE_MADE",
    "EVENT_CHANGE_REFUSED",
    "EVENT_ELECTION_ACKNOWLEDGED",
    "EVENT_ELECTION_STARTED",
    "EVENT_HOST_DOWN",
    "EVENT_HOST_STARTING",
    "EVENT_HOST_UP",
    "EVENT_MASTER_ACCEPTED",
    "EVENT_MASTER_DECLARED",
    "EVENT_MASTER_RESIGNED",
    "EVENT_MASTER_UNREACHABLE",
    "EVENT_MEMBER_LOST",
    "EVENT_PEER_LOST",
    "EVENT_RESOLVED",
    "EVENT_SERVICE_TIMED_OUT",
    "EVENT_SESSION_CHANGED",
    "EVENT_STARTED_FROM_CACHE",
    "EVENT_START_REFUSED",
    "EVENT_STORE_UNREACHABLE",
    "EVENT_TABLE_CHANGED",
    "EVENT_ZONE_AGREED",
    "ArrowTable",
    "ConnectionCache",
    "EmulatedFarm",
    "FrameError",
    "Framer",
    "HostRecord",
    "HostResolver",
    "LiveFarm",
    "ObservedFarm",
    "Rank",
    "SealedFramer",
    "check_setting",
    "rank_columns",
    "rank_hosts",
    "settings",
]

class FrameError(ValueError):
    """
    The bytes are no frames. The framer that met them reads no more; the binding they came from has to close.

    Attributes:
        offset (int): the byte of the stream at which the trouble begins, counted from 0.
        part (str): the part of the frame that is wrong: magic, version, kind, seal, length, checksum, body or end.
        messages (list[tuple[Any, ...]]): the messages that came whole before it, in the call that met it.
    """

    offset: int
    part: str
    messages: list[tuple[Any, ...]]
