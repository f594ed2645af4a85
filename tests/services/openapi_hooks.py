"""Hooks for schemathesis about our bodies, loaded by SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: schemathesis.SerializationContext, value: Any) -> Any:
    return {"data": str(value).encode(errors="surrogatepass")}
