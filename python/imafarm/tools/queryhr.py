"""`queryhr`: a farm's host records, in the form in which the product's tool prints them."""

from __future__ import annotations

from collections.abc import Iterator

from imafarm._imafarm import HostRecord, HostResolver
from imafarm.errors import ConfigurationError

RULE = "-" * 29


def host_records(resolver: HostResolver, host: str | None = None) -> Iterator[str]:
    """The lines of `queryhr`, zone by zone; with `host`, only that host's record.

    Our guess: of a session-host-only server there is no `Admin Port` and no `Master Ranking` to print.

    Errors: `ConfigurationError` for an unknown host.
    """
    records = resolver.records()
    if host is not None:
        records = [record for record in records if record.name == host]
        if not records:
            raise ConfigurationError([f"HOST: no host of this farm is named {host!r}"])
    by_zone: dict[str, list[HostRecord]] = {}
    for record in records:
        by_zone.setdefault(record.zone, []).append(record)
    return _lines(by_zone)


def _lines(by_zone: dict[str, list[HostRecord]]) -> Iterator[str]:
    for zone, records in by_zone.items():
        yield f'---- Showing Hosts for "{zone}" ----'
        for number, record in enumerate(records, start=1):
            yield f"Host {number}:"
            yield RULE
            yield f"Zone Name: {record.zone}"
            yield f"Host Name: {record.name}"
            if not record.session_only:
                yield f"Admin Port: {record.admin_port}"
            yield f"Ima Port: {record.ima_port}"
            yield f"Host ID: {record.host_id}"
            if not record.session_only:
                yield f"Master Ranking: {record.preference}"
            yield f"Master Version: {record.version}"
            yield RULE
        yield "--- Show Host Records Completed ---"
