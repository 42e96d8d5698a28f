"""What is seen of a real farm while it runs, beside what the farm says when it is asked for everything."""

from collections import Counter
from dataclasses import FrozenInstanceError

import pytest

from imafarm.farm import EventKind, FarmEvent
from imafarm.scenario import Moment, Verdict
from imafarm.scenarios import SCENARIOS
from imafarm.topology import Topology
from imafarm.watch import FULL_SPEED, Pace, Play, Snapshot, Wanted, Watched
from imafarm.watch import _observer as observer
from imafarm.watch._log import Log
from imafarm.watch._rates import Rates

HOSTS, ZONES = 60, 2


class Seen:
    """A snapshot at every event of a run, and what is wrong in them by what the farm itself said at that moment."""

    def __init__(self, scenario: str, wanted: Wanted | None = None) -> None:
        self.snapshots: list[Snapshot] = []
        self.wrong: list[str] = []
        chosen = SCENARIOS[scenario]
        topology = Topology.of(HOSTS, ZONES)
        played = Play(chosen, chosen.prepare(topology) if chosen.prepare else topology, seed=3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(observer, "LOOK_SECONDS", 0.0)
            patch.setattr(observer, "HISTORY_SECONDS", 0.0)
            patch.setattr(observer, "COST_SHARE", 0)
            # Farm time stops at each event, so that nothing is missed.
            patch.setattr(observer, "_NOTABLE", observer.HEARD_KINDS)
            patch.setattr(Pace, "wants_events", True)
            patch.setattr(observer.Observer, "look", self._looking(observer.Observer.look))
            watched = Watched(played, Pace(FULL_SPEED))
            if wanted is not None:
                watched.want(wanted)
            watched.start()
            watched._thread.join(60)
            ended = watched.leave()
        assert ended.error is None and ended.verdict is not None, ended.error
        self.verdict: Verdict = ended.verdict
        assert watched.latest is self.snapshots[-1]

    def _looking(self, look: object) -> object:
        def looking(self_: observer.Observer) -> None:
            assert callable(look)
            look(self_)
            snapshot, farm = self_.latest, self_._farm
            assert snapshot is not None and farm is not None
            self.snapshots.append(snapshot)
            states = {host: farm.host_state(host) for host in farm.host_names}
            for zone in snapshot.zones:
                its = [states[host] for host in farm.hosts_of(zone.name)]
                up = [state for state in its if state.power == "up"]
                votes = Counter(state.master for state in up)
                told = (zone.up, zone.hosts, zone.bindings.active)
                true = (len(up), len(its), sum(state.bindings.active for state in its))
                if told != true:
                    self.wrong.append(f"{snapshot.seconds}: {zone.name} {told}, in truth {true}")
                if (
                    zone.master is not None
                    and zone.stage in ("agreed", "declared")
                    and zone.agreeing != votes[zone.master]
                ):
                    self.wrong.append(f"{snapshot.seconds}: {zone.name} {zone}, in truth {votes}")

        return looking


@pytest.fixture(scope="module")
def seen() -> Seen:
    """A failover."""
    return Seen("master-failover", Wanted(hosts=4, kinds=5, lines=30))


def test_what_is_counted_is_so(seen: Seen) -> None:
    assert len(seen.snapshots) > 100
    assert seen.wrong == []


@pytest.mark.parametrize("scenario", ["two-masters", "store-outage", "missed-change"])
def test_what_is_counted_is_so_when_hosts_are_cut_off_and_come_back(scenario: str) -> None:
    assert Seen(scenario).wrong == []


def test_an_election_is_seen_from_the_crash_to_the_last_host_that_agrees(seen: Seen) -> None:
    failover = [snapshot.zones[0] for snapshot in seen.snapshots if snapshot.phase == "failover"]
    hold = next(snapshot.zones[0] for snapshot in seen.snapshots if snapshot.phase == "hold")
    stages = [*dict.fromkeys(zone.stage for zone in failover), hold.stage]
    assert [stage for stage in stages if stage != "in doubt"] == ["lost", "electing", "declared", "agreed"]
    stood = [zone.candidates for zone in failover if zone.stage == "electing"]
    assert stood == sorted(stood) and stood[-1] > stood[0] >= 1
    heard = [zone.agreeing for zone in failover if zone.stage == "declared"]
    assert heard == sorted(heard) and heard[-1] > heard[0] >= 1
    assert {zone.master for zone in failover if zone.stage == "lost"} == {"H1"}
    assert {snapshot.zones[1].stage for snapshot in seen.snapshots if snapshot.phase == "failover"} == {"agreed"}


def test_a_boot_begins_with_nobody(seen: Seen) -> None:
    first = seen.snapshots[0]
    assert (first.seconds, first.phase, first.events) == (0.0, "boot", 0)
    assert [(zone.stage, zone.up, zone.master) for zone in first.zones] == [("off", 0, None)] * ZONES


def test_the_last_look_is_at_what_the_verdict_says(seen: Seen) -> None:
    last, verdict = seen.snapshots[-1], seen.verdict
    assert {zone.name: zone.master for zone in last.zones} == verdict.masters
    assert (last.events, last.seconds) == (verdict.statistics.events, verdict.virtual_seconds)
    detail = last.detail
    assert detail is not None and detail.zone == "Z1"
    assert detail.election == [election for election in verdict.elections if election.zone == "Z1"][-1]
    assert detail.elections == sum(election.zone == "Z1" for election in verdict.elections)
    assert [host.rank for host in detail.hosts] == [1, 2, 3, 4]
    assert (detail.hosts[0].power, detail.hosts[1].role, detail.hosts[1].name) == (
        "crashed",
        "master",
        verdict.masters["Z1"],
    )
    assert len(detail.kinds) == 5


def test_messages_are_those_that_the_zones_hosts_have_sent(seen: Seen) -> None:
    both = [Seen("master-failover", Wanted(zone=zone, kinds=100)).snapshots[-1].detail for zone in ("Z1", "Z2")]
    sent: Counter[str] = Counter()
    for detail in both:
        assert detail is not None
        sent.update({view.kind: view.sent for view in detail.kinds})
    expected: Counter[str] = Counter()
    for kind, traffic in seen.verdict.statistics.messages.items():
        expected["BIND_*" if kind.startswith("BIND_") else kind] += traffic.sent
    assert sent == +expected


def test_a_storm_stands_out_in_the_history_of_its_kind(seen: Seen) -> None:
    detail = seen.snapshots[-1].detail
    assert detail is not None
    assert all(len(view.history) == len(detail.kinds[0].history) > 10 for view in detail.kinds)
    views = {view.kind: view for view in detail.kinds}
    update = views["SERVER_UPDATE"]
    assert max(views["ELECT_MASTER"].history) > 100 * update.per_second > 0
    assert views["ELECT_MASTER"].history[-1] == 0
    assert seen.snapshots[-1].zones[0].kinds_per_second["SERVER_UPDATE"] == update.per_second


def test_a_snapshot_is_for_keeps(seen: Seen) -> None:
    with pytest.raises(FrozenInstanceError):
        seen.snapshots[0].zones[0].up = 3  # type: ignore[misc]
    assert [snapshot.seconds for snapshot in seen.snapshots] == sorted(snapshot.seconds for snapshot in seen.snapshots)


def test_the_log_tells_the_election_in_a_few_lines(seen: Seen) -> None:
    told = [line for line in seen.snapshots[-1].log if line.seconds >= 60]
    assert [line.text.split(" ", 1)[1] for line in told] == [
        "failover",
        "the collector of Z1, crashes",
        "is down",
        "cannot reach H1, its collector",
        "stands: ELECT_MASTER to all ranked higher",
        "sends DECLARE_MASTER",
        "running hosts agree on H30",
        "hold",
        "judge",
    ]
    election = seen.verdict.elections[-1]
    stands = told[4]
    assert (stands.times, stands.seconds) == (election.candidates, election.started_seconds)


# -- the log and the rates alone


def event(seconds: float, kind: EventKind, host: str = "H1", zone: str = "Z1") -> FarmEvent:
    return FarmEvent(seconds, kind, host, "H9", zone)


def test_like_events_of_a_zone_are_one_line_until_others_have_come_between() -> None:
    log = Log()
    assert log.hear(event(1, EventKind.ELECTION_STARTED)) == (True, True)
    assert log.hear(event(2, EventKind.ELECTION_STARTED, "H2")) == (False, True)
    assert log.hear(event(2, EventKind.ELECTION_STARTED, "H7", "Z2")) == (True, True)
    assert log.hear(event(40, EventKind.ELECTION_STARTED, "H3")) == (True, True)
    assert [(line.seconds, line.zone, line.times) for line in log.last(9)] == [
        (1, "Z1", 2),
        (2, "Z2", 1),
        (40, "Z1", 1),
    ]
    for number in range(9):
        log.moment(Moment(41, f"moment {number}"))
    log.hear(event(42, EventKind.ELECTION_STARTED))
    assert [line.text for line in log.last(2)] == ["moment 8", "H1 stands: ELECT_MASTER to all ranked higher"]


def test_agreement_is_told_where_it_ends_an_election() -> None:
    log = Log()
    assert log.hear(event(1, EventKind.ZONE_AGREED)) == (False, False)
    log.hear(event(2, EventKind.MASTER_UNREACHABLE))
    assert log.hear(event(3, EventKind.ZONE_AGREED)) == (True, False)
    assert log.hear(event(4, EventKind.ZONE_AGREED)) == (False, False)
    assert log.hear(event(4, EventKind.TABLE_CHANGED)) == (False, False)
    assert len(log.last(9)) == 2


def test_a_rate_is_taken_over_the_last_second_since_the_speed_changed() -> None:
    rates: Rates[str] = Rates(100)
    assert (rates.per_farm_second(), rates.per_real_second("x"), rates.speed()) == ({}, 0.0, 0.0)
    for tenth in range(21):
        rates.put(tenth / 10, tenth * 1.0, {"x": tenth * 5})
    assert rates.per_farm_second() == {"x": 5.0}
    assert rates.per_real_second("x") == pytest.approx(50)
    assert rates.speed() == pytest.approx(10)
    rates.put(2.1, 20.0, {"x": 1_000})
    assert rates.latest() == {"x": 100}, "farm time stood"
    rates.begin_anew(2.15)
    rates.put(2.2, 20.001, {"x": 200})
    rates.put(2.3, 20.002, {"x": 500})
    assert rates.per_farm_second()["x"] == pytest.approx(300_000)
    assert rates.history("x")[-1] == pytest.approx(300_000)
