"""Bodies of PATCH: a field that is left out keeps its value, null is refused where null means nothing."""

from typing import Any

from pydantic import BaseModel, ConfigDict


def left_out() -> Any:
    """Default of every field; it is never read, and keeps defaults out of the OpenAPI document."""
    return None


class Patch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def changes(self, current: dict[str, Any]) -> dict[str, Any]:
        """The fields that were sent and differ from what is stored."""
        sent = {name: getattr(self, name) for name in sorted(self.model_fields_set)}
        return {name: value for name, value in sent.items() if name not in current or current[name] != value}
