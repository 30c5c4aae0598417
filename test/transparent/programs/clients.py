"""HTTP clients of Python: each sends the same few requests and prints all that it was answered. Arguments: client, host, port."""
import asyncio
import http.client
import sys

which, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = f"http://{host}:{port}"


def show(title, status, headers, body):
    print(f"== {title}: {status}")
    for name, value in headers:
        print(f"{name}: {value}")
    print(body.decode("latin-1") if isinstance(body, bytes) else body)


def of_the_library():
    c = http.client.HTTPConnection(host, port, timeout=15)
    for title, method, path, body, headers in [
        ("get", "GET", "/a//b/../c?x=%2F&y", None, {"X-MiXed": "Case", "Accept-Encoding": "identity"}),
        ("post", "POST", "/post", b"0123456789", {"Content-Type": "application/octet-stream"}),
        ("chunked", "PUT", "/put", iter([b"one", b"two"]), {"Transfer-Encoding": "chunked"}),
        ("own method", "REPORT", "/report", None, {}),
        ("head", "HEAD", "/head", None, {}),
        ("nothing", "DELETE", "/204", None, {}),
    ]:
        c.request(method, path, body=body, headers=headers, encode_chunked=body is not None and not isinstance(body, bytes))
        r = c.getresponse()
        show(title, f"{r.version} {r.status} {r.reason}", r.getheaders(), r.read())


def of_requests():
    import requests

    with requests.Session() as s:
        for title, answer in [
            ("get", lambda: s.get(base + "/get", params={"q": "a b"})),
            ("json", lambda: s.post(base + "/json", json={"name": "Müller"})),
            ("form", lambda: s.post(base + "/form", data={"a": "1"})),
            ("stream", lambda: s.put(base + "/stream", data=iter([b"one", b"two"]))),
            ("redirect", lambda: s.get(base + "/redirect")),
            ("gzip", lambda: s.get(base + "/gzip")),
            ("cookies", lambda: s.get(base + "/cookies")),
            ("with the cookies", lambda: s.get(base + "/get")),
            ("chunked", lambda: s.get(base + "/chunked")),
            ("to the end", lambda: s.get(base + "/close")),
            ("many headers", lambda: s.get(base + "/get", headers={f"x-h-{i}": str(i) for i in range(150)})),
        ]:
            r = answer()
            show(title, f"{r.status_code} {r.reason}", r.headers.items(), r.content)


async def of_aiohttp():
    import aiohttp

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as s:

        async def parts():
            yield b"one"
            yield b"two"

        for title, request in [
            ("get", s.get(base + "/get", headers={"X-MiXed": "Case"})),
            ("json", s.post(base + "/json", json={"a": 1})),
            ("chunked", s.put(base + "/put", data=parts())),
            ("expect", s.post(base + "/post", data=b"body", expect100=True)),
            ("events", s.get(base + "/sse")),
        ]:
            async with request as r:
                show(title, f"{r.status} {r.reason}", [(k.decode("latin-1"), v.decode("latin-1")) for k, v in r.raw_headers], await r.read())


async def of_websocket():
    """Text, bytes, a ping, a message of 200 KB and a close with a code."""
    import aiohttp

    async with aiohttp.ClientSession() as s, s.ws_connect(f"{base}/ws", protocols=("chat",), headers={"Origin": "http://here"}) as ws:
        print("protocol", ws.protocol)
        await ws.send_str("hello")
        print((await ws.receive(timeout=10)).data)
        await ws.send_bytes(b"\x00\xff")
        print((await ws.receive(timeout=10)).data)
        await ws.send_str("x" * 200_000)
        print(len((await ws.receive(timeout=10)).data))
        await ws.ping()
        await ws.send_str("bye")
        m = await ws.receive(timeout=10)
        print(m.type, m.data, ws.close_code)


try:
    run = {"http.client": of_the_library, "requests": of_requests, "aiohttp": of_aiohttp, "websocket": of_websocket}[which]
    asyncio.run(run()) if asyncio.iscoroutinefunction(run) else run()
except Exception as e:  # the client's error is what is compared
    print("ERROR", type(e).__name__, e)
    sys.exit(1)
