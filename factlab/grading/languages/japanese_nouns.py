"""Japanese nouns and sentences: what a relation, a name, an event or a statement is about."""

from __future__ import annotations

import re

from factlab.grading.languages.grammar import Grammar

# Ends of nouns. A person holds a post, or made something.
PERSON = re.compile(
    r"(?:人|人物|者|家|長|役|師|士|手|員|王|帝|君主|監督|大統領|首相|大臣|知事|教授|元首|総裁|総統"
    r"|代表|主将|選手|教皇|キャプテン|コーチ|オーナー|リーダー|デザイナー|プロデューサー|トレーナー"
    r"|マネージャー|ドライバー|ボーカル|ボーカリスト|ギタリスト|ドラマー|ピアニスト|シェフ|パイロット"
    r"|ディレクター|プロデューサ|エンジニア|パティシエ|ソムリエ|父|母|夫|妻|息子|娘|兄|弟|姉|妹|配偶者"
    r"|CEO|CTO|CFO|COO|ceo|person|president)$"
)
# They end as a role does, but are none.
_NO_PERSON = re.compile(
    r"(?:国家|民家|実家|農家|全長|身長|体長|波長|延長|成長|特長|最長|標語|拍手|切手|相手国|定員|動員"
    r"|役割|使い手順|有人|無人|法人|個人法人|夫人数|会員|隊員|乗員|満員|株主|親会社)$"
)
_MAKER = re.compile(
    r"(?:作者|著者|筆者|作家|画家|作曲家|作曲者|作詞家|作詞者|設計者|建築家|創業者|創設者|創立者|設立者"
    r"|発明者|発見者|考案者|開発者|制作者|製作者|訳者|翻訳者|脚本家|原作者|執筆者|彫刻家|命名者"
    r"|名付け親|優勝者|受賞者|撮影者|装丁家|築城者|開祖|父|母)$"
)
PLACE = re.compile(
    r"(?:国|都|道府県|県|府|州|市|区|町|村|島|港|駅|街|地|所|場|本社|本部|本拠|首都|都市|都市名|場所|会場"
    r"|出身|行き先|本店|支店|学校|大学|会社|企業|空港|球場|スタジアム|ホーム|住所|拠点|city|town|country"
    r"|place|company)$"
)
_NO_PLACE = re.compile(
    r"(?:長所|短所|名所|余地|生地|下地|裏地|特産地|相場|登場|出場|退場|入場|浮世)$"
)
# A relation whose name is itself a place; what is not here (本社) stands in one.
_IS_PLACE = re.compile(
    r"(?:地|所|場所|会場|競技場|現場|出身|国|都市|首都|行き先|国籍|港|県|市|町|村|住所|球場|スタジアム|駅)$"
)
_SETTLEMENT = re.compile(
    r"(?:国|都|道|府|県|州|市|区|町|村|島|街|都市|首都|地域|地方|自治体|city|town|country)$"
)
_MONEY = re.compile(
    r"(?:価格|値段|定価|料金|運賃|賃料|家賃|費用|代金|賞金|年俸|年収|月給|給料|給与|時給|賃金|予算|売上"
    r"|売上高|収入|利益|負債|資本金|授業料|学費|入場料|入館料|参加費|会費|送料|罰金|税額|手数料|使用料"
    r"|建設費|工費|総工費|制作費|興行収入|額|金|代|費|料)$"
)
_DATE = re.compile(r"(?:日|年|月|日付|時期|日時|期限|年月日|年月|年度|期日|時刻)$")
_SAYING = re.compile(
    r"(?:校訓|社訓|家訓|標語|モットー|スローガン|キャッチコピー|キャッチフレーズ|合言葉|座右の銘|銘|社是"
    r"|口癖|決めぜりふ|宣伝文句|格言|碑文|掛け声)$"
)
# Numbers of this and that, counted as they end: no noun stands before 数.
_NO_COUNT = re.compile(
    r"(?:指数|係数|周波数|回転数|定数|変数|整数|度数|回数|件数|台数|人数|本数|枚数|日数|年数|点数|個数"
    r"|階数|戸数|冊数|部数|頭数|匹数|羽数|段数|巻数|口数|手数|世帯数|馬力数|歩数|画数|字数|行数)$"
)
# What a number is asked for with, by the end of the relation.
COUNTERS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:{ends})$"), word)
    for ends, word in (
        ("(?:人|名|員|者|生徒|学生|児童|園児|団員|選手|観客|患者|乗客|信徒|弟子|兄弟|子ども|子供|住民"
         "|市民|メンバー|スタッフ|フォロワー|ファン|家族|部員|客)数?の?数", "何人"),
        ("人口|定員", "何人"),
        ("回数", "何回"), ("件数", "何件"), ("台数", "何台"), ("本数", "何本"), ("枚数", "何枚"),
        ("冊数|蔵書数|蔵書の数", "何冊"), ("部数", "何部"), ("頭数", "何頭"), ("匹数", "何匹"),
        ("羽数", "何羽"), ("席数|座席の数", "何席"), ("駅数|駅の数", "何駅"),
        ("店舗数|店舗の数", "何店舗"), ("校数", "何校"), ("戸数", "何戸"), ("世帯数", "何世帯"),
        ("客室数|部屋数|室数|客室の数", "何室"), ("曲数", "何曲"), ("巻数", "何巻"),
        ("話数", "何話"), ("段数", "何段"), ("ページ数", "何ページ"), ("歩数", "何歩"),
        ("画数", "何画"), ("字数|文字数", "何文字"), ("加盟国数|国の数|国数", "何か国"),
        ("年齢|樹齢", "何歳"), ("得点|点数|スコア", "何点"), ("順位", "何位"), ("日数", "何日"),
        ("年数", "何年"), ("番号|背番号", "何番"),
    )
)  # fmt: skip
# What a word or a phrase is asked for with, likewise.
TEXTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:{ends})$"), word)
    for ends, word in (
        ("色|カラー", "何色"),
        ("営業時間|開館時間|受付時間|開店時間|診療時間", "何時から何時まで"),
        ("定休日|休館日|休業日|休園日|曜日", "いつ"),
        ("番号|背番号|番地", "何番"),
        ("バージョン", "いくつ"),
        ("公用語|母語|使用言語", "何語"),
        ("血液型", "何型"),
        ("順位", "何位"),
    )
)
_LIVING = frozenset({"何人", "何名", "何頭", "何匹", "何羽"})
_YEAR = {1: "何年", 2: "何年何月"}
_PLAIN_PAST = re.compile(r"(?:[ぁ-んァ-ヶ一-鿿](?:た|だ))$")
_POLITE_PAST = (
    ("なりました", "なった"), ("しました", "した"), ("れました", "れた"), ("きました", "きた"),
    ("えました", "えた"), ("けました", "けた"), ("めました", "めた"), ("げました", "げた"),
    ("ありました", "あった"), ("わりました", "わった"), ("まりました", "まった"),
    ("せました", "せた"), ("ちました", "った"), ("じました", "じた"), ("てました", "てた"),
)  # fmt: skip
_OWN_SUBJECT = re.compile(r"^([^がはをにで、]{1,12})[がは]")
_SOME_SUBJECT = re.compile(r"[^がはを]が[^がは]")
# A statement of what is over, or was done once.
_PAST = re.compile(r"(?:した|った|いた|えた|けた|れた|めた|げた|きた|ました|でした|だった|んだ"
                   r"|ています|ている|ておりました|ております)[。．！]?$")  # fmt: skip


