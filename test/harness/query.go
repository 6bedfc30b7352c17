package harness

import (
	"net/http"
	"net/url"
	"testing"
)

// MustQuery sends a request of the Query protocol, to iam or sts, that has to
// succeed, and returns the answer's XML. values are the parameters besides Action
// and Version.
func (s *Server) MustQuery(t testing.TB, who Who, service, action string, values map[string]string) string {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service]}}
	for name, value := range values {
		form.Set(name, value)
	}
	res := s.Do(t, Request{Operation: action, Body: form.Encode(), Who: who, Service: service})
	if res.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", action, res.Status, res.Body)
	}
	return string(res.Body)
}
