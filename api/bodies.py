"""The body of a command that takes none: `{}` or nothing; a field in it is refused."""

from pydantic import BaseModel, ConfigDict


class NoFields(BaseModel):
    model_config = ConfigDict(extra="forbid")
