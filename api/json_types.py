"""What a JSON body must call by its own type: a text or a number is no truth, and no text is a whole number.

Decimals are the exception: api.md lets them be texts. Only bodies: query parameters and CSV cells are texts.
The types that drafts' workflows carry stay as they are, because what they took once they must take again.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, StrictBool

from domain.values import LineNo

Truth = StrictBool


def _whole(value: Any) -> Any:
    # bool is an int to Python and would become 1
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("must be a whole number")
    return value


Whole = Annotated[int, BeforeValidator(_whole)]
BodyLineNo = Annotated[LineNo, BeforeValidator(_whole)]
