"""What the nouns and sentences of a language say of a fact, which decides over its wordings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _no(_: str) -> bool:
    return False


def _none(_: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Grammar:
    """How a language is read. Relations are given in words; the defaults know nothing.

    Attributes:
        names_person: Whether a relation's name is a role: CEO, 社長.
        names_maker: Whether it is a role that was played once: author, 作者.
        names_place: Whether it is itself a place: birthplace, 出身地.
        names_money: Whether it is a sum: price, 価格.
        names_date: Whether it says that it is a date: release date, 発売日.
        names_saying: Whether it is something said: motto, 校訓.
        is_settlement: Whether something of a kind holds other things: city, 市.
        is_plural: Whether a noun is in the plural.
        is_alive: Whether what is counted with this question word lives: 何人.
        counted_noun: What a relation counts: employees of `number of employees`.
        counters: Whether a count has a word of its own behind it, as its unit: 7個.
        groups_are_places: Whether one asks where for a company or a club: スポンサーはどこ.
        happening: What takes place on a date, if the relation's name says so.
        dated: A form of the lexicon as it asks for a date that is known to the year (1), the month
            (2) or the day (3).
        named: A relation's own name as it says how exactly its date is known: 発売年 for 発売日.
        date_of: The name of a date that a relation names only by what happens: opening date.
        asks_for_day: Whether a wording takes a date to be a day.
        heads: Nouns in a name that say what it names: the Corven Bridge, 明石海峡大橋.
        to_come: Whether a statement, of a date or of something else, speaks of what has not
            happened yet.
        event_clause: A subject's name and an event → the clause that says both, None: no way is
            known.
        event: An event as wordings take it; None: no way is known.
    """

    names_person: Callable[[str], bool] = _no
    names_maker: Callable[[str], bool] = _no
    names_place: Callable[[str], bool] = _no
    names_money: Callable[[str], bool] = _no
    names_date: Callable[[str], bool] = _no
    names_saying: Callable[[str], bool] = _no
    is_settlement: Callable[[str], bool] = _no
    is_plural: Callable[[str], bool] = _no
    is_alive: Callable[[str], bool] = _no
    counted_noun: Callable[[str], str | None] = _none
    counters: bool = False
    groups_are_places: bool = False
    happening: Callable[[str], str | None] = _none
    dated: Callable[[str, int], str] = lambda text, _: text
    named: Callable[[str, int], str] = lambda text, _: text
    date_of: Callable[[str], str] = lambda relation: relation
    asks_for_day: Callable[[str], bool] = _no
    heads: Callable[[str], tuple[str, ...]] = lambda _: ()
    to_come: Callable[[str, bool], bool] = lambda _statement, _dated: False
    event_clause: Callable[[str, str], str | None] = lambda name, event: f"{name} {event}"
    event: Callable[[str], str | None] = lambda event: event
