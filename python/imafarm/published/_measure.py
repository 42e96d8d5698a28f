"""All that was published of a product, measured in farms of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from imafarm.published._bench import Amount, Amounts, Bench, Opener
from imafarm.published._configuration import elections, limit, logons, publishing, start_times, starts
from imafarm.published._figures import figures_of
from imafarm.published._keeping import connections, heartbeats, lost_peer, silent_member
from imafarm.published._operations import (
    changing_collector,
    full_updates,
    new_server_and_query,
    replications,
    session_events,
)
from imafarm.published._report import Key, Report, judge
from imafarm.topology import Product

STEPS: tuple[Callable[[Bench], Awaitable[Amounts]], ...] = (
    starts,
    session_events,
    new_server_and_query,
    publishing,
    changing_collector,
    replications,
    logons,
    elections,
    limit,
    connections,
    silent_member,
    lost_peer,
    heartbeats,
    full_updates,
    start_times,
)


async def measure(product: Product, open_farm: Opener) -> dict[Key, Amount]:
    """What a farm makes of each figure of a product: bytes, or times; `None` if an operation did not come about."""
    published = {(figure.operation, figure.direction) for figure in figures_of(product)}
    bench = Bench(product, frozenset(operation for operation, _ in published), open_farm)
    measured: dict[Key, Amount] = {}
    for step in STEPS:
        amounts = await step(bench)
        measured |= {(product, *what): amount for what, amount in amounts.items() if what in published}
    return measured


async def compare_with(product: Product | None, open_farm: Opener) -> Report:
    """The figures of a product, or of all, beside what farms make of them.

    `ConfigurationError` for a product of which nothing is published.
    """
    figures = figures_of(product)
    measured: dict[Key, Amount] = {}
    for each in dict.fromkeys(figure.product for figure in figures):
        measured |= await measure(each, open_farm)
    return judge(figures, measured)
