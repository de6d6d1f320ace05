"""A login for ``--web-login``: one password, from the environment; without it the scenario has to bring a login."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

import gevent
from flask import Blueprint, redirect, request, session, url_for
from flask_login import UserMixin, login_user

from loadtest.locust_plugin.telling import tell_note

if TYPE_CHECKING:
    from locust.web import WebUI
    from werkzeug.wrappers import Response

_WRONG_S = 1.0
"""How long a wrong password takes to be refused."""


class _Operator(UserMixin):  # type: ignore[misc]
    """Whoever knows the password."""

    id = "operator"


def add_login(web_ui: WebUI, prefix: str, password: str) -> None:
    """Have everybody who knows a password log in, under any name, for as long as this process lives.

    Without a password it is told that somebody else has to see to it: Locust answers nobody who has not logged in.
    """
    if not password:
        tell_note("--web-login: nobody can log in without LOADTEST_WEB_PASSWORD, unless the scenario brings a login")
        return
    app, expected = web_ui.app, password.encode()
    assert app is not None
    app.secret_key = secrets.token_bytes(32)
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    web_ui.login_manager.user_loader(lambda user_id: _Operator() if user_id == _Operator.id else None)
    routes = Blueprint("loadtest_login", __name__, url_prefix=prefix or None)

    @routes.post("/live/login")
    def submit() -> Response:
        if not hmac.compare_digest(request.form.get("password", "").encode(), expected):
            gevent.sleep(_WRONG_S)
            session["auth_error"] = "This is not the password"
            return redirect(url_for("locust.login"))
        session["auth_error"] = None
        login_user(_Operator())
        return redirect(url_for("locust.index"))

    app.register_blueprint(routes)
    web_ui.auth_args = {**web_ui.auth_args, "username_password_callback": f"{prefix}/live/login"}
