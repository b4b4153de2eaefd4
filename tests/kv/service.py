"""The smallest product that the lab can load: a key-value store in a dict, as a WSGI application."""

from flask import Flask, jsonify, request


def create_app():
    app = Flask(__name__)
    values: dict[str, str] = {}

    @app.put("/values/<key>")
    def put_value(key):
        values[key] = request.get_json()["value"]
        return jsonify(key=key, value=values[key], reference=request.get_json()["reference"])

    @app.get("/values/<key>")
    def get_value(key):
        return jsonify(key=key, value=values.get(key))

    @app.get("/healthz")
    @app.get("/readyz")
    def health():
        return jsonify(status="ok")

    return app
