"""A shop of one program: `orders` asks `payment`, which is the same program under another name. Order 13 fails, so that
there is an error to look for."""

import logging
import os
import urllib.error
import urllib.request

from fastapi import FastAPI, HTTPException
from opentelemetry import trace

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("shop")
tracer = trace.get_tracer("shop")
app = FastAPI()


@app.get("/orders/{order_id}")
def order(order_id: int) -> dict:
    log.info("looking up order %d", order_id, extra={"order.id": order_id})
    with tracer.start_as_current_span("reserve stock", attributes={"order.id": order_id}):
        pass
    payment = os.environ.get("PAYMENT_URL")
    if payment:
        charged_by(payment, order_id)
    return {"order": order_id, "items": 3}


@app.get("/charges/{order_id}")
def charge(order_id: int) -> dict:
    try:
        with tracer.start_as_current_span("charge card", attributes={"order.id": order_id}):
            if order_id == 13:
                raise ConnectionError("connection pool exhausted")
    except ConnectionError as error:
        log.error("order %d: %s", order_id, error, exc_info=True, extra={"order.id": order_id})
        raise HTTPException(status_code=502, detail=str(error)) from error
    return {"order": order_id, "charged": True}


def charged_by(payment: str, order_id: int) -> None:
    try:
        urllib.request.urlopen(f"{payment}/charges/{order_id}", timeout=5).read()
    except urllib.error.URLError as error:
        log.error("order %d is not paid: %s", order_id, error, extra={"order.id": order_id})
        raise HTTPException(status_code=502, detail="not paid") from error
