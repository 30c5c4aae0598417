# Makes in /srv/made what the programs need: data directories of databases, certificates, classes, an image.
cd /srv/made
export HOME=/tmp
mkdir classes
java -XX:TieredStopAtLevel=1 -m jdk.compiler/com.sun.tools.javac.Main -d classes /srv/*.java &
javac=$!
initdb -D postgres -U app --auth=trust --no-sync --locale=C >/dev/null
printf 'host all app all trust\nhost all app ::/0 trust\n' >>postgres/pg_hba.conf
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=server -addext subjectAltName=DNS:server,DNS:server6 2>/dev/null
cp key.pem postgres/key.pem
chmod 600 postgres/key.pem
dump2dcm -q +te /srv/image.dump image.dcm
mkdir -p maria/mysql
{
  printf 'create database if not exists mysql;\nuse mysql;\n'
  cat /usr/share/mariadb/mariadb_system_tables.sql /usr/share/mariadb/mariadb_system_tables_data.sql
  printf "flush privileges;\ncreate user app@'%%';\ngrant all on *.* to app@'%%';\n"
} | sed '/@current_hostname/d' >/tmp/maria.sql
mariadbd --no-defaults --bootstrap --datadir=/srv/made/maria --silent-startup </tmp/maria.sql >/tmp/maria.log 2>&1 || { cat /tmp/maria.log; exit 1; }
wait $javac
