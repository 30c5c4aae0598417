package facts_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/record"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/effects/recordfile"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/apis"
	"data-space.liqo.io/pkg/values/fact"
)

// requests writes a guest's record.
type requests struct {
	*testing.T
	folder string
	*recordfile.File
	n int
}

func newRequests(t *testing.T, folder string) *requests {
	t.Helper()
	f, err := recordfile.Open(filepath.Join(folder, "pharma"), recordfile.Limits{Total: 64 << 20, Segment: 4 << 20})
	require.NoError(t, err)
	return &requests{T: t, folder: folder, File: f}
}

// entry is a line that a container writes now.
func entry(source record.Source, text string) record.Entry {
	return entryAt(source, text, time.Now())
}

func entryAt(source record.Source, text string, at time.Time) record.Entry {
	return record.Line(source, record.Position{File: "0", Offset: 1}, record.Piece{Time: at.UTC().Format(time.RFC3339Nano), Stream: "stdout", Content: []byte(text)}, 0)
}

func (r *requests) line(source record.Source, text string) { r.lineAt(source, text, time.Now()) }

func (r *requests) lineAt(source record.Source, text string, at time.Time) {
	require.NoError(r, r.Append([]record.Entry{entryAt(source, text, at)}))
}

// ask writes the two lines of a request of a pod.
func (r *requests) ask(pod string) { r.askAt(pod, time.Now()) }

func (r *requests) askAt(pod string, at time.Time) {
	r.n++
	source := record.Source{Guest: "pharma", Namespace: "pharma-space", Pod: pod, UID: "u-" + pod, Container: apis.ProxyContainerName}
	key := fmt.Sprintf("%d.1764435600123456", r.n)
	value := strings.Join([]string{key, "egress", "http", "HTTP/1.1", "192.0.2.1:5", "192.0.2.9:80", "GET", "h", fmt.Sprintf("/%d", r.n)}, "\n")
	text, err := json.Marshal("Created the filter state 'begin' from value '" + value + "'")
	require.NoError(r, err)
	r.lineAt(source, `{"event":"config","level":"debug","text":`+string(text)+`}`, at)
	r.lineAt(source, "E "+key+" 200 - via_upstream 3 2 12 99 192.0.2.9:80", at)
}

func (r *requests) report(to func(string, fact.Place)) {
	require.NoError(r, r.Sync())
	to("pharma", r.Synced())
}

// joined waits until the log of the guest has come to a place, and returns its requests.
func joined(t *testing.T, folder string, count int) []fact.Recorded {
	t.Helper()
	var all []fact.Recorded
	require.Eventually(t, func() bool {
		all = nil
		var happened int64
		if _, err := os.Stat(facts.GuestFolder(folder, "pharma")); err != nil {
			return false
		}
		for _, f := range recorded(t, facts.GuestFolder(folder, "pharma")) {
			if f.Kind == fact.Requested {
				all = append(all, f)
				happened++
			}
			if f.Kind == fact.FactsCounted {
				happened += f.Count
			}
		}
		return happened >= int64(count)
	}, patience, 20*time.Millisecond)
	return all
}

func TestTheBeginningAndTheEndOfARequestAreOneFact(t *testing.T) {
	folder, folderOfRequests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	e, stop := runGuests(t, config(folder), folderOfRequests)
	r.ask("study")
	r.line(record.Source{Guest: "pharma", Namespace: apis.SystemNamespace, Pod: apis.ResolverName + "-1", Container: apis.ResolverContainerName},
		"[INFO] pod=pharma-space/study client=192.0.2.1 proto=udp opcode=0 class=IN type=A rcode=NOERROR name=a.example. name=x")
	r.report(e.Synced)
	all := joined(t, folder, 1)
	require.Len(t, all, 1)
	require.Equal(t, fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: "study", UID: "u-study"}, all[0].Subject)
	require.Equal(t, &fact.Request{
		Direction: "egress", Caller: "192.0.2.1:5", Destination: "192.0.2.9:80", Method: "GET", Authority: "h", Path: "/1", Protocol: "HTTP/1.1",
		Status: "200", Received: 3, Sent: 2, Duration: 12,
	}, all[0].Request)
	stop()
	var name *fact.Request
	for _, f := range recorded(t, facts.GuestFolder(folder, "pharma")) {
		if f.Kind == fact.NameAsked {
			name = f.Request
			require.Equal(t, "study", f.Subject.Pod)
		}
	}
	require.Equal(t, &fact.Request{Caller: "192.0.2.1", Authority: "a.example. name=x", Protocol: "A", Status: "NOERROR"}, name)
}

// runGuests runs an emitter with logs of guests until the returned function is called.
func runGuests(t *testing.T, c facts.Config, record string) (g *facts.GuestLogs, stop func()) {
	t.Helper()
	e := newEmitter(c)
	g = e.Guests(record)
	return g, start(t, e)
}

// kill copies what the disk has, as kill -9 leaves it. The guest's log is copied before the node's: its facts are written later.
func kill(t *testing.T, folder string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "facts")
	for _, f := range []string{".guests", ""} {
		err := os.CopyFS(to+f, os.DirFS(folder+f))
		for errors.Is(err, fs.ErrNotExist) { // a draft got its name meanwhile
			require.NoError(t, os.RemoveAll(to+f))
			err = os.CopyFS(to+f, os.DirFS(folder+f))
		}
		require.NoError(t, err)
	}
	return to
}

