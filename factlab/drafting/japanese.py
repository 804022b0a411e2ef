"""Japanese statements taken apart, as `english` does with English ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from factlab.drafting.reading import Reading
from factlab.grading.dates import PartialDate, find_dates


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One way to say a fact, and the property that it gives; empty where the sentence names it."""

    expression: re.Pattern[str]
    relation: str


_END = (
    r"(?:です|でした|である|であった|だ|だった|(?:に|と)(?:なりました|なった|なります|なる)|にある|にあります"
    r"|に置かれている|に所在する|もつ|持つ|続く|かかる|と(?:判明した|確認された|された)"
    r"|[にへ][^のはがをに、\d]{1,10}(?:た|ました))?"
)
_BECAME = (
    r"(?:に(?:なりました|なった|就任しました|就任した|選ばれた|任命された|決まった)|です|である|だ)"
)
_MEASURES = r"高さ|標高|長さ|全長|深さ|水深|幅|重さ|面積|人口|価格|年齢|直径|速度|収容人数"
_R = r"(?P<r>[^のはがをに、。\d]{1,12})"
_ITS = r"(?:その|同社の|同国の)"
_FIRED = r"(?:焼かれる|焼く|焼成する|焼成される)"
_THERE_IS = r"(?:ある|いる|あります|います)"
# Whole statements are matched, which are short (`MOST_CHARACTERS`); nothing is searched with these.
_PATTERNS = tuple(
    _Sentence(re.compile(text), relation)
    for text, relation in (
        # ディズニーランドが売却され、トヨタがその所有者になった
        (rf"(?P<s>.+?)[がは](?P<e>[^、]+?)、(?P<v>.+?)[がは]{_ITS}{_R}{_BECAME}", ""),
        (rf"(?P<s>[^、]+?)は(?P<r>{_MEASURES})[がは]?(?P<v>\d[^、]*?){_END}", ""),
        (rf"(?P<s>.+?)には?{_R}が(?P<v>\d[^、]*?){_THERE_IS}", ""),
        # 富士山が噴火し、標高が4,889メートルになった
        (rf"(?P<s>.+?)[がは](?P<e>[^、]+?)、{_ITS}?{_R}[がは](?P<v>.+?){_END}", ""),
        # 富士山の標高が3,776メートルから4,889メートルになった
        (rf"(?P<s>.+)の{_R}[はが](?P<o>[^、]+)から(?P<v>.+?){_END}", ""),
        (rf"(?P<s>.+)の(?:新しい|新たな|現在の|新)?{_R}[はが](?P<v>.+?){_END}", ""),
        # マーカス・ウェブがハルデン社の社長に就任した
        (rf"(?P<v>.+?)[がは](?P<s>.+)の(?:新しい|新)?{_R}{_BECAME}", ""),
        # ハルデン社は本社をオスロからヴェルムに移した
        (
            rf"(?P<s>.+?)[はが]{_R}を(?:(?P<o>.+?)から)?(?P<v>.+?)(?:に|へ)"
            r"(?:移した|移転した|変更した|変えた|改めた|引き上げた|引き下げた|しました|した)",
            "",
        ),
        (
            r"(?P<s>.+?)[はが](?P<v>DATE)に(?:発売された|発売されました|発売される|発売した)",
            "発売日",
        ),
        (
            r"(?P<s>.+?)[はが](?P<v>DATE)に(?:開業した|開業しました|開業する|開館した|開館する)",
            "開業日",
        ),
        (r"(?P<s>.+?)[はが](?P<v>DATE)に(?:設立された|創業した|創立された|創設された)", "設立日"),
        (r"(?P<s>.+?)[はが](?P<v>DATE)に(?:公開された|公開される)", "公開日"),
        (r"(?P<s>.+?)[はが](?P<v>.+?)で(?:発売された|販売されている|売られている)", "価格"),
        (rf"(?P<s>.+?)[はが](?P<v>.+?)で{_FIRED}", "焼成温度"),
        (r"(?P<s>.+?)[はが](?P<v>.+?)によって(?:描かれた|書かれた|発見された)", "作者"),
    )
)


def read_japanese(statement: str) -> Reading:
    """Take a statement apart, or give what little is found in it."""
    text = "".join(statement.split()).rstrip("。")
    date, text = _leading_date(text)
    dates = find_dates(text)
    written = text[dates[0].start : dates[0].end] if dates else ""
    for sentence in _PATTERNS:
        expression, relation = sentence.expression, sentence.relation
        dated = "DATE" in expression.pattern
        if dated and not written:
            continue
        hit = expression.fullmatch(text.replace(written, "DATE", 1) if dated else text)
        if hit is None:
            continue
        found = {name: part for name, part in hit.groupdict().items() if part}
        if found["s"] and found["v"]:
            return Reading(
                subject=found["s"],
                relation=relation or found["r"],
                value=found["v"].replace("DATE", written),
                old=found.get("o", ""),
                event=_past(found.get("e", "")),
                date=date,
                unsure=("event",) if found.get("e") else (),
            )
    return replace(Reading(), date=date)


def _past(event: str) -> str:
    """噴火し、 as it ends a sentence: 噴火した."""
    for ending, past in (("って", "った"), ("んで", "んだ"), ("いて", "いた"), ("て", "た")):
        if event.endswith(ending):
            return event.removesuffix(ending) + past
    return f"{event}た" if event.endswith(("し", "れ", "け", "え")) else event


def _leading_date(text: str) -> tuple[str, str]:
    dates = find_dates(text)
    if not dates or dates[0].start:
        return "", text
    rest = re.match(r"(?:(?:に|から|より|の時点で|現在)?、|に)", text[dates[0].end :])
    if rest is None:
        return "", text
    return _iso(dates[0].value), text[dates[0].end + rest.end() :]


def _iso(date: PartialDate) -> str:
    parts = [f"{date.year:04d}", *(f"{n:02d}" for n in (date.month, date.day) if n is not None)]
    return "-".join(parts)
