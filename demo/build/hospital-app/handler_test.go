package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHospitalAnswers(t *testing.T) {
	for _, row := range []struct {
		name, method, path string
		status             int
		body               string
	}{
		{"a patient by id", "GET", "/patients/3", 200, `"name":"Cleo Sample"`},
		{"every record says that it is fictional", "GET", "/patients/10", 200, `"fictional":true`},
		{"an id past the end", "GET", "/patients/11", 404, "no patient 11"},
		{"an id that is no number", "GET", "/patients/x", 400, "not a number"},
		{"health", "GET", "/healthz", 200, "ok"},
		{"nothing is written here", "POST", "/patients", 405, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			recorder := httptest.NewRecorder()
			newHandler(patients()).ServeHTTP(recorder, httptest.NewRequest(row.method, row.path, nil))
			require.Equal(t, row.status, recorder.Code)
			require.Contains(t, recorder.Body.String(), row.body)
		})
	}
}

func TestTheWholeFileIsTenPatients(t *testing.T) {
	recorder := httptest.NewRecorder()
	newHandler(patients()).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/patients", nil))
	var file []Patient
	require.NoError(t, json.Unmarshal(recorder.Body.Bytes(), &file))
	require.Len(t, file, 10)
}