func TestHoweverOftenTheAgentIsKilledEachRequestIsRecordedOrCountedOnce(t *testing.T) {
	folder, folderOfRequests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	refused := 0
	for range 5000 { // at once: more than its rate
		r.ask("loud")
	}
	for range 4 {
		g, stop := runGuests(t, config(folder), folderOfRequests)
		until := time.Now().Add(1500 * time.Millisecond) // in which a part is joined
		for time.Now().Before(until) {
			for i := range 40 {
				r.ask("loud")
				if i%20 == 0 {
					r.ask("quiet")
				}
			}
			refused++
			line, err := fact.Encode(0, fact.Fact{Kind: fact.AdmissionRefused, Reason: fmt.Sprint(refused), Subject: fact.Subject{Guest: "pharma"}})
			require.NoError(t, err)
			r.line(record.Source{Guest: "pharma", Namespace: apis.SystemNamespace, Pod: "data-space-webhook-1", Container: "webhook"}, fact.LinePrefix+string(line))
			r.report(g.Synced)
			time.Sleep(20 * time.Millisecond)
		}
		killed := kill(t, folder)
		stop()
		folder = killed
	}
	g, stop := runGuests(t, config(folder), folderOfRequests)
	r.report(g.Synced)
	joined(t, folder, 0)
	require.Eventually(t, func() bool {
		n := 0
		for _, f := range recorded(t, folder) {
			if f.Kind == fact.AdmissionRefused {
				n++
			}
		}
		return n >= refused
	}, patience, 50*time.Millisecond)
	stop()
	of, counted := map[string]int{}, int64(0)
	for _, f := range recorded(t, facts.GuestFolder(folder, "pharma")) {
		if f.Kind == fact.Requested {
			of[f.Request.Path]++
			require.Equal(t, "GET", f.Request.Method, "the beginning of each is found")
		}
		if f.Kind == fact.FactsCounted {
			counted += f.Count
		}
	}
	for path, n := range of {
		require.Equal(t, 1, n, path)
	}
	require.EqualValues(t, r.n, int64(len(of))+counted)
	require.Positive(t, counted, "the pod is louder than its rate")
	seen := map[string]int{}
	for _, f := range recorded(t, folder) {
		if f.Kind == fact.AdmissionRefused {
			seen[f.Reason]++
		}
	}
	require.Len(t, seen, refused)
	for reason, n := range seen {
		require.Equal(t, 1, n, reason)
	}
}

func TestARequestThatIsChangedInTheGuestsLogIsFoundByTheNodesLog(t *testing.T) {
	folder, folderOfRequests := filepath.Join(t.TempDir(), "facts"), t.TempDir()
	r := newRequests(t, folderOfRequests)
	g, stop := runGuests(t, config(folder), folderOfRequests)
	for range 20 {
		r.ask("study")
	}
	r.report(g.Synced)
	require.Len(t, joined(t, folder, 20), 20)
	stop()
	v, err := facts.Verify(folder, nil, nil, "")
	require.NoError(t, err)
	require.Empty(t, v.Flaws)
	require.Len(t, v.Guests, 1)
	require.Positive(t, v.Guests[0].Parts, "the node's log has a state of it")

	t.Run("each request is proven to a stranger", func(t *testing.T) {
		of := facts.GuestFolder(folder, "pharma")
		keys, err := factlog.Folder(of).Keys()
		require.NoError(t, err)
		for _, f := range recorded(t, of) {
			if f.Kind != fact.Requested {
				continue
			}
			var proof, told bytes.Buffer
			require.NoError(t, facts.Prove(&proof, of, f.Index))
			require.LessOrEqual(t, proof.Len(), 2048)
			require.NoError(t, facts.Check(&told, &proof, keys, nil))
			require.Contains(t, told.String(), `"path":"`+f.Request.Path+`"`)
		}
	})
	t.Run("root writes the guest's log again as a whole", func(t *testing.T) {
		of := facts.GuestFolder(folder, "pharma")
		all := recorded(t, of)
		key, err := os.ReadFile(filepath.Join(of, "key"))
		require.NoError(t, err)
		keys, err := os.ReadFile(filepath.Join(of, "keys"))
		require.NoError(t, err)
		require.NoError(t, os.RemoveAll(of))
		require.NoError(t, os.MkdirAll(of, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(of, "key"), key, 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(of, "keys"), keys, 0o600))
		l, err := factlog.Open(of, config(folder).Options)
		require.NoError(t, err)
		for _, f := range all[1:] {
			if f.Request != nil {
				f.Request.Path = "/innocent"
			}
			_, err := l.Append([]fact.Fact{f.Fact})
			require.NoError(t, err)
		}
		require.NoError(t, l.Close())
		a, _, err := factlog.Folder(of).Audit(nil)
		require.NoError(t, err)
		require.Empty(t, a.Flaws, "by itself it is intact")
		v, err := facts.Verify(folder, nil, nil, "")
		require.NoError(t, err)
		require.NotEmpty(t, v.Flaws)
	})
	t.Run("it is removed", func(t *testing.T) {
		require.NoError(t, os.RemoveAll(facts.GuestFolder(folder, "pharma")))
		v, err := facts.Verify(folder, nil, nil, "")
		require.NoError(t, err)
		require.NotEmpty(t, v.Flaws)
	})
}
