"""A server that answers texts with labels and probabilities, as JSON.

    export MODEL=model.skops
    uvicorn --app-dir examples/serving --factory server:from_environment

`POST /labels` with `{"texts": ["the printer jams"]}` is answered by
`[{"labels": {"hardware": 0.99, "printer": 0.94}}]`. Texts that are too many or too long
are refused (422), and so are bodies that are too large (413), before they are read to
their end. The model comes from a file of `sklearn_htc.persistence.save`, which executes
no code; what clients send is JSON. What predicts is predict_file.py, beside this file.
"""

import os
from threading import Semaphore
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from predict_file import iter_labels, refuse_other_forms
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sklearn_htc.persistence import load

MAX_TEXTS = 64
MAX_CHARACTERS = 20_000
# Of a body.
MAX_BYTES = 2 * 10**6

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class Question(BaseModel):
    """Texts, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    texts: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]


class Answer(BaseModel):
    """The predicted labels of a text, general ones first, with their probabilities."""

    labels: dict[str, float]


class BodyLimit:
    """Refuse bodies that are no text, and large ones, whatever length is announced.

    Parameters
    ----------
    app : ASGI application
        That gets all other requests, with their bodies in one piece.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, as far as it may go."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        pieces, size, has_more = [], 0, True
        while has_more:
            message = await receive()
            if message["type"] != "http.request":
                return
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            has_more = message.get("more_body", False)
            if size > MAX_BYTES:
                text = f"A body may have {MAX_BYTES} bytes."
                await JSONResponse({"detail": text}, 413)(scope, receive, send)
                return
        body = b"".join(pieces)
        try:
            body.decode()
        except UnicodeDecodeError:
            text = "A body has to be JSON in UTF-8."
            await JSONResponse({"detail": text}, 422)(scope, receive, send)
            return
        whole = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def replayed() -> Message:
            return next(whole, None) or await receive()

        await self.app(scope, replayed, send)


def refuse(request: Request, error: Exception) -> JSONResponse:
    """Say what is wrong with a question, without repeating it."""
    assert isinstance(error, RequestValidationError)
    found = [
        {"where": [str(part)[:50] for part in each["loc"]], "what": each["msg"]}
        for each in error.errors()[:5]
    ]
    return JSONResponse({"detail": found}, 422)


def create_app(clf: Any) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    clf : estimator
        Fitted to raw texts and label collections.

    Returns
    -------
    app : FastAPI
        To be run by any ASGI server.

    Raises
    ------
    ValueError
        If it was fitted to labels of another form.
    """
    refuse_other_forms(clf)
    app = FastAPI(title="Labels of texts")
    app.add_middleware(BodyLimit)
    app.add_exception_handler(RequestValidationError, refuse)
    # More predictions at once than processors would only wait for each other.
    turns = Semaphore(os.cpu_count() or 1)

    # Async, so that it waits for no turn.
    @app.get("/health")
    async def health() -> dict[str, int]:
        """Say that the model is there."""
        return {"n_labels": len(clf.hierarchy_)}

    # Not async: it computes, and runs in a thread.
    @app.post("/labels")
    def labels(question: Question) -> list[Answer]:
        """Predict labels."""
        with turns:
            return [Answer(labels=each) for each in iter_labels(clf, question.texts)]

    return app


def from_environment() -> FastAPI:
    """Serve the model in the file that the variable MODEL names."""
    return create_app(load(os.environ["MODEL"]))
