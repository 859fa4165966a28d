"""The FastAPI half of the pair: takes orders and has the other service charge them."""

import logging
import os

import aiohttp
import json_logging
import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

json_logging.to_stdout()
log = logging.getLogger("storefront")
app = FastAPI()


@app.post("/orders/{order}")
async def place(order: int):
    log.info("order %s received", order, extra={"order.id": order})
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{os.environ['PAYMENT_URL']}/charges", json={"order": order}) as response:
            if response.status != 200:
                log.error(
                    "order %s cannot be placed: payment answered %s", order, response.status, extra={"order.id": order}
                )
                return JSONResponse({"order": order, "placed": False}, 502)
    log.info("order %s placed", order, extra={"order.id": order})
    return {"order": order, "placed": True}


if __name__ == "__main__":
    uvicorn.run(app, fd=int(os.environ["LISTEN_FD"]), log_config=None, access_log=False)