def _names_person(relation: str) -> bool:
    return bool(PERSON.search(relation)) and not _NO_PERSON.search(relation)


def _names_place(relation: str) -> bool:
    return bool(_IS_PLACE.search(relation)) and not _NO_PLACE.search(relation)


def question_word_of_name(nouns: tuple[str, ...]) -> str | None:
    """Who or where, by the first of the nouns that says so; None: none does."""
    for noun in nouns:
        if _names_person(noun):
            return "誰"
        if PLACE.search(noun) and not _NO_PLACE.search(noun):
            return "どこ"
    return None


def by_ending(relation: str, endings: tuple[tuple[re.Pattern[str], str], ...], default: str) -> str:
    """The question word of the first ending that a relation has."""
    return next((word for pattern, word in endings if pattern.search(relation)), default)


def _counted(relation: str) -> str | None:
    """What is counted: 従業員 of 従業員数, 客室 of 客室の数."""
    if not relation.endswith("数") or _NO_COUNT.search(relation):
        return None
    noun = relation.removesuffix("数").removesuffix("の").removesuffix("総")
    return noun if len(noun) > 1 else None


def _heads(name: str) -> tuple[str, ...]:
    """A name, whose end may say what it is: 明石海峡大橋; one of two characters says nothing."""
    return (name,) if len(name) > 2 else ()


