"""What can be asked of a host through its management port, and what it answers: one table for both sides.

docs/management.md says what each means.
"""

from __future__ import annotations

from typing import get_args

from imafarm.farm import Power, Role
from imafarm.management._seal import CHALLENGE_BYTES, TAG_BYTES
from imafarm.management._shapes import NAME, NOTHING, TEXT, TRUTH, U16, U32, U48, U64, Kind, Shape, bytes_of, one_of

VERSION = 1
"""The version of the protocol."""

POWER, ROLE = one_of(get_args(Power)), one_of(get_args(Role))

_PROOF = {"challenge": bytes_of(CHALLENGE_BYTES), "proof": bytes_of(TAG_BYTES)}
HELLO, KEYED_HELLO = Shape({"management": U32}), Shape({"management": U32, **_PROOF})
"""The first packet of whoever asks, without and with a farm key."""
WELCOME, KEYED_WELCOME = Shape({"management": U32, "host": NAME}), Shape({"management": U32, "host": NAME, **_PROOF})
"""The first packet of the host."""
FAULT = Shape({"error": TEXT, "text": TEXT})

BINDINGS: dict[str, Kind] = dict.fromkeys(("opened", "hit", "evicted", "closed", "refused", "active"), U64)
HOST_COLUMNS = {
    "name": NAME,
    "zone": NAME,
    "host_id": U48,
    "ima_port": U16,
    "admin_port": U16,
    "version": U32,
    "preference": U32,
    "session_only": TRUTH,
    "address": NAME | NOTHING,
}
SESSION_COLUMNS = {"host": NAME, "number": U32, "user": U32, "app": TEXT | NOTHING, "active": TRUTH}
SERVER_COLUMNS = {"host": NAME, "up": TRUTH, "load": U32 | NOTHING, "sessions": U32}
TRAFFIC_COLUMNS = {
    "kind": NAME,
    "sent": U64,
    "delivered": U64,
    "dropped": U64,
    "in_flight": U64,
    "bytes": U64,
}

_DONE = Shape({"done": TRUTH})
_SESSION = Shape({"session": U32})

REQUESTS: dict[str, tuple[Shape, Shape]] = {
    # Questions
    "hosts": (Shape(), Shape(columns=HOST_COLUMNS)),
    "state": (Shape(), Shape({"power": POWER, "role": ROLE, "master": NAME | NOTHING, **BINDINGS})),
    "peers": (Shape(), Shape(columns={"host": NAME})),
    "sessions": (Shape({"zone": NAME}), Shape(columns=SESSION_COLUMNS)),
    "servers": (Shape({"zone": NAME}), Shape(columns=SERVER_COLUMNS)),
    "subscriptions": (Shape(), Shape(columns={"host": NAME, "table": NAME})),
    "traffic": (Shape(), Shape(columns=TRAFFIC_COLUMNS)),
    "counters": (Shape(), Shape(columns={"zone": NAME, "counter": NAME, "value": U64})),
    # Commands
    "elect": (Shape(), Shape({"master": NAME | NOTHING})),
    "logon": (Shape({"app": TEXT | NOTHING, "user": U32}), Shape({"session": U32})),
    "logoff": (_SESSION, _DONE),
    "disconnect": (_SESSION, _DONE),
    "reconnect": (_SESSION, _DONE),
    "set_load": (Shape({"load": U32 | NOTHING}), Shape()),
    "publish": (Shape({"app": TEXT, "everywhere": TRUTH}, {"host": NAME}), Shape({"change": U64})),
    "stop": (Shape(), Shape()),
}
"""By name: what a request holds besides its name, and what its reply does."""
