"""A service with one route that mostly works: order 13 fails, so that there is an error to look for."""

import logging

from fastapi import FastAPI, HTTPException
from opentelemetry import trace

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("orders")
tracer = trace.get_tracer("orders")
app = FastAPI()


@app.get("/orders/{order_id}")
def order(order_id: int) -> dict:
    log.info("looking up order %d", order_id, extra={"order.id": order_id})
    try:
        return stock_of(order_id)
    except ConnectionError as error:
        log.error("order %d: %s", order_id, error, exc_info=True)
        raise HTTPException(status_code=502, detail=str(error)) from error


def stock_of(order_id: int) -> dict:
    with tracer.start_as_current_span("reserve stock", attributes={"order.id": order_id}):
        if order_id == 13:
            raise ConnectionError("connection pool exhausted")
        return {"order": order_id, "items": 3}
