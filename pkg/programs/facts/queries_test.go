package facts_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/programs/facts"
	"data-space.liqo.io/pkg/values/agentapi"
	"data-space.liqo.io/pkg/values/fact"
)

// served serves a log of three pods' facts as the agent does. It is stopped with the test.
func served(t *testing.T) (e *facts.Emitter, server *httptest.Server, folder string) {
	t.Helper()
	folder = filepath.Join(t.TempDir(), "facts")
	e, stop := run(t, config(folder))
	server = httptest.NewServer(e.Handler())
	require.Empty(t, asked(t, server, agentapi.FactQuery{Guest: "nobody"}), "also before the log has begun")
	t.Cleanup(func() { server.Close(); stop() })
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for i := range 3 {
		e.Emit(fact.Fact{Time: at.Add(time.Duration(i) * time.Hour), Kind: fact.PodStateChanged,
			Subject: fact.Subject{Guest: "pharma", Namespace: "pharma-space", Pod: fmt.Sprintf("study-%d", i)}})
	}
	for began := time.Now(); len(asked(t, server, agentapi.FactQuery{Namespace: "pharma-space"})) < 3; time.Sleep(10 * time.Millisecond) {
		require.Less(t, time.Since(began), patience)
	}
	return e, server, folder
}

func get(t *testing.T, server *httptest.Server, path string, query url.Values) (status int, body io.Reader) {
	t.Helper()
	answer, err := http.Get(server.URL + path + "?" + query.Encode())
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer.StatusCode, answer.Body
}

func asked(t *testing.T, server *httptest.Server, q agentapi.FactQuery) []fact.Recorded {
	t.Helper()
	var all []fact.Recorded
	_, body := get(t, server, agentapi.FactsPath, q.Values())
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		r, err := fact.Decode(lines.Bytes())
		require.NoError(t, err, lines.Text())
		all = append(all, r)
	}
	return all
}

func TestAQueryChoosesLinesAsTheyAre(t *testing.T) {
	_, server, _ := served(t)
	at := time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	pods := func(q agentapi.FactQuery) (names []string) {
		q.Kinds = []string{string(fact.PodStateChanged)}
		for _, r := range asked(t, server, q) {
			names = append(names, r.Subject.Pod)
		}
		return names
	}
	require.Equal(t, []string{"study-0", "study-1", "study-2"}, pods(agentapi.FactQuery{}))
	require.Equal(t, []string{"study-1", "study-2"}, pods(agentapi.FactQuery{Since: at}))
	require.Equal(t, []string{"study-0", "study-1"}, pods(agentapi.FactQuery{Until: at}))
	require.Equal(t, []string{"study-2"}, pods(agentapi.FactQuery{Pod: "study-2", Guest: "pharma"}))
	require.Equal(t, []string{"study-1", "study-2"}, pods(agentapi.FactQuery{Last: 2}))
	require.Empty(t, pods(agentapi.FactQuery{Guest: "other"}))
	for _, wrong := range []url.Values{{"since": {"yesterday"}}, {"last": {"0"}}, {"last": {"1000000"}}} {
		status, _ := get(t, server, agentapi.FactsPath, wrong)
		require.Equal(t, http.StatusBadRequest, status, wrong)
	}
}

func TestAFollowerReadsWhatIsRecordedFromThenOn(t *testing.T) {
	e, server, _ := served(t)
	_, body := get(t, server, agentapi.FactsPath, agentapi.FactQuery{Follow: true, Last: 1, Guest: "pharma"}.Values())
	lines := bufio.NewScanner(body)
	next := func() string {
		require.True(t, lines.Scan(), lines.Err())
		for len(lines.Bytes()) == 0 { // a sign of life
			require.True(t, lines.Scan(), lines.Err())
		}
		r, err := fact.Decode(lines.Bytes())
		require.NoError(t, err)
		return r.Subject.Pod
	}
	require.Equal(t, "study-2", next())
	e.Emit(fact.Fact{Kind: fact.PodStateChanged, Subject: fact.Subject{Guest: "other", Pod: "another"}})
	e.Emit(fact.Fact{Kind: fact.PodStateChanged, Subject: fact.Subject{Guest: "pharma", Pod: "study-3"}})
	require.Equal(t, "study-3", next())
}

// A part of the log that cannot be read must not look as if nothing had happened then.
func TestAnAnswerThatCannotGoOnIsNotTakenForTheWhole(t *testing.T) {
	_, server, folder := served(t)
	_, body := get(t, server, agentapi.FactsPath, nil)
	_, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "lines", fmt.Sprintf("%020d.jsonl", 1_000_000)), 0o700)) // a segment that cannot be read
	_, body = get(t, server, agentapi.FactsPath, nil)
	text, err := io.ReadAll(body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Contains(t, string(text), "study-2")
	require.NotContains(t, string(text), "is a directory")
}

func TestProofsAndContinuationsAreVerifiedByThoseWhoAsk(t *testing.T) {
	_, server, folder := served(t)
	keys, err := factlog.Folder(folder).Keys()
	require.NoError(t, err)
	known, err := factlog.Verifiers(keys)
	require.NoError(t, err)
	var signed translog.Checkpoint
	require.Eventually(t, func() bool {
		text, err := factlog.Folder(folder).Checkpoint()
		if err == nil {
			signed, err = factlog.Unverified(text)
		}
		return err == nil && signed.N >= 3
	}, patience, 10*time.Millisecond)

	_, proofs := get(t, server, agentapi.ProofsPath, url.Values{"index": {"1", "2", "999"}})
	answers := json.NewDecoder(proofs)
	for _, index := range []int64{1, 2} {
		var p agentapi.FactProof
		require.NoError(t, answers.Decode(&p))
		require.Empty(t, p.Problem)
		proof, err := translog.ParseProof([]byte(p.Proof))
		require.NoError(t, err)
		require.Equal(t, index, proof.Index)
		_, _, err = proof.Check(known)
		require.NoError(t, err)
	}
	var none agentapi.FactProof
	require.NoError(t, answers.Decode(&none))
	require.NotEmpty(t, none.Problem)

	verifier, err := note.NewVerifier(keys[0])
	require.NoError(t, err)
	_, continued := get(t, server, agentapi.ContinuedPath, url.Values{"from": {"0"}})
	text, err := io.ReadAll(continued)
	require.NoError(t, err)
	s, err := translog.ParseSubmission(text)
	require.NoError(t, err)
	_, _, err = translog.Judge(s, map[string][]note.Verifier{signed.Origin: {verifier}}, func(string) (translog.Checkpoint, error) { return translog.Checkpoint{}, nil })
	require.NoError(t, err)
}
