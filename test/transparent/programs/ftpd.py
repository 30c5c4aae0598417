"""An FTP server for everybody. Argument: port."""
import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
import logging, os, shutil

logging.basicConfig(level=logging.CRITICAL)
shutil.rmtree("/tmp/ftp", ignore_errors=True)
os.mkdir("/tmp/ftp")
shutil.copy("/srv/made/key.pem", "/tmp/ftp")
authorizer = DummyAuthorizer()
authorizer.add_anonymous("/tmp/ftp", perm="elrw")
FTPHandler.authorizer = authorizer
FTPHandler.permit_foreign_addresses = False
FTPServer(("::", int(sys.argv[1])), FTPHandler).serve_forever()
