"""How large and how thorough a run is."""

from __future__ import annotations

from dataclasses import dataclass

ROUNDS = 15
SLOW_ROUNDS = 3

#: The round trips (seconds) of a database that is not the usual one: none, and that of the story.
ELSEWHERE = (0.0, 0.0012)


@dataclass(slots=True)
class Pace:
    """How thorough the rounds are.

    Args:
        rounds: the least number of rounds.
        slow_rounds: rounds of slow variants.
        seconds: as long as this is not used up, rounds are added.
    """

    rounds: int = ROUNDS
    slow_rounds: int = SLOW_ROUNDS
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Scale:
    """The sizes of a run.

    Args:
        is_quick: whether it is the small one, whose times say little.
        latencies: round trips, in seconds; the first is the usual one of all rows but S.
        items: rows in W.
        orders: rows in J, N and P.
        gets: rows that O gets, one by one.
        many: transactions of each account in the large bank.
        parents: parents in C and Q.
        levels: roots in D.
        call_sites: call sites in M.
        rows: rows of the result that M drops.
        threads: threads in X.
    """

    is_quick: bool = False
    latencies: tuple[float, ...] = (0.0, 0.0005, 0.0012, 0.005)
    items: int = 3_000
    orders: int = 1_000
    gets: int = 200
    many: int = 5_000
    parents: int = 1_000
    levels: tuple[int, ...] = (10, 100, 400, 1_000)
    call_sites: int = 2_000
    rows: int = 100_000
    threads: tuple[int, ...] = (1, 2, 4, 8, 16)

    def latencies_of(self, at: str) -> tuple[float, ...]:
        """Return the round trips of a database: all of them on the usual one, the least and the story's on others."""
        return tuple(latency for latency in self.latencies if not at or latency in ELSEWHERE)

    @property
    def pace(self) -> Pace:
        """How many rounds."""
        return Pace(rounds=3, slow_rounds=1, seconds=0.0) if self.is_quick else Pace()

    @property
    def short_pace(self) -> Pace:
        """How many rounds where each takes long."""
        return Pace(rounds=3, slow_rounds=1, seconds=0.0) if self.is_quick else Pace(seconds=0.0)


FULL = Scale()
QUICK = Scale(
    is_quick=True,
    latencies=(0.0,),
    items=300,
    orders=200,
    gets=50,
    many=500,
    parents=100,
    levels=(10, 50, 100),
    call_sites=25,
    rows=10_000,
    threads=(2,),
)
