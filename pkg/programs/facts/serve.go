package facts

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"

	"data-space.liqo.io/pkg/decisions/translog"
	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/agentapi"
)

// Handler answers with the state of the log, and serves the log itself.
func (e *Emitter) Handler() http.Handler {
	if e == nil {
		return http.NotFoundHandler()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+agentapi.RecordPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(e.Status()) // the client has gone
	})
	mux.HandleFunc("GET "+agentapi.LogPath, func(w http.ResponseWriter, r *http.Request) {
		text, err := serve(factlog.Folder(e.Folder), strings.TrimPrefix(r.URL.Path, agentapi.LogPath))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(text) //nolint:gosec // bytes for programs; as above
	})
	mux.HandleFunc("POST "+agentapi.RotatePath, e.answerRotate)
	e.serveQueries(mux)
	return mux
}

// serve returns what a log has at a path.
func serve(f factlog.Folder, path string) ([]byte, error) {
	if path == "checkpoint" {
		return f.Checkpoint()
	}
	t, err := translog.ParseTilePath(path)
	if err != nil {
		return nil, err
	}
	return f.Tile(t)
}

// Status returns the state of the log, read from its folder.
func (e *Emitter) Status() agentapi.RecordStatus {
	f := factlog.Folder(e.Folder)
	s := agentapi.RecordStatus{Node: e.Options.Node}
	problem := func(err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) && s.Problem == "" {
			s.Problem = err.Error()
		}
	}
	if failed, ok := e.failing.Load().(string); ok {
		s.Problem = failed
	}
	var err error
	s.Keys, err = f.Keys()
	problem(err)
	signed, err := f.Checkpoint()
	problem(err)
	if c, err := factlog.Unverified(signed); err == nil {
		s.Origin, s.Signed = c.Origin, c.N
	}
	s.Checkpoint = string(signed)
	cosigned, err := f.Cosigned()
	problem(err)
	s.Cosigned = string(cosigned)
	segments, err := f.Segments()
	problem(err)
	if len(segments) > 0 {
		s.Oldest = segments[0].First
	}
	s.Lines = e.lines.Load()
	s.Witnesses = e.witnesses()
	guests, err := guestFolders(e.Folder)
	problem(err)
	for _, guest := range guests {
		g := agentapi.GuestLog{Guest: guest}
		of := factlog.Folder(guestFolder(e.Folder, guest))
		g.Keys, err = of.Keys()
		problem(err)
		if signed, err := of.Checkpoint(); err == nil {
			c, err := factlog.Unverified(signed)
			g.Origin, g.Signed = c.Origin, c.N
			problem(err)
		}
		s.Guests = append(s.Guests, g)
	}
	return s
}
