"""Two requests over one connection, with a rest of three seconds between. Arguments: host, port."""
import http.client
import sys
import time

c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=15)
for wait in (0, 3):
    time.sleep(wait)
    try:
        c.request("GET", "/wsgi.py")
        r = c.getresponse()
        print(r.status, r.reason, len(r.read()), r.headers.items())
    except Exception as e:
        print("ERROR", type(e).__name__)
