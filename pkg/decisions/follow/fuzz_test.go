package follow_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/decisions/follow"
)

// seeds are what the tables send.
func seeds() (all [][2]string) {
	for _, row := range table() {
		var both [2]string
		for _, s := range row.steps {
			if s[0] == '>' {
				both[0] += s[2:]
			} else {
				both[1] += s[2:]
			}
		}
		all = append(all, both)
	}
	return append(all, [2]string{"GET /x HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
		[2]string{"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", ""}, [2]string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"})
}

// FuzzRequests compares with net/http: of what both read, they read the same. net/http refuses more, and accepts more spellings.
func FuzzRequests(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s[0]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		isClear, requests := true, []follow.Event(nil)
		for _, e := range (&follow.Connection{}).Sent(data) {
			switch {
			case e.Kind == follow.Named || e.Kind == follow.Unread && e.Side == follow.Requests:
				isClear = false
			case e.Kind == follow.Began && isClear && strings.HasPrefix(e.Protocol, "HTTP/1."):
				requests = append(requests, e)
			}
		}
		if !isClear && len(requests) > 0 {
			requests = requests[:len(requests)-1] // the last of them was not clear
		}
		compare(t, data, requests)
	})
}

func compare(t *testing.T, data []byte, requests []follow.Event) {
	t.Helper()
	reader := bufio.NewReader(bytes.NewReader(data))
	for _, ours := range requests {
		for next, err := reader.Peek(2); err == nil && string(next) == "\r\n"; next, err = reader.Peek(2) {
			_, _ = reader.Discard(2)
		}
		theirs, err := http.ReadRequest(reader)
		if err != nil {
			return // net/http refuses it
		}
		require.Equal(t, theirs.Method, ours.Method)
		if ours.Cut {
			require.True(t, strings.HasPrefix(theirs.RequestURI, ours.Path) && strings.HasPrefix(theirs.Host, ours.Authority))
		} else {
			require.Equal(t, theirs.RequestURI, ours.Path)
		}
		require.Equal(t, theirs.Proto, ours.Protocol)
		if theirs.URL.Host == "" && !ours.Cut && theirs.Host != "" {
			require.Equal(t, theirs.Host, ours.Authority)
		}
		if _, err := io.Copy(io.Discard, theirs.Body); err != nil {
			return
		}
	}
}

// FuzzPieces sends the same bytes whole and in pieces: the events are the same, and nothing that is remembered exceeds its bound.
func FuzzPieces(f *testing.F) {
	for i, s := range seeds() {
		f.Add([]byte(s[0]), []byte(s[1]), uint8(i))
	}
	f.Fuzz(func(t *testing.T, sent, answered []byte, size uint8) {
		pieces := func(data string) (all []string) {
			for n := int(size)%7 + 1; len(data) > n; data = data[n:] {
				all = append(all, data[:n])
			}
			return append(all, data)
		}
		steps := []step{"> " + string(sent), "< " + string(answered), "> " + string(sent)}
		require.Equal(t, shown(play(&follow.Connection{}, steps, whole)), shown(play(&follow.Connection{}, steps, pieces)))
	})
}

// FuzzAnswers compares the answers with net/http's reading of them.
func FuzzAnswers(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &follow.Connection{}
		c.Sent([]byte(strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 16)))
		reader := bufio.NewReader(bytes.NewReader(data))
		events := append(c.Answered(data), c.Closed()...)
		var read []follow.Event
		for _, e := range events {
			if e.Status > 0 {
				read = append(read, e)
			} else if e.Kind == follow.Unread && len(read) > 0 {
				read = read[:len(read)-1] // the last of them was not clear
			}
		}
		for _, e := range read {
			status, size, err := finalAnswer(reader)
			if err != nil {
				return // net/http refuses it
			}
			require.Equal(t, status, e.Status)
			if size >= 0 {
				require.Equal(t, size, e.AnswerBytes)
			}
		}
	})
}

// finalAnswer reads one answer behind those of 1xx; the size of a body in chunks is -1.
func finalAnswer(reader *bufio.Reader) (status int, size int64, err error) {
	for status < 200 && status != http.StatusSwitchingProtocols {
		answer, err := http.ReadResponse(reader, &http.Request{Method: http.MethodGet})
		if err != nil {
			return 0, 0, err
		}
		status = answer.StatusCode
		if size, err = io.Copy(io.Discard, answer.Body); err != nil {
			return 0, 0, err
		}
		_ = answer.Body.Close()
		if len(answer.TransferEncoding) > 0 {
			size = -1
		}
	}
	return status, size, nil
}
