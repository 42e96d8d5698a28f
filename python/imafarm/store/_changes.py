"""What each change of a farm's configuration does to the objects of the store.

Errors: `ConfigurationError` names the key that is wrong, before anything of the transaction stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any
from zlib import crc32

from imafarm._imafarm import HostRecord
from imafarm.configuration import (
    AddHost,
    ConfigurationChange,
    MoveHost,
    OtherChange,
    Publish,
    RemoveHost,
    SetPreference,
    SetSettings,
    Unpublish,
)
from imafarm.errors import ConfigurationError
from imafarm.settings import check_settings, default_settings
from imafarm.store import _layout as layout
from imafarm.store._tree import Editor, Entry, find, read_object, read_objects
from imafarm.topology._checks import name_mistake


class Changer:
    """Carries changes out, one after the other, in one transaction."""

    def __init__(self, editor: Editor) -> None:
        """`editor` writes them."""
        self._editor = editor
        self._connection = editor.connection
        self.is_whole_in_doubt = False
        """Whether a change could have left something that does not fit together."""

    def apply(self, change: ConfigurationChange) -> None:
        """Carries one change out."""
        match change:
            case SetSettings():
                self._set_settings(change)
            case AddHost():
                self._add_host(change)
            case RemoveHost():
                self._remove_host(change)
            case MoveHost():
                self._move_host(change)
            case SetPreference():
                attributes = self._server(change.host)
                self._put_server(change.host, {**attributes, "preference": change.preference})
            case Publish():
                self._publish(change)
            case Unpublish():
                self._unpublish(change)
            case OtherChange():
                self._change_other(change)

    def _set_settings(self, change: SetSettings) -> None:
        defaults = {name.lower(): value for name, value in default_settings().items()}
        # An unknown name has no default; whatever stands for it, the check refuses the name.
        asked = {name: defaults.get(name.lower(), 0) if it is None else it for name, it in change.settings.items()}
        spelled = dict(zip(asked, check_settings(asked), strict=True))
        back = {spelled[name] for name, value in change.settings.items() if value is None}
        given = {spelled[name]: value for name, value in change.settings.items() if value is not None}
        if change.host is None:
            found = read_object(self._connection, layout.SETTINGS)
            self._editor.put([Entry(layout.SETTINGS, _turned(found.attributes if found else {}, given, back))])
            return
        attributes = self._server(change.host)
        settings = _turned(attributes.get("settings", {}), given, back)
        without = {key: value for key, value in attributes.items() if key != "settings"}
        self._put_server(change.host, {**without, "settings": settings} if settings else without)

    def _add_host(self, change: AddHost) -> None:
        record = change.record
        if read_object(self._connection, layout.server_name(record.name)):
            raise ConfigurationError([f"host: there is one named {record.name!r} already"])
        if taken := find(self._connection, "host id", str(record.host_id)):
            raise ConfigurationError([f"host_id: {record.host_id} is taken by {_own(taken[0])!r} already"])
        settings = check_settings(change.settings)
        self._set_first_magic()
        self._make_zone(record.zone)
        self._editor.put([layout.record_entry(record, {"settings": settings} if settings else {})])
        # The address that it gets by its place could be another's own.
        self.is_whole_in_doubt |= bool(self._addresses())

    def _set_first_magic(self) -> None:
        """IMA Information, how a collector knows who belongs to the farm: the first server to join sets the number.

        Out of what it is made is our guess: the farm's name, so that two farms differ and one is always the same.
        """
        farm = read_object(self._connection, layout.ROOT)
        if farm is not None and "magic" not in farm.attributes:
            magic = crc32(str(farm.attributes.get("name", "")).encode())
            self._editor.put([Entry(layout.ROOT, {**farm.attributes, "magic": magic})])

    def _remove_host(self, change: RemoveHost) -> None:
        attributes = self._server(change.host)
        for name in find(self._connection, "server", change.host):
            found = read_object(self._connection, name)
            if found is not None:
                left = [server for server in (found.attributes.get("servers") or ()) if server != change.host]
                self._editor.put([layout.application_entry(_own(name), left)])
        if change.host in (addresses := self._addresses()):
            live = read_object(self._connection, layout.LIVE)
            others = {host: address for host, address in addresses.items() if host != change.host}
            self._editor.put([Entry(layout.LIVE, {**(live.attributes if live else {}), "addresses": others})])
        self._editor.delete([layout.server_name(change.host)])
        self._leave_zone(attributes["zone"])
        self.is_whole_in_doubt = True

    def _addresses(self) -> dict[str, str]:
        """By host name: the addresses of those that have one of their own on real sockets."""
        live = read_object(self._connection, layout.LIVE)
        return dict(live.attributes.get("addresses", {})) if live else {}

    def _move_host(self, change: MoveHost) -> None:
        attributes = self._server(change.host)
        if attributes["zone"] == change.zone:
            return
        self._make_zone(change.zone)
        self._put_server(change.host, {**attributes, "zone": change.zone})
        self._leave_zone(attributes["zone"])
        self.is_whole_in_doubt = True

    def _make_zone(self, zone: str) -> None:
        _check_name("zone", zone)
        self._editor.put([layout.zone_entry(zone)])

    def _leave_zone(self, zone: str) -> None:
        """A zone goes with its last host, and with it what is said of the zone alone."""
        if find(self._connection, "zone", zone):
            return
        pairs = [it.name for it in read_objects(self._connection, layout.PAIRS) if zone in layout.own_names(it.name)]
        workload = layout.workload_name(zone)
        self._editor.delete([layout.zone_name(zone), workload, *pairs])
        store = read_object(self._connection, layout.STORE)
        if store is not None and zone in store.attributes.get("replicas", ()):
            replicas = [other for other in store.attributes["replicas"] if other != zone]
            self._editor.put([Entry(layout.STORE, {**store.attributes, "replicas": replicas})])

    def _publish(self, change: Publish) -> None:
        servers = None if change.servers is None else list(dict.fromkeys(change.servers))
        if servers is not None and not servers:
            raise ConfigurationError([f"{change.application}: published on no host; name some, or leave it at all"])
        _check_name("application", change.application)
        for server in servers or ():
            self._server(server)
        self._editor.put([layout.application_entry(change.application, servers)])

    def _unpublish(self, change: Unpublish) -> None:
        _check_name("application", change.application)
        name = layout.application_name(change.application)
        if read_object(self._connection, name) is None:
            known = [_own(it.name) for it in read_objects(self._connection, layout.APPLICATIONS)]
            raise ConfigurationError([f"application: none is named {_nearest(change.application, known)}"])
        self._editor.delete([name])
        self.is_whole_in_doubt = True

    def _change_other(self, change: OtherChange) -> None:
        if not 0 <= change.size_bytes < 2**63:
            raise ConfigurationError([f"size_bytes: {change.size_bytes} is out of range, 0 to 2**63 - 1"])
        found = read_object(self._connection, layout.OTHER)
        times = found.attributes["times"] + 1 if found else 1
        self._editor.put([Entry(layout.OTHER, {"size_bytes": change.size_bytes, "times": times})])

    def _server(self, host: str) -> dict[str, Any]:
        _check_name("host", host)
        found = read_object(self._connection, layout.server_name(host))
        if found is None:
            known = [_own(it.name) for it in read_objects(self._connection, layout.SERVERS)]
            raise ConfigurationError([f"host: none is named {_nearest(host, known)}"])
        # What somebody else broke is found before it is written on.
        layout.record_of(host, found.attributes)
        return dict(found.attributes)

    def _put_server(self, host: str, attributes: dict[str, Any]) -> None:
        try:
            record: HostRecord = layout.record_of(host, attributes)
        except ValueError as error:
            raise ConfigurationError([str(error)]) from None
        self._editor.put([layout.server_entry(record.name, attributes)])


def _turned(settings: Any, given: dict[str, int], back: set[str]) -> dict[str, int]:
    return {name: value for name, value in {**settings, **given}.items() if name not in back}


def _own(name: str) -> str:
    return layout.own_names(name)[0]


def _check_name(key: str, name: str) -> None:
    if said := name_mistake(name):
        raise ConfigurationError([f"{key}: {said}"])


def _nearest(name: str, known: Iterable[str]) -> str:
    nearest = get_close_matches(name, list(known), n=1)
    return f"{name!r}; did you mean {nearest[0]!r}?" if nearest else repr(name)
