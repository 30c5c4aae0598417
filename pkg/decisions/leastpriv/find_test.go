package leastpriv_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/leastpriv"
)

// shown is a name as the table writes it: SERVICE.NAMESPACE or ADDRESS.NAMESPACE.pod, :PORT, ? for a port that the scheme implies.
func shown(n leastpriv.Name) string {
	text := n.Service + "." + n.Namespace
	if n.Pod != "" {
		text = n.Pod + "." + n.Namespace + ".pod"
	}
	if n.Port != 0 {
		text += fmt.Sprintf(":%d", n.Port)
	}
	if n.Implied {
		text += "?"
	}
	return text
}

func TestNamesOfTheClusterAreFoundInText(t *testing.T) {
	for text, want := range map[string]string{
		// Long forms, anywhere.
		"db.data.svc.cluster.local":                                "db.data",
		"db.data.svc.cluster.local.":                               "db.data",
		"DB.Data.SVC.Cluster.Local":                                "db.data",
		"db.data.svc":                                              "db.data",
		"db.data.svc:5432":                                         "db.data:5432",
		"db.data.svc.cluster.local.:5432":                          "db.data:5432",
		"see db.data.svc and web.shop.svc.cluster.local.":          "db.data web.shop",
		"db-0.db.data.svc.cluster.local":                           "db.data",
		"_pg._tcp.db.data.svc.cluster.local":                       "db.data",
		"10-0-0-5.data.pod.cluster.local":                          "10-0-0-5.data.pod",
		"http://10-0-0-5.data.pod:8080/x":                          "10-0-0-5.data.pod:8080",
		"path/db.data.svc:80/x":                                    "db.data:80",
		"dns:///db.data.svc:50051":                                 "db.data:50051",
		"db.data.svc.cluster.localhost":                            "",
		"db.data.svc.other.domain":                                 "",
		"xdb.data.svcx/":                                           "",
		"evil.example/db.data.svc.cluster.local.evil.example":      "",
		"db.data.cluster.local":                                    "",
		".svc.cluster.local":                                       "",
		"a.svc.cluster.local":                                      "",
		"-db.data.svc":                                             "db.data",
		"db-.data.svc":                                             "",
		strings.Repeat("a", 64) + ".data.svc":                      "",
		strings.Repeat("a.", 130) + "db.data.svc":                  "",
		"db.data.svc:0":                                            "db.data",
		"db.data.svc:65536":                                        "db.data",
		`{"url":"http://db.data.svc:80","other":["web.shop.svc"]}`: "db.data:80 web.shop",
		"http://proxy/?to=http://db.data.svc:81":                   "proxy.home:80? db.data:81",
		"http://web/redirect/http://db.data.svc":                   "web.home:80? db.data:80?",
		"http://10.0.0.1/db.data.svc":                              "db.data",
		"https://db.data.svc.cluster.local/x":                      "db.data:443?",
		"tcp://db.data.svc.cluster.local":                          "db.data",
		"jdbc:postgresql://db.data:5432/x?ssl=true":                "db.data:5432 data.home:5432 true.home",
		"jdbc:oracle:thin:@db:1521/x":                              "db.home:1521",
		"mongodb://u:p@a.data.svc:1,b.data.svc:2/x?replicaSet=rs":  "a.data:1 b.data:2 rs.home",
		"postgres://user:p%40ss@db/x":                              "db.home",
		"amqp://user@mq@queue:5672/":                               "queue.home:5672",
		"PLAINTEXT://kafka:9092,SSL://kafka:9093":                  "kafka.home:9092 kafka.home:9093",
		"wss://web": "web.home:443?",
		"//cdn/x":   "",
		"--flag=db": "db.home",
		"mix$(A).data.svc $(B)db.data.svc ${C}.x.svc y.z.svc": "y.z",
		"$(curl http://db)": "db.home:80?",
		"$":                 "", "$(": "", "$()": "", "${A": "a.home",
		"-Ddb.host=db -Ddb.port=5432": "db.home 5432.home",
		"host=db user=me":             "db.home me.home",
		"host: db":                    "db.home",
		"host: db\nport: 5432":        "db.home 5432.home",
		"db":                          "db.home",
		"db:5432":                     "db.home:5432",
		"db,cache;queue":              "db.home cache.home queue.home",
		"db, cache, queue":            "db.home cache.home queue.home",
		"db:5432 cache:6379":          "db.home:5432 cache.home:6379",
		"db.data":                     "db.data data.home",
		"db-0.db.data":                "db.data",
		"run the db with care":        "",
		"mail the db.data people":     "",
		"the db":                      "",
		"/usr/bin/db":                 "",
		"db/path":                     "",
		"redis:7-alpine":              "",
		"redis:7":                     "redis.home:7",
		"":                            "",
		":::@@//..--":                 "",
		"http://":                     "",
		"http://:80/":                 "",
		"http://[::1]:80/":            "",
		"http://пример/":              "",
		"bücher.data.svc":             "cher.data",
		"http://db:99999/":            "",
		"cluster.local":               "cluster.local local.home",
		"$(UNSET).data.svc":           "",
		"db.data.svc.cluster.local/db.data.svc:80 db.data.svc": "db.data db.data:80",
		"\x00db\x00": "db.home",
		strings.Repeat("x", leastpriv.TextLimit-4) + " db.data.svc": "",
	} {
		t.Run(clipped(text), func(t *testing.T) {
			var found []string
			for _, name := range leastpriv.FindNames(text, "home", "cluster.local") {
				found = append(found, shown(name))
			}
			require.Equal(t, want, strings.Join(found, " "))
		})
	}
}

func clipped(s string) string { return s[:min(len(s), 60)] }

func TestAnotherClusterDomainIsFollowed(t *testing.T) {
	found := leastpriv.FindNames("db.data.svc.Hospital.internal web.shop.svc.cluster.local", "home", "hospital.Internal")
	require.Len(t, found, 1)
	require.Equal(t, "db.data", shown(found[0]))
}

func FuzzFind(f *testing.F) {
	for _, seed := range []string{
		"http://u:p@db.data.svc.cluster.local.:80/x?y=z", "db,cache:1;a.b.pod", "jdbc:x://a//b://c@d:1", "host: db\n- web", "a.b.svc.cluster.local.svc",
		"://:@://", "\xff\xfedb.data.svc", "db:5432/db.data.svc:1/", strings.Repeat("a://", 100), "ſvc.ſ.svc", "K.data.svc",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		found := leastpriv.FindNames(text, "home", "cluster.local")
		seen := map[leastpriv.Name]bool{}
		lower := strings.ToLower(text)
		for _, n := range found {
			require.False(t, seen[n], "%v is there twice", n)
			seen[n] = true
			require.Contains(t, lower, n.Service+n.Pod, "a name that the text does not hold")
			require.NotEqual(t, n.Service == "", n.Pod == "", "%v", n)
			for _, part := range []string{n.Service + n.Pod, n.Namespace} {
				require.Regexp(t, `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`, part)
			}
			require.True(t, !n.Implied || n.Port == 80 || n.Port == 443)
		}
		require.Equal(t, found, leastpriv.FindNames(text, "home", "cluster.local"), "the same text has the same names")
		// What follows a line's end changes nothing that was found before it, and a long form after it is found.
		more := leastpriv.FindNames(text+"\nlast.one.svc:7", "home", "cluster.local")
		if len(text) < leastpriv.TextLimit-20 {
			require.Subset(t, more, found)
			require.Contains(t, more, leastpriv.Name{Service: "last", Namespace: "one", Port: 7})
		}
	})
}
