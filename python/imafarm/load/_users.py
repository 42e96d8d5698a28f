"""Users who log on to a population, and off again."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Sequence

import trio

from imafarm.farm import Farm, Session
from imafarm.load._plan import LoadPlan

LARGEST_USER = 2**32 - 1


class Users:
    """They come by a Poisson process, each to a member drawn from all, and stay for exponentially distributed times.

    When and to whom each comes follows from the plan's seed alone, so they are the same in every world.
    """

    def __init__(self, farm: Farm, plan: LoadPlan, members: Sequence[str]) -> None:
        """Nobody has come yet."""
        self.logons = 0
        self.logoffs = 0
        self._farm = farm
        self._plan = plan
        self._members = members
        self._random = random.Random(plan.seed)
        # By the moment at which each goes, and by the number of the logon, since sessions have no order.
        self._sessions: list[tuple[float, int, Session]] = []

    async def come_and_go(self) -> None:
        """Has users come and go from now on, until cancelled; whoever is there then stays."""
        rate = self._plan.logons_per_second
        next_logon = trio.current_time() + self._random.expovariate(rate) if rate else math.inf
        while True:
            next_logoff = self._sessions[0][0] if self._sessions else math.inf
            await trio.sleep_until(min(next_logon, next_logoff))
            if next_logoff <= next_logon:
                _, _, session = heapq.heappop(self._sessions)
                await self._farm.logoff(session)
                self.logoffs += 1
            else:
                await self._log_on(next_logon)
                next_logon += self._random.expovariate(rate)

    async def _log_on(self, moment: float) -> None:
        host = self._random.choice(self._members)
        until = moment + self._random.expovariate(1 / self._plan.session_seconds)
        session = await self._farm.logon(host, user=self.logons % LARGEST_USER)
        self.logons += 1
        heapq.heappush(self._sessions, (until, self.logons, session))
