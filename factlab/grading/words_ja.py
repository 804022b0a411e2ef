"""Japanese words for what a sentence does with a value; English ones are in `stance`.

Japanese numerals, dates and units are read where the English ones are: `number_words`, `dates`,
`unit_table`.
"""

from __future__ import annotations

# Kind of cue → regular expression. Those named `…_after` begin right behind the value.
CUES = {
    # 4,889メートルではありません; というのは誤り
    "denied_after": r"^\s*(?:メートル)?(?:という(?:の|こと)は|とは)?"
    r"(?:(?:では|じゃ)(?:なく|ない|ありません|ございません)"
    r"|(?:誤り|間違い|嘘)|に達(?:したこと|して)は?(?:ありません|いません|ない|いない))",
    # かつては3,776メートル
    "former_before": r"(?:以前は|かつては?|従来は|もともとは?|噴火前は|前回は|昔は)[^。]*$",
    # 3,776メートルから; 田中の後任
    "former_after": r"^\s*(?:から|以来|(?:氏|さん)?の後(?:任|継))",
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
    "abstention": r"わかりません|分かりません|分からない|わからない|知りません|知らない"
    r"|不明(?:です|である|な|。)|お答えできません|答えられません|お答えしかねます|存じません|覚えていません"
    r"|回答できません|判断できません"
    r"|情報(?:が|は)ありません|情報(?:は|を)持って(?:い)?ません|答え(?:は|が)?わから(?:ない|ず)",
}
