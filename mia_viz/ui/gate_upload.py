"""Uploads: into a folder of the visitor's own, one for each upload, and whole or not at all."""

from __future__ import annotations

import errno
import math
import secrets
import shutil
from urllib.parse import parse_qs

from gradio.route_utils import upload_fn
from gradio.routes import file_upload_statuses
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Message, Receive, Scope

from mia_viz.serving.visitors import Visitor, room

TOO_LARGE = "This file is larger than {} MB; please choose a smaller one."
TOO_MUCH = "These files are too much at once; please give fewer of them."
FULL = "There is no room left for this file on the server's disk."
BROKEN = "The file did not arrive whole; please try again."


class _TooMuchError(Exception):
    """More bytes arrive than fit."""


async def take_upload(scope: Scope, receive: Receive, visitor: Visitor, left: int) -> Response:
    """Store the files of a request and answer with their paths, as gradio's own route does, or with a sentence.

    left: bytes that the visitor's files may still take on the disk.
    """
    blocks = scope["app"].get_blocks()
    most = math.inf if blocks.max_file_size is None else blocks.max_file_size
    upload_id = parse_qs(scope["query_string"].decode("latin-1")).get("upload_id", [""])[-1]
    progress = f"{visitor.folder.name}-{upload_id}" if upload_id else None
    folder = None
    try:
        folder = room(visitor) / secrets.token_hex(8)
        request = Request(scope, _limited(receive, left))
        statuses = file_upload_statuses if progress else None
        files, _, _ = await upload_fn(request, folder, most, progress, force_move=True, upload_progress=statuses)
        return JSONResponse(files)
    except _TooMuchError:
        answer = PlainTextResponse(TOO_MUCH, 413)
    except MultiPartException as error:
        large = "maximum allowed size" in error.message and "File" in error.message
        answer = PlainTextResponse(TOO_LARGE.format(round(most / 1e6)) if large else BROKEN, 413 if large else 400)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        answer = PlainTextResponse(FULL if full else BROKEN, 507 if full else 500)
    except (HTTPException, ClientDisconnect, LookupError, TypeError, ValueError):
        answer = PlainTextResponse(BROKEN, 400)
    if progress:
        file_upload_statuses.stop_tracking(progress)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return answer


def _limited(receive: Receive, most: int) -> Receive:
    """A `receive` that raises _TooMuchError beyond `most` bytes."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > most:
            raise _TooMuchError
        return message

    return counted
