"""An application for gunicorn: answers with the request as it saw it."""


def application(environ, start_response):
    body = environ["wsgi.input"].read()
    seen = {k: v for k, v in environ.items() if isinstance(v, str) and (k.startswith(("HTTP_", "REQUEST_", "RAW_", "SERVER_P", "CONTENT_", "wsgi.url", "REMOTE_ADDR")))}
    text = "".join(f"{k}={v}\n" for k, v in sorted(seen.items())).encode("utf-8", "surrogateescape") + body
    if environ["PATH_INFO"] == "/204":
        start_response("204 Nothing", [])
        return [b""]
    start_response("200 As Asked", [("X-CaSe", "Kept"), ("Content-Type", "text/plain")])
    text += b"\n" * (4096 - len(text))
    return [text[:10], text[10:]]
