"""The currencies that answers are given in; each is a dimension of its own, for rates change.

Rows as in `unit_table`. The words and signs that several countries share ($, peso, krona) are units
of their own: `units.MAY_MEAN` says which currencies they can stand for.
"""

from __future__ import annotations

import re

# Code | singular | plural | symbols and other ways to write it, where ~ is a space.
_ROWS = """
    EUR | euro | euros | € ユーロ
    GBP | pound sterling | pounds sterling | £ British~pound British~pounds quid
    JPY | yen | yen | ¥ JP¥ Japanese~yen 円
    CNY | yuan | yuan | CN¥ RMB renminbi Chinese~yuan 元 人民元
    CAD | Canadian dollar | Canadian dollars | C$ CA$ Can$ CAD$ CAD~$ Canadian~$
    AUD | Australian dollar | Australian dollars | A$ AU$ AUD$ AUD~$ Australian~$
    NZD | New Zealand dollar | New Zealand dollars | NZ$ NZD$
    HKD | Hong Kong dollar | Hong Kong dollars | HK$ HKD$
    SGD | Singapore dollar | Singapore dollars | S$ SG$ SGD$
    TWD | New Taiwan dollar | New Taiwan dollars | NT$ Taiwan~dollars
    JMD | Jamaican dollar | Jamaican dollars | J$ JMD$
    $ | dollar | dollars | bucks ドル
    INR | Indian rupee | Indian rupees | ₹
    PKR | Pakistani rupee | Pakistani rupees |
    LKR | Sri Lankan rupee | Sri Lankan rupees |
    rupee | rupee | rupees | Rs Rs. ルピー
    MXN | Mexican peso | Mexican pesos | Mex$ MX$
    PHP | Philippine peso | Philippine pesos | ₱
    ARS | Argentine peso | Argentine pesos | AR$
    CLP | Chilean peso | Chilean pesos | CLP$
    COP | Colombian peso | Colombian pesos | COL$
    peso | peso | pesos | ペソ
    SEK | Swedish krona | Swedish kronor |
    NOK | Norwegian krone | Norwegian kroner |
    DKK | Danish krone | Danish kroner |
    ISK | Icelandic krona | Icelandic kronur |
    kr | krona | kronor | krone kroner kr. crowns
    CHF | Swiss franc | Swiss francs | SFr. SFr
    franc | franc | francs | Fr. フラン
    KRW | South Korean won | South Korean won | ₩ Korean~won won ウォン
    RUB | Russian ruble | Russian rubles | ₽ ruble rubles rouble roubles ルーブル
    BRL | Brazilian real | Brazilian reais | R$ reais
    TRY | Turkish lira | Turkish liras | ₺ TL
    ITL | Italian lira | Italian lire |
    lira | lira | lire | liras
    ZAR | rand | rand | South~African~rand
    VND | dong | dong | ₫ Vietnamese~dong
    THB | baht | baht | ฿ Thai~baht バーツ
    ILS | shekel | shekels | ₪ NIS
    NGN | naira | naira | ₦
    GHS | cedi | cedis | ₵
    KES | Kenyan shilling | Kenyan shillings | KSh Ksh
    shilling | shilling | shillings |
    UAH | hryvnia | hryvnias | ₴
    PLN | zloty | zlotys | zł złoty złotych
    CZK | Czech koruna | Czech korunas | Kč koruna korunas
    HUF | forint | forints |
    RON | leu | lei |
    BGN | lev | leva |
    AED | UAE dirham | UAE dirhams | dirham dirhams
    SAR | Saudi riyal | Saudi riyals | riyal riyals
    IRR | Iranian rial | Iranian rials | rial rials
    KWD | Kuwaiti dinar | Kuwaiti dinars |
    dinar | dinar | dinars |
    MYR | ringgit | ringgit | RM
    IDR | rupiah | rupiah | Rp
    BDT | taka | taka | ৳
    EGP | Egyptian pound | Egyptian pounds | E£
    DEM | Deutsche Mark | Deutsche Marks | Deutschmark Deutschmarks German~marks
    BTC | bitcoin | bitcoins | ₿
    ETH | ether | ether |
"""


def _tables() -> dict[str, str]:
    """A dimension for each row, and one for the US dollar with its cent."""
    own = [row.split("|", 3) for row in _ROWS.strip().splitlines()]
    tables = {code.strip(): f"{code}|{one}|{many}| 1 |{names}" for code, one, many, names in own}
    tables["$"] += """
        USD | dollar | dollars | 1 | US$ US~$ U.S.$ U.S.~$ USD$ US~dollar US~dollars U.S.~dollar U.S.~dollars American~dollars United~States~dollars 米ドル
        cent | cent | cents | 1/100 | セント
    """  # noqa: E501
    return tables


MONEY_TABLE = _tables()

_SIGN = re.compile(r"((?:[A-Z]{1,3})?[$¢£€¥₩₹₽₺₫฿₪₦₵₴₱₲₸₡])(.*)", re.DOTALL)


def sign_of_money(unit: str) -> tuple[str, str]:
    """The sign of a currency, which stands before the number, and what comes behind: $, /month."""
    sign = _SIGN.fullmatch(unit.strip())
    if sign is None or (sign[2] and not re.match(r"/| ?per ", sign[2])):
        return "", ""
    return sign[1], sign[2]
