package facts

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"data-space.liqo.io/pkg/effects/factlog"
	"data-space.liqo.io/pkg/values/fact"
)

// Query chooses facts.
type Query struct {
	Guest, Pod string        // cluster ID; namespace/name; empty: all
	Kind       string        // empty: all
	Within     time.Duration // how far back; 0: all
	JSON       bool          // print the lines as they are

	since time.Time
}

// List prints facts of the node's log and of the guests' logs, log by log, oldest first.
func List(w io.Writer, folder string, q Query) error {
	if _, err := logIn(folder); err != nil {
		return err
	}
	if q.Within > 0 {
		q.since = time.Now().Add(-q.Within)
	}
	logs := []string{folder}
	guests, err := guestFolders(folder)
	if err != nil {
		return err
	}
	for _, guest := range guests {
		if q.Guest == "" || q.Guest == guest {
			logs = append(logs, guestFolder(folder, guest))
		}
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if !q.JSON {
		fmt.Fprintln(t, "TIME\tGUEST\tPOD\tINDEX\tKIND\tWHAT")
	}
	for _, log := range logs {
		err := factlog.Folder(log).Lines(0, func(_ int64, line []byte) error {
			r, err := fact.Decode(line)
			if err != nil || !q.chooses(r.Fact) {
				return nil //nolint:nilerr // verify reports a line that is not a fact
			}
			return q.print(t, w, line, r)
		})
		if err != nil {
			return err
		}
	}
	return t.Flush()
}

func (q Query) chooses(f fact.Fact) bool {
	return (q.Guest == "" || q.Guest == f.Subject.Guest) && (q.Kind == "" || q.Kind == string(f.Kind)) && (q.Pod == "" || q.Pod == f.Subject.Namespace+"/"+f.Subject.Pod) &&
		!f.Time.Before(q.since)
}

func (q Query) print(table, raw io.Writer, line []byte, r fact.Recorded) error {
	if q.JSON {
		_, err := fmt.Fprintf(raw, "%s\n", line)
		return err
	}
	pod := "-"
	if r.Subject.Pod != "" {
		pod = r.Subject.Namespace + "/" + r.Subject.Pod
	}
	guest := r.Subject.Guest
	if guest == "" {
		guest = "-"
	}
	_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%s\t%s\n", r.Time.Format("2006-01-02T15:04:05.000Z07:00"), guest, pod, r.Index, r.Kind, what(r.Fact))
	return err
}

// widest bounds what the table shows of a fact; its texts are printable.
const widest = 100

// what is a fact in a few words.
func what(f fact.Fact) string {
	text := f.Message
	if q := f.Request; q != nil {
		by := "server"
		if q.Proxy != "" {
			by = "proxy: " + q.Proxy
		}
		words := []string{q.Direction, q.Method, q.Authority + q.Path, q.Destination, q.Status, by}
		if q.Probe {
			words = append(words, "probe")
		}
		if f.Kind == fact.NameAsked {
			words = []string{q.Protocol, q.Authority, q.Status}
		}
		text = strings.Join(strings.Fields(strings.Join(words, " ")), " ")
	}
	if f.Reason != "" && f.Request == nil {
		text = f.Reason + ": " + text
	}
	if f.Count > 1 {
		text = strconv.FormatInt(f.Count, 10) + "x " + text
	}
	if cut := []rune(text); len(cut) > widest {
		text = string(cut[:widest]) + "…"
	}
	return text
}
