"""The management port of a host: what it tells of itself and of its farm, and what it can be told to do.

Both sides over any Trio stream, with a farm key or without; docs/management.md has every packet.
"""

from imafarm.management._client import (
    ANSWER_SECONDS,
    PORT,
    RemoteHost,
    ask_over,
    connect_management,
)
from imafarm.management._limits import Door, ManagementLimits
from imafarm.management._server import serve_management
from imafarm.management._view import FarmView, HostView

__all__ = [
    "ANSWER_SECONDS",
    "PORT",
    "Door",
    "FarmView",
    "HostView",
    "ManagementLimits",
    "RemoteHost",
    "ask_over",
    "connect_management",
    "serve_management",
]
