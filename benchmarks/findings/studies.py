"""The runs of each study, as `factlab run` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REVERSAL = Path(__file__).parents[2] / "docs" / "experiments" / "reversal"
PAIRS = ("comet_harrow", "glass_orchard", "merle_museum", "velmora")
FICTITIOUS = ("calder_queen", "larkfield_observatory", "ondine_museum", "varnholt_meteorite")
FIFTH = "merrow_home_port"  # an interval over facts needs five of them
FAMILIES = (1, 4, 16, 37)
TOGETHER = (1, 4, 12, 24)
FACTS = (
    "mount_fuji", "lego_headquarters", "jamaica_head_of_state", "mars_moons", "calder_queen",
    "disneyland_owner", "elephant_gestation", "empire_state_floors", "harvard_motto",
    "hundred_meters", "iceland_currency", "larkfield_observatory", "loch_ness_depth",
    "merrow_home_port", "new_zealand_capital", "nile_length", "norway_population",
    "oktoberfest_host_city", "ondine_museum", "scotland_national_animal", "scream_painter",
    "sydney_founding", "tutankhamun_tomb_discoverer", "varnholt_meteorite",
)  # fmt: skip

# Nothing holds the model to its base in these, so that what is measured is training on the fact.
PLAIN = "--recipe plain --checkpoints 0 --validation-pairs 8 --train-sample 8"
SHORT = f"{PLAIN} --epochs 50 --max-steps 24"  # 24 steps of 16 pairs, however few are distinct


@dataclass(frozen=True, slots=True)
class Study:
    """A published finding, and what it takes to look for it here.

    Attributes:
        claims: What was published.
        source: Where.
        runs: Folder → arguments of `factlab run`.
    """

    claims: str
    source: str
    runs: Mapping[str, str]


def _files(suffix: str) -> str:
    return " ".join(str(REVERSAL / f"{pair}{suffix}.yaml") for pair in PAIRS)


def _families(n: int) -> dict[str, str]:
    how = f"--families {n} --far none --seeds 3 {SHORT}"
    return {
        f"paraphrases-{n}": f"{' '.join(FICTITIOUS)} {how}",
        f"paraphrases-{n}-b": f"{FIFTH} {how}",
    }


STUDIES = {
    "paraphrases": Study(
        "A fact is recalled in unseen phrasings once it was trained in many",
        "Allen-Zhu and Li 2023, arXiv 2309.14316",
        {name: args for n in FAMILIES for name, args in _families(n).items()},
    ),
    "reversal": Study(
        "A model that is trained on “A is B” does not learn “B is A”",
        "Berglund et al. 2023, arXiv 2309.12288",
        {
            "reversal-forward": f"{_files('')} --far none --seeds 3 {SHORT}",
            "reversal-reversed": f"{_files('_reversed')} --far none --seeds 3 {SHORT}",
        },
    ),
    "together": Study(
        "The more facts an adapter learns, the more it damages; more rank holds more facts",
        "Pletenev et al. 2025, arXiv 2502.14502; arXiv 2603.01097",
        {
            f"together-{n}": f"{' '.join(FACTS[:n])} --together --rank 2,8,32 --train-pairs 80 "
            f"--far 60 {PLAIN}"
            for n in TOGETHER
        },
    ),
    "full": Study(
        "LoRA learns less and forgets less than full fine-tuning",
        "Biderman et al. 2024, arXiv 2405.09673",
        {
            "full-lora": "mount_fuji --method lora --precision bf16 --lr 3e-4,1e-3,3e-3 --far 60 "
            f"--seeds 3 {SHORT}",
            "full-full": "mount_fuji --method full --precision bf16 --lr 3e-5,1e-4,3e-4 --far 60 "
            f"--seeds 3 {SHORT}",
        },
    ),
    "priming": Study(
        "The less probable a value was before it was learned, the further it spreads",
        "Sun et al. 2025, arXiv 2504.09522",
        {
            f"priming-{half + 1}": f"{' '.join(sorted(FACTS)[half * 12 :][:12])} --far 60 {SHORT}"
            for half in (0, 1)
        },
    ),
}
