"""Japanese statements taken apart, as `english` does with English ones."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import starmap

from factlab.drafting.reading import Reading, iso
from factlab.grading.dates import find_dates
from factlab.grading.sentences import sentence_spans


@dataclass(frozen=True, slots=True)
class _Sentence:
    """One way to say a fact, and the property that it gives; empty where the sentence names it."""

    expression: re.Pattern[str]
    relation: str
    unsure: tuple[str, ...] = ()


_END = (
    r"(?:です|でした|である|であった|だ|だった|(?:に|と)(?:なりました|なった|なります|なる)|にある|にあります|あります|ある"
    r"|に置かれている|に所在する|もつ|持つ|続く|かかる|と(?:判明した|確認された|された|測定された|推定される|発表された)"
    r"|[にへ][^のはがをに、\d]{1,10}(?:た|ました))?"
)
_BECAME = (
    r"(?:に(?:なりました|なった|なります|なる|就任しました|就任した|就任します|就任する|選ばれた|選出された"
    r"|任命された|起用された|決まった)|です|である|だ)"
)
_CHOSEN = (
    r"(?:選ばれた|選ばれました|選出された|選出されました|就任した|就任しました|就任する|就任します|任命された"
    r"|任命されました|起用された|起用されました|決まった|決まりました|なった|なりました)"
)
_NEW = r"(?:新しい|新たな|現在の|今の|次の|新)?"
_OFFICE = (
    r"(?P<r>総裁|社長|会長|首相|大統領|知事|市長|町長|監督|学長|校長|館長|総長|大臣|主将|CEO"
    r"|最高経営責任者)"
)
_MEASURES = r"高さ|標高|長さ|全長|深さ|水深|幅|重さ|面積|人口|価格|年齢|直径|速度|収容人数"
_R = r"(?P<r>[^のはがをに、。\d]{1,12})"
_ITS = r"(?:その|同社の|同国の)"
_FIRED = r"(?:焼かれる|焼く|焼成する|焼成される)"
_DATED = (
    ("発売", "発売日"),
    ("開業|開館|開園|開校|開店|開通|オープン", "開業日"),
    ("設立|創業|創立|創設", "設立日"),
    ("公開|封切り", "公開日"),
    ("開催", "開催日"),
    ("施行", "施行日"),
    ("発効", "発効日"),
    ("完成|竣工", "完成日"),
    ("打ち上げ", "打ち上げ日"),
    ("就航", "就航日"),
    ("上場", "上場日"),
)
_THERE_IS = r"(?:ある|いる|あります|います)"


def _sentence(text: str, relation: str, unsure: tuple[str, ...] = ()) -> _Sentence:
    return _Sentence(re.compile(text), relation, unsure)


# Whole statements are matched, which are short (`MOST_CHARACTERS`); nothing is searched with these.
_PATTERNS = tuple(
    starmap(
        _sentence,
        (
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
                rf"(?P<s>.+?)[はが]、?{_R}を(?:(?P<o>.+?)から)?(?P<v>.+?)(?:に|へ)"
                r"(?:移した|移転した|変更した|変えた|改めた|引き上げた|引き下げた|しました|した"
                r"|移す|移転する|変更する|変える|改める|引き上げる|引き下げる)",
                "",
            ),
            # 富士見大学の学長に佐藤健が選ばれた
            (rf"(?P<s>.+)の{_NEW}{_R}に(?:は)?(?P<v>.+?)[がは]{_CHOSEN}", ""),
            *(
                (
                    rf"(?P<s>.+?)[はが]、?(?P<v>DATE)(?:[春夏秋冬末]|初め|上旬|中旬|下旬|頃)?(?:に|、)"
                    rf"(?:(?P<u>[^、]+?)で)?(?:{verbs})(?:さ?れ(?:る|た|ます|ました|る予定(?:だ|です|である)?)"
                    r"|する|した|します|しました|する予定(?:だ|です|である)?)",
                    relation,
                )
                for verbs, relation in _DATED
            ),
            *(
                (
                    rf"[^、]+?[はが]、?(?P<v>DATE)(?:[春夏秋冬末]|頃)?に(?P<s>[^、]+?)を(?:{verbs})"
                    r"(?:する|した|します|しました|する予定(?:だ|です|である)?)",
                    relation,
                    ("subject",),
                )
                for verbs, relation in _DATED
            ),
            (r"(?P<s>.+?)[はが](?P<v>.+?)で(?:発売された|販売されている|売られている)", "価格"),
            (rf"(?P<s>.+?)[はが](?P<v>.+?)で{_FIRED}", "焼成温度"),
            (r"(?P<s>.+?)[はが](?P<v>.+?)によって(?:描かれた|書かれた)", "作者"),
            (r"(?P<s>.+?)[はが](?P<v>.+?)によって発見された", "発見者"),
            (
                r"(?P<s>.+?)[はが](?P<v>[^、\d]+?)で(?:開催|行わ)(?:さ?れる|さ?れた|さ?れます|さ?れました)",
                "開催地",
            ),
            # 新しい日本銀行総裁は山本恵子です
            (
                rf"{_NEW}(?P<s>[^のはがをに、]+?){_OFFICE}[はが](?P<v>.+?){_END}",
                "",
                ("subject", "relation"),
            ),
            # ヴェルム美術館は月曜日が休館日です
            (
                r"(?P<s>[^、]+?)は(?P<v>[^はがの、\d]+?)が(?P<r>[\u4e00-\u9fff]{2,6})(?:です|である|だ)",
                "",
            ),
            (rf"(?P<s>[^のはが、]+?)[はが](?P<v>\d[\d,.万億]*円){_END}", "価格", ("relation",)),
            # 消費税率が10％から12％になった: of what, it does not say
            (
                rf"(?P<r>[^のはがをに、。\d]{{2,12}})[はが](?:(?P<o>[^、]+?)から)?(?P<v>\d[^、]*?){_END}",
                "",
            ),
        ),
    )
)


# Who reports it, and how old a person is.
_FRAME = re.compile(
    r"^[^、。]{1,40}(?:によると|によれば)、|(?:とのことだ|とのことです|ということだ|ということです)$"
)
_REPORTED = re.compile(r"(?<=[ただる])と(?:発表|報道|報告)(?:した|しました|された|されました)$")
_AGE = re.compile(r"[（(]\d{1,3}歳?[)）]")
_VERBAL = re.compile(
    r"(?:[一-龠ぁ-ん](?:した|された|される|する|します|れた|れる|った|きた)|ました|ます)$"
)
_NO_NAME = ("次", "今回", "前回", "今", "これ", "それ", "ここ", "同社", "同国", "彼", "彼女")
_AHEAD = re.compile(
    r"、?(?:DATE(?:の?時点|現在)?(?:で|の|には|に|から|より|までに)?は?、?|税込み?(?:価格)?で?|税抜き?(?:価格)?で?"
    r"|現在で?は?|今は|合計で?|約|およそ|ほぼ|、)"
)
_TITLE = re.compile(r"(?<=[^\d]{2})(?:氏|さん)$")
_QUOTED = re.compile(r"「[^」]*」|『[^』]*』")
_PARTICLES = "のはがをにでへ、から"
_MASKED = {ord(char): 0xE000 + place for place, char in enumerate(_PARTICLES)}
_PLAIN = {there: here for here, there in _MASKED.items()}


def read_japanese(statement: str) -> Reading:
    """Take a statement apart, or give what little is found in it."""
    text = "".join(statement.split())
    parts = [text[start:end] for start, end in sentence_spans(text)]
    best = Reading()
    for place, part in enumerate(parts):
        found = _read(part.rstrip("。．！"))
        if found.whole:
            others = [*parts[:place], found.unread, *parts[place + 1 :]]
            return replace(found, unread="".join(others))
        best = best if best.relation or best.date else found
    return best


def _read(sentence: str) -> Reading:
    """The first pattern that fits one sentence; particles within quotes are none."""
    text = _AGE.sub("", _REPORTED.sub("", _FRAME.sub("", sentence)))
    date, text = _leading_date(_FRAME.sub("", text))
    masked = _QUOTED.sub(lambda quote: quote[0].translate(_MASKED), text)
    dates = find_dates(masked)
    written = masked[dates[0].start : dates[0].end] if dates else ""
    for sentence_ in _PATTERNS:
        dated = "DATE" in sentence_.expression.pattern
        if dated and not written:
            continue
        hit = sentence_.expression.fullmatch(
            masked.replace(written, "DATE", 1) if dated else masked
        )
        parts = {name: part for name, part in hit.groupdict().items() if part} if hit else {}
        found = _found(sentence_, parts, written) if parts else None
        if found is not None:
            return replace(found, date=found.date or date)
    return Reading(date=date)


def _found(sentence: _Sentence, parts: dict[str, str], written: str) -> Reading | None:
    """What a pattern has found, if that can be a name and a value."""
    parts = {name: part.translate(_PLAIN) for name, part in parts.items()}
    subject = parts.get("s", "").removesuffix("の")
    value, date, unsure = _value(parts["v"], written, sentence.unsure)
    old = parts.get("o", "")
    if written and old == written and value != written:  # since when, not what it was
        old, date = "", iso(find_dates(written)[0].value)
    dates = find_dates(subject)
    if dates and dates[0].end - dates[0].start == len(subject):
        return None
    if re.match("[こそあ]の", subject):  # this bridge
        unsure = (*unsure, "subject")
    if subject in _NO_NAME or not value or (_VERBAL.search(value) and "「" not in value):
        return None
    return Reading(
        subject=subject,
        relation=sentence.relation or parts["r"],
        value=value,
        old=_TITLE.sub("", old),
        event=_past(parts.get("e", "")),
        date=date,
        unsure=(*unsure, "event") if parts.get("e") else unsure,
        unread=parts.get("u", ""),
    )


def _value(text: str, written: str, unsure: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """A value without what leads it in, the date among that, and what is unsure."""
    dated = text.replace(written, "DATE", 1) if written and text != written else text
    date, value = "", dated
    if value == "DATE":
        return written, "", unsure
    while (lead := _AHEAD.match(value)) is not None and lead.end() < len(value):
        date = iso(find_dates(written)[0].value) if "DATE" in lead[0] else date
        value = value[lead.end() :]
        unsure = (*unsure, "value") if lead[0] != "、" and "DATE" not in lead[0] else unsure
    return _TITLE.sub("", value.replace("DATE", written)), date, unsure


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
    return iso(dates[0].value), text[dates[0].end + rest.end() :]
