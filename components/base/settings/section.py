"""What every part of the settings is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from components.base.addresses import web_fault

SPLITS = ("train", "validation", "test")

Split = Literal["train", "validation", "test"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Text = Annotated[str, StringConstraints(min_length=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def must_be_of_the_web(self, *keys: str, credentials: str) -> None:
        """For a validator of the whole section, as what is wrong with a key by itself is told with its value; that may
        hold a credential. `credentials` is why it must not, or where it belongs.

        Raises ValueError where the value of a key is neither empty nor such an address.
        """
        for key in keys:
            value = getattr(self, key)
            if value and (fault := web_fault(value, credentials)):
                raise ValueError(f"{key} {fault}")
