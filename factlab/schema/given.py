"""What a user may give in several ways, as one type each: one value or many, a recipe by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, create_model

from factlab.reading.bounds import MOST_VALUES, Item
from factlab.reading.paths import PathText
from factlab.record import Settings
from factlab.schema.options import option_of, without_none
from factlab.schema.recipe import OVERRIDES, Recipe


def one_or_more(given: Any) -> Any:
    """A single value stands for a list of one."""
    return (given,) if isinstance(given, str | int | float) else given


def trackers(given: Any) -> Any:
    """Each tracker once; `none` is what the library calls no tracker."""
    named = one_or_more(given)
    if not isinstance(named, list | tuple) or len(named) > MOST_VALUES:
        return named
    return [
        name for place, name in enumerate(named) if name != "none" and name not in named[:place]
    ]


OneOrMore = Annotated[tuple[Item, ...], Field(max_length=MOST_VALUES), BeforeValidator(one_or_more)]


def _override_fields() -> dict[str, Any]:
    """A field of a run's settings for each of the recipe's: any number of the same values."""
    found: dict[str, Any] = {}
    for name in OVERRIDES:
        field = Recipe.model_fields[name]
        one = Annotated[(without_none(field.annotation), *field.metadata)]  # type: ignore[valid-type]
        several = Annotated[OneOrMore[one], option_of(field)]  # type: ignore[valid-type]
        made = Field(
            default=(),
            validation_alias=field.validation_alias,
            description=field.description,
        )
        found[name] = (several, made)
    return found


if TYPE_CHECKING:  # its fields are made from the recipe's; `RunConfig.overrides` reads them

    class Overrides(Settings):
        """Fields of a recipe, each with any number of values; none: the recipe's own."""
else:
    Overrides = create_model("Overrides", __base__=Settings, **_override_fields())


def _split_names(given: Any) -> Any:
    """`tutorial,default`, as the command line and files write several recipes as one text."""
    if isinstance(given, str) and "," in given:
        return tuple(part.strip() for part in given.split(","))
    return given


def _one_alone(given: str | Recipe | tuple[Any, ...]) -> Any:
    """A list of one recipe is that recipe."""
    if isinstance(given, tuple) and len(given) < 2:
        if not given:
            raise ValueError("no recipe is given. Name at least one, such as default")
        return given[0]
    return given


def _tag(given: Any) -> str:
    if isinstance(given, list | tuple):
        return "several"
    return "name" if isinstance(given, str) else "values"


# A recipe of the user's own is recorded with all its values, so that its run can be repeated.
_Name = Annotated[PathText, Tag("name")]
_Values = Annotated[Recipe, Tag("values")]
OneRecipe = Annotated[_Name | _Values, Discriminator(_tag)]
RecipeGiven = Annotated[
    _Name
    | _Values
    | Annotated[tuple[OneRecipe, ...], Field(max_length=MOST_VALUES), Tag("several")],
    Discriminator(_tag),
    BeforeValidator(_split_names),
    AfterValidator(_one_alone),
]
