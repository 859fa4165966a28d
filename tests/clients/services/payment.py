"""The aiohttp half of the pair: charges orders. The issuer of order 4711's card cannot be reached."""

import logging
import os
import socket

import json_logging
from aiohttp import web

shipper = json_logging.to_url(os.environ["LOGS_URL"])
log = logging.getLogger("payment")


class IssuerUnavailable(Exception):
    pass


def authorise(order: int):
    if order == 4711:
        raise IssuerUnavailable("issuer acquirer-7 is unavailable: connection pool exhausted")


async def charge(request: web.Request) -> web.Response:
    order = (await request.json())["order"]
    log.info("charging order %s", order, extra={"order.id": order})
    try:
        authorise(order)
    except IssuerUnavailable:
        log.exception("charge of order %s failed", order, extra={"order.id": order})
        raise
    return web.json_response({"charged": order})


if __name__ == "__main__":
    app = web.Application()
    app.router.add_post("/charges", charge)
    try:
        web.run_app(app, sock=socket.socket(fileno=int(os.environ["LISTEN_FD"])), print=None, access_log=None)
    finally:
        shipper.close()
