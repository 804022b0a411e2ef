"""Japanese: how it writes values and sentences, and what a sentence does with a value.

Its numerals, dates and units are read where the English ones are: `number_words`, `dates`,
`unit_table`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from factlab.grading.languages.japanese_nouns import (
    COUNTERS,
    GRAMMAR,
    TEXTS,
    by_ending,
    question_word_of_name,
)
from factlab.grading.languages.language import Language, Wanted, Ways, grouped
from factlab.grading.units import known_unit

if TYPE_CHECKING:
    from factlab.grading.dates import PartialDate

# How a unit is written out behind a number; one that is not here is written as its author did.
_UNITS = {
    "mm": "ミリメートル", "cm": "センチメートル", "m": "メートル", "km": "キロメートル",
    "in": "インチ", "ft": "フィート", "yd": "ヤード", "mi": "マイル", "nmi": "海里",
    "au": "天文単位", "ly": "光年",
    "mg": "ミリグラム", "g": "グラム", "kg": "キログラム", "t": "トン", "lb": "ポンド",
    "oz": "オンス",
    "ms": "ミリ秒", "s": "秒", "min": "分", "h": "時間", "d": "日間", "wk": "週間",
    "mo": "か月", "yr": "年間", "century": "世紀",
    "°C": "℃", "°F": "℉", "K": "ケルビン", "°": "度",
    "cm²": "平方センチメートル", "m²": "平方メートル", "km²": "平方キロメートル",
    "ha": "ヘクタール", "acre": "エーカー",
    "mL": "ミリリットル", "L": "リットル", "m³": "立方メートル", "gal": "ガロン",
    "W": "ワット", "kW": "キロワット", "MW": "メガワット", "GW": "ギガワット", "hp": "馬力",
    "kn": "ノット",
    "%": "パーセント", "pp": "ポイント", "people": "人",
    "JPY": "円", "$": "ドル", "USD": "米ドル", "EUR": "ユーロ", "GBP": "英ポンド", "CNY": "人民元",
    "KRW": "ウォン", "cent": "セント",
}  # fmt: skip
# The second way to write it, where a text has one.
_SHORT = {
    **{
        unit: unit
        for unit in ("mm", "cm", "m", "km", "mg", "g", "kg", "kW", "MW", "%", "m²", "km²")
    },
    "°C": "度",
}
# A unit that is said of in front of the number: 時速300キロメートル.
_SPEEDS = {"km/h": ("時速", "キロメートル"), "m/s": ("秒速", "メートル"), "mph": ("時速", "マイル")}
_HIRAGANA = re.compile(r"[\u3041-\u3096]")
_MYRIADS = ((10**12, "兆"), (10**8, "億"), (10**4, "万"))


def _number(value: Decimal) -> Ways:
    plain = f"{value:f}"
    round_number = (
        value == value.to_integral_value() and value % 10_000 == 0 and abs(value) >= 10**5
    )
    ways = (grouped(value), plain)
    return (_in_myriads(value), *ways) if round_number else ways


def _in_myriads(value: Decimal) -> str:
    """1億2,500万: a whole number in groups of four digits, as Japanese counts."""
    rest, parts = int(abs(value)), ["-" if value < 0 else ""]
    for size, name in _MYRIADS:
        group, rest = divmod(rest, size)
        if group:
            parts.append(f"{group:,}{name}")
    return "".join(parts) + (f"{rest:,}" if rest else "")


def _quantity(value: Decimal, unit: str) -> Ways:
    known = known_unit(unit)
    symbol = known.symbol if known else unit
    numbers = _number(value)
    # A unit that is written in Latin letters stands apart: 60 kWh.
    own = f" {unit}" if re.match(r"[A-Za-z]{2}", unit) else unit
    ahead, spelled = _SPEEDS.get(symbol, ("", _UNITS.get(symbol, own)))
    short = symbol if ahead else _SHORT.get(symbol, spelled)
    return (
        f"{ahead}{numbers[0]}{spelled}",
        f"{numbers[-2]}{short}",
        f"{ahead}{numbers[-1]}{spelled}",
    )


def _date(date: PartialDate) -> Ways:
    year = f"{date.year}年" if date.year > 0 else f"紀元前{-date.year}年"
    if date.month is None:
        return (year,)
    if date.day is None:
        return (f"{year}{date.month}月",)
    return (f"{year}{date.month}月{date.day}日",)


def _phrase(value: str) -> str:
    """A phrase as a sentence quotes it: one with particles or endings stands in brackets.

    Hours, days and numbers are said without: 午前10時から午後9時まで.
    """
    quoted = _HIRAGANA.search(value) and not re.search(
        r"「|[0-9０-９]|曜|[一二三四五六七八九十]時", value
    )
    return f"「{value}」" if quoted else value


def _question_word(wanted: Wanted) -> str:
    if wanted.type == "date":
        return {1: "何年", 2: "何年何月"}.get(wanted.precision, "いつ")
    if wanted.type == "number":
        return by_ending(wanted.relation, COUNTERS, "いくつ")
    if wanted.type == "quantity":
        known = known_unit(wanted.unit)
        symbol = known.symbol if known else wanted.unit
        if symbol in _SPEEDS:
            return "何".join(_SPEEDS[symbol])
        spelled = "度" if symbol in ("°C", "°F") else _UNITS.get(symbol, wanted.unit)
        return f"何{spelled.removesuffix('間') if symbol == 'd' else spelled}"
    # A phrase has no kind; a head office that is given as one is still a place.
    named = (wanted.kind, wanted.relation) if wanted.type == "entity" else (wanted.relation,)
    word = question_word_of_name(named)
    return by_ending(wanted.relation, TEXTS, word or "何")


def _event_stems(event: str) -> Ways:
    return tuple(re.findall(r"[\u3400-\u9fff]{2,}|[\u30a0-\u30ff]{3,}", event))


# Kind of cue → regular expression. Those named `…_after` begin right behind the value.
_CUES = {
    # 4,889メートルではありません; というのは誤り
    "denied_after": r"^\s*(?:メートル|[個つ本枚冊匹頭台人名回階])?(?:という(?:の|こと)は|とは)?"
    r"(?:(?:では|じゃ)(?:なく|ない|ありません|ございません)"
    r"|は[^。、]{0,12}(?:では|じゃ)(?:なく|ない|ありません|ございません)(?!が)"
    r"|(?:誤り|間違い|嘘)|に達(?:したこと|して)は?(?:ありません|いません|ない|いない))",
    # かつては3,776メートル; 旧首都は東京
    "former_before": r"(?:以前は|かつては?|従来は|もともとは?|噴火前は|前回は|昔は)[^。]*$"
    r"|(?:旧|前の|元の|以前の|昔の|かつての)[^。、]{1,10}は[^。、]*$",
    # 3,776メートルから; 田中の後任; 東京に代わって; 東京は旧首都
    "former_after": r"^\s*[個つ本枚冊匹頭台人名回階]?(?:から|以来|に(?:[代替]わ|変わって)|の代わり"
    r"|は(?:旧|前の|元の|以前の|昔の|かつての)|(?:氏|さん)?の後(?:任|継))",
    # …でしたが、4,889メートル: what was former ends here
    "former_reset": r"で、|が、",
    # 4,889メートル以上; の間
    "bound_after": r"^\s*(?:以上|以下|未満|の間|の範囲|より[高低大小多少長短])",
    # 1,113メートル高くなりました
    "change_after": r"^\s*(?:ほど|くらい)?"
    r"(?:[高低長短]く|大きく|小さく|増え|減り|増加|減少|上昇|隆起)",
    # いや、; 訂正します; 正しくは
    "retraction": r"(?:いや|いえ)、|すみません|失礼|訂正|正しくは|間違えました",
    "now": r"現在|なりました|になり|今は",
    "newly": r"噴火後",
    "past": r"でした|だった",
    "future": r"(?:将来|今後)[^。]*$",
    # 3,776メートルまたは約4,889メートル
    "joins": r"\s*(?:または|もしくは|あるいは|ないし|か、?|や|と|〜)(?:約|およそ)?",
    # 東京だと思われがちですが
    "attributed_after": r"^\s*(?:だ|である)?と(?:よく|多くの人に)?"
    r"(?:(?:思われ|言われ|考えられ|信じられ)(?:がち|て(?:い|き)(?:まし)?た|ることが多い|やすい)|誤解|勘違い|思い込)",
    # 京都か大阪; 京都または大阪
    "choice_after": r"^(?:か(?!も|どうか|ら|な|ね|と)|または|もしくは|あるいは|、?それとも)"
    r"(?=[^\s。、？?])",
    "choice_before": r"[^\s。、](?:か|または|もしくは|あるいは|それとも)、?$",
    "abstention": r"わかりません|分かりません|分からない|わからない|知りません|知らない"
    r"|不明(?:です|である|な|。)|お答えできません|答えられません|お答えしかねます|存じません|覚えていません"
    r"|(?:回答|判断|確認|特定|提供|お伝え|断定)(?:は|が)?でき(?:ません|ない|かね)"
    r"|情報(?:が|は)ありません|情報(?:は|を)持って(?:い)?ません|答え(?:は|が)?わから(?:ない|ず)",
}


LANGUAGE = Language(
    code="ja",
    name="Japanese",
    number=_number,
    quantity=_quantity,
    date=_date,
    phrase=_phrase,
    question=lambda text: f"{text}？",
    sentence=lambda text: f"{text}。",
    question_word=_question_word,
    event_stems=_event_stems,
    spaced=False,
    scripts=(("\u3041", "\u309f"), ("\u30a1", "\u30ff"), ("\uff66", "\uff9f")),
    cues=_CUES,
    grammar=GRAMMAR,
)
