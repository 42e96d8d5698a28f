"""How each request is answered, out of what a host can tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from imafarm.management._packets import packed
from imafarm.management._shapes import Value
from imafarm.management._view import HostView

Arguments = Mapping[str, Any]
"""A request's entries, which have been checked."""
Rows = Iterable[Sequence[Any]]
Answer = Callable[[HostView, Arguments, Rows], Awaitable[bytes]]


async def _hosts(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    return packed(
        {},
        (
            (
                record.name,
                record.zone,
                record.host_id,
                record.ima_port,
                record.admin_port,
                record.version,
                record.preference,
                record.session_only,
                address,
            )
            for record, address in view.hosts()
        ),
    )


async def _state(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    state = view.state()
    said: dict[str, Value] = {"power": state.power, "role": state.role, "master": state.master}
    return packed({**said, **asdict(state.bindings)})


async def _peers(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    return packed({}, ((host,) for host in view.peers()))


async def _sessions(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    rows = view.sessions(arguments["zone"])
    return packed({}, ((row.host, row.number, row.user, row.app, row.active) for row in rows))


async def _servers(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    return packed({}, ((row.host, row.up, row.load, row.sessions) for row in view.servers(arguments["zone"])))


async def _subscriptions(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    return packed({}, view.subscriptions())


async def _traffic(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    messages = view.statistics().messages.items()
    return packed({}, ((kind, it.sent, it.delivered, it.dropped, it.in_flight, it.bytes) for kind, it in messages))


async def _counters(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    by_zone = view.statistics().counters.items()
    return packed({}, ((zone, name, value) for zone, counters in by_zone for name, value in counters.items()))


async def _elect(view: HostView, _arguments: Arguments, _rows: Rows) -> bytes:
    return packed({"master": await view.elect()})


async def _logon(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    return packed({"session": await view.logon(arguments["app"], arguments["user"])})


async def _logoff(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    return packed({"done": await view.logoff(arguments["session"])})


async def _disconnect(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    return packed({"done": await view.disconnect(arguments["session"])})


async def _reconnect(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    return packed({"done": await view.reconnect(arguments["session"])})


async def _set_load(view: HostView, arguments: Arguments, _rows: Rows) -> bytes:
    await view.set_load(arguments["load"])
    return packed({})


async def _publish(view: HostView, arguments: Arguments, rows: Rows) -> bytes:
    servers = None if arguments["everywhere"] else [host for (host,) in rows]
    return packed({"change": await view.publish(arguments["app"], servers)})


ANSWERS: dict[str, Answer] = {
    "hosts": _hosts,
    "state": _state,
    "peers": _peers,
    "sessions": _sessions,
    "servers": _servers,
    "subscriptions": _subscriptions,
    "traffic": _traffic,
    "counters": _counters,
    "elect": _elect,
    "logon": _logon,
    "logoff": _logoff,
    "disconnect": _disconnect,
    "reconnect": _reconnect,
    "set_load": _set_load,
    "publish": _publish,
}
"""By request: all but `stop`, which is answered before it is done."""
