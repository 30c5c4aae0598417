"""A client of NATS: it waits for the greeting, subscribes and publishes to itself."""
import re
import socket

s = socket.create_connection(("server", 4222), timeout=15)
f = s.makefile("rwb")
print(re.findall(r'"(max_payload|headers|proto|port)":([^,]*)', f.readline().decode()))
f.write(b'CONNECT {"verbose":true}\r\nSUB a 1\r\nPUB a 5\r\nhello\r\nPING\r\nFOO\r\n')
f.flush()
for line in f:
    print(line)
