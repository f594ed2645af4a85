"""What schemathesis must know about our bodies; the command line reads it as SCHEMATHESIS_HOOKS."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: schemathesis.SerializationContext, value: Any) -> Any:
    return {"data": str(value).encode(errors="surrogatepass")}
