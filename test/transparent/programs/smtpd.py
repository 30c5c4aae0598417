"""An SMTP server with STARTTLS, which prints what it gets. Argument: port."""
import signal
import ssl
import sys

from aiosmtpd.controller import Controller


class Handler:
    async def handle_DATA(self, server, session, envelope):
        with open("/tmp/log", "a") as log:
            print(session.peer[0], session.host_name, envelope.mail_from, envelope.rcpt_tos, envelope.content, session.ssl is not None, file=log)
        return "250 accepted"


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/srv/made/cert.pem", "/srv/made/key.pem")
controller = Controller(Handler(), hostname="", port=int(sys.argv[1]), tls_context=context, server_hostname="server", ready_timeout=20)
controller._trigger_server = lambda: None  # its own trial connection would be one more client
controller.start()
signal.sigwait([signal.SIGTERM])
