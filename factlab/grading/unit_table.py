"""The units that answers are given in, with exact factors.

The table is our own: a units library takes a third of a second to import and reads "in", "a", "h"
or "people" either as units everywhere or nowhere, while an answer needs a few dozen units, exact
decimal factors, and a say in when a word is one.
"""

from __future__ import annotations

# By dimension: symbol | singular | plural | factor [offset] | other ways to write it, where ~ is a
# space. A value in the base unit of the dimension is value * factor + offset.
UNIT_TABLE = {
    "length": """
        mm | millimeter | millimeters | 1/1000 | ミリ ミリメートル ㎜
        cm | centimeter | centimeters | 1/100 | センチ センチメートル ㎝
        m | meter | meters | 1 | mtr mtrs メートル ㍍
        km | kilometer | kilometers | 1000 | kms キロメートル ㎞
        in | inch | inches | 0.0254 | in. インチ
        ft | foot | feet | 0.3048 | ft. フィート
        yd | yard | yards | 0.9144 | yd. ヤード
        mi | mile | miles | 1609.344 | mi. マイル
        nmi | nautical mile | nautical miles | 1852 |
        au | astronomical unit | astronomical units | 149597870700 | AU
        ly | light-year | light-years | 9460730472580800 | light~year light~years 光年
    """,
    "mass": """
        mg | milligram | milligrams | 1/1000000 | milligramme milligrammes ミリグラム
        g | gram | grams | 1/1000 | gramme grammes グラム
        kg | kilogram | kilograms | 1 | kilogramme kilogrammes kilo kilos kgs キログラム ㎏
        t | tonne | tonnes | 1000 | metric~ton metric~tons トン
        ton | ton | tons | 907.18474 | short~ton short~tons
        lb | pound | pounds | 0.45359237 | lbs lb. lbs. ポンド
        oz | ounce | ounces | 0.028349523125 | oz.
    """,
    "time": """
        ms | millisecond | milliseconds | 1/1000 | ミリ秒
        s | second | seconds | 1 | sec secs sec. 秒
        min | minute | minutes | 60 | mins min. 分
        h | hour | hours | 3600 | hr hrs hr. 時間 Stunde Stunden
        d | day | days | 86400 | 日間
        wk | week | weeks | 604800 | 週間
        mo | month | months | 2629800 | か月 ヶ月
        yr | year | years | 31557600 | yrs yr. 年間
        decade | decade | decades | 315576000 |
        century | century | centuries | 3155760000 | 世紀
        millennium | millennium | millennia | 31557600000 |
    """,
    "temperature": """
        °C | degree Celsius | degrees Celsius | 1 273.15 | ℃ celsius C centigrade 摂氏 セ氏
        °F | degree Fahrenheit | degrees Fahrenheit | 5/9 45967/180 | ℉ fahrenheit F 華氏
        K | kelvin | kelvins | 1 |
    """,
    "angle": """
        ° | degree | degrees | 1 | 度 deg
    """,
    "speed": """
        m/s | meter per second | meters per second | 1 | mps
        km/h | kilometer per hour | kilometers per hour | 5/18 | kph kmh 時速
        mph | mile per hour | miles per hour | 0.44704 | mi/h
        kn | knot | knots | 463/900 | kt kts
    """,
    "area": """
        cm² | square centimeter | square centimeters | 1/10000 | cm2 cm^2
        m² | square meter | square meters | 1 | m2 m^2 sq~m 平方メートル ㎡
        km² | square kilometer | square kilometers | 1000000 | km2 km^2 sq~km 平方キロメートル
        ha | hectare | hectares | 10000 | ヘクタール
        acre | acre | acres | 4046.8564224 |
        ft² | square foot | square feet | 0.09290304 | ft2 ft^2 sq~ft sq.~ft.
        mi² | square mile | square miles | 2589988.110336 | mi2 mi^2 sq~mi sq.~mi.
    """,
    "volume": """
        mL | milliliter | milliliters | 1/1000000 | ml ミリリットル
        L | liter | liters | 1/1000 | l リットル
        m³ | cubic meter | cubic meters | 1 | m3 m^3
        km³ | cubic kilometer | cubic kilometers | 1000000000 | km3 km^3
        ft³ | cubic foot | cubic feet | 0.028316846592 | ft3 ft^3
        gal | gallon | gallons | 0.003785411784 | gal.
    """,
    "power": """
        W | watt | watts | 1 |
        kW | kilowatt | kilowatts | 1000 |
        MW | megawatt | megawatts | 1000000 |
        GW | gigawatt | gigawatts | 1000000000 |
        hp | horsepower | horsepower | 745.69987158227022 |
    """,
    "ratio": """
        % | percent | percent | 1 | per~cent pct パーセント Prozent
        割 | 割 | 割 | 10 |
    """,
    "percentage points": """
        pp | percentage point | percentage points | 1 | percent~points ポイント パーセントポイント
    """,
    "people": """
        people | person | people | 1 | persons inhabitants residents citizens souls 人 名 Einwohner
    """,
}