_DAY_WORDS = re.compile(
    r"(?<![今明昨毎平祝休曜])(?<=[ぁ-んァ-ヶ一-鿿])(?:年月日|日付|日)(?![本曜常時々間程々])"
)


def _dated(text: str, precision: int) -> str:
    """A relation or a form that speaks of a year or a month: 発売年, 開業した年, 何年何月."""
    if precision == 3:
        return text
    unit = {1: "年", 2: "年月"}[precision]
    text = text.replace("何年何月何日", _YEAR[precision])
    for word, stem in (("生年月日", "生"), ("誕生日", "生"), ("命日", "没")):
        text = text.replace(word, f"{stem}{unit}")
    return _DAY_WORDS.sub(unit, text)


def _happening(relation: str) -> str | None:
    """What takes place on a date: 発売 of 発売日."""
    led = re.fullmatch(
        r"(.*[一-鿿ァ-ヶー]{2})(?:予定)?(?:年月日|年月|日時|時期|日|年|の日)", relation
    )
    what = led[1].removesuffix("予定") if led else ""
    return None if not what or re.search(r"記念|給料|生年|休館|定休|有効|賞味|消費", what) else what


def _date_of(relation: str) -> str:
    return relation if _DATE.search(relation) else f"{relation}の日"


def _asks_for_day(wording: str) -> bool:
    return bool(re.search(r"日付|何日|その日|日付印|の日|朝|晩|日記|当日|初日", wording))


def _to_come(statement: str, dated: bool) -> bool:
    """A date that no past verb stands with may be to come: it is asked for without a tense."""
    last = [part for part in re.split(r"(?<=[。．！])", statement.strip()) if part][-1:]
    if re.search(r"予定|見込み|見通し|計画(?:です|だ)", "".join(last)):
        return True
    return dated and not _PAST.search("".join(last))


def _event(event: str) -> str | None:
    """An event in the plain past: 噴火した; 噴火しました and 噴火 become it."""
    event = event.strip().rstrip("。")
    for polite, plain in _POLITE_PAST:
        if event.endswith(polite):
            return event.removesuffix(polite) + plain
    if _PLAIN_PAST.search(event):
        return event
    return f"{event}があった" if re.search(r"[一-鿿ァ-ヶー]$|値上げ$|値下げ$", event) else None


def _event_clause(name: str, event: str) -> str | None:
    """Who did what, with one が: 富士山が噴火した, 富士山の噴火が起きた."""
    plain = _event(event)
    if plain is None:
        return None
    if name in plain:
        return plain
    if _OWN_SUBJECT.match(plain):
        return f"{name}の{plain}"
    if _SOME_SUBJECT.search(plain):
        return f"{name}で{plain}"
    return f"{name}が{plain}"


GRAMMAR = Grammar(
    names_person=_names_person,
    names_maker=lambda relation: bool(_MAKER.search(relation)),
    names_place=_names_place,
    names_money=lambda relation: bool(_MONEY.search(relation)),
    names_date=lambda relation: bool(_DATE.search(relation)),
    names_saying=lambda relation: bool(_SAYING.search(relation)),
    is_settlement=lambda kind: bool(_SETTLEMENT.search(kind)),
    is_alive=_LIVING.__contains__,
    counted_noun=_counted,
    counters=True,
    groups_are_places=True,
    happening=_happening,
    dated=_dated,
    named=_dated,
    date_of=_date_of,
    asks_for_day=_asks_for_day,
    heads=_heads,
    to_come=_to_come,
    event_clause=_event_clause,
    event=_event,
)
