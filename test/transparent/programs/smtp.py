"""smtplib, without and with STARTTLS."""
import smtplib
import ssl

for tls in (False, True):
    with smtplib.SMTP("server", 25, local_hostname="me", timeout=15) as s:
        print(s.ehlo())
        if tls:
            print(s.starttls(context=ssl.create_default_context(cafile="/srv/made/cert.pem")))
        print(s.sendmail("a@b", ["c@d", "e@f"], "Subject: x\r\n\r\n" + "line\r\n" * 1000))
        print(s.docmd("FOO"))
