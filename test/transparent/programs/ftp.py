"""ftplib: passive and active, binary and text."""
import ftplib

for passive in (True, False):
    try:
        with ftplib.FTP("server", timeout=5) as f:
            print(f.login())
            f.set_pasv(passive)
            got = []
            print(f.retrbinary("RETR key.pem", got.append), len(b"".join(got)))
            print(f.nlst())
            print(f.sendcmd("NOOP"))
    except Exception as e:
        print("ERROR", passive, type(e).__name__, e)
