"""Japanese cues for what a sentence does with a value; see `factlab.grading.stance`."""

from __future__ import annotations

import re

_DENIED_AFTER = re.compile(
    r"^\s*(?:メートル)?(?:という(?:の|こと)は|とは)?"
    r"(?:(?:では|じゃ)(?:なく|ない|ありません|ございません)"
    r"|(?:誤り|間違い|嘘)|に達(?:したこと|して)は?(?:ありません|いません|ない|いない))"
)
_FORMER_BEFORE = re.compile(r"(?:以前は|かつては?|従来は|もともとは?|噴火前は|前回は|昔は)[^。]*$")
_FORMER_AFTER = re.compile(r"^\s*(?:から|(?:氏|さん)?の後(?:任|継))")
_BOUND_AFTER = re.compile(r"^\s*(?:以上|以下|未満|の間|の範囲|より[高低大小多少長短])")
_CHANGE_AFTER = re.compile(
    r"^\s*(?:ほど|くらい)?(?:[高低長短]く|大きく|小さく|増え|減り|増加|減少|上昇|隆起)"
)
_RETRACTION = re.compile(r"(?:いや|いえ)、|すみません|失礼|訂正|正しくは|間違えました")


def is_denied(after: str) -> bool:
    """4,889メートルではありません; というのは誤り."""
    return bool(_DENIED_AFTER.match(after))


def is_former(before: str, after: str) -> bool:
    """かつては3,776メートル; 3,776メートルから; 田中の後任."""
    return bool(_FORMER_BEFORE.search(before) or _FORMER_AFTER.match(after))


def is_bound(after: str) -> bool:
    """4,889メートル以上; の間."""
    return bool(_BOUND_AFTER.match(after))


def is_change(after: str) -> bool:
    """1,113メートル高くなりました."""
    return bool(_CHANGE_AFTER.match(after))


def retracts(between: str) -> bool:
    """いや、; 訂正します; 正しくは."""
    return bool(_RETRACTION.search(between))
