package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestReadDone: what is whole is done, and a torn last line is not.
func TestReadDone(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		content string
		done    []string
		whole   int
		damaged bool
	}{
		{"", nil, 0, false},
		{"1\tAAAA\n", []string{"1"}, 7, false},
		{"1\tAAAA\nrow 7\tAAAA\n", []string{"1", "row 7"}, 18, false},
		{"1\tAAAA\n2\tAAAA", []string{"1"}, 7, false},
		{"1\tAAAA\n2", []string{"1"}, 7, false},
		{"1\tAAAA\n\x00\x00\x00", []string{"1"}, 7, false},
		{"1\tAAAA\n\n", nil, 0, true},
		{"1\tAAA\n", nil, 0, true},
		{"1\t\n", nil, 0, true},
		{"1\n", nil, 0, true},
		{"\tAAAA\n", nil, 0, true},
		{"1\tAAAA\t\n", nil, 0, true},
		{"1\t" + strings.Repeat("A", maxLine) + "\n", nil, 0, true},
	} {
		done, whole, err := readDone(strings.NewReader(test.content))
		if (err != nil) != test.damaged || whole != int64(test.whole) || len(done) != len(test.done) {
			t.Errorf("%.30q: %d lines, %d bytes, %v", test.content, len(done), whole, err)
		}
		for _, id := range test.done {
			if _, ok := done[digestOfID(id)]; !ok {
				t.Errorf("%q: %q is not done", test.content, id)
			}
		}
	}
}

// TestBlobs: each line has an ID of its own.
func TestBlobs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ content, want string }{
		{"", ""},
		{"AAAA\n\n  \nBBBB", "1=AAAA 4=BBBB"},
		{"AAAA\r\nx\tBBBB\r\n", "1=AAAA x=BBBB"},
		{"a b\tAAAA \n", "a b=AAAA"},
		{"x\tAAAA\nx\tBBBB\n", "two lines have the ID"},
		{"2\tAAAA\nBBBB\n", "two lines have the ID"},
		{"\tAAAA\n", "the ID is empty"},
		{strings.Repeat("A", maxLine+1), "line 1: "},
	} {
		name := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(name, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		var lines []string
		b, err := openBlobs(name)
		if err == nil {
			err = b.each(func(id string, blob []byte) error {
				lines = append(lines, id+"="+string(blob))
				return nil
			})
			b.file.Close()
		}
		if err != nil {
			if test.want == "" || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%.30q: %v, want %q", test.content, err, test.want)
			}
			continue
		}
		if got := strings.Join(lines, " "); got != test.want || b.lines != len(lines) {
			t.Errorf("%q: %q, want %q", test.content, got, test.want)
		}
	}
}

// TestReencryptedIsOneWork: a file goes on only with the work that began it, for one
// run at a time, and takes no other file's place.
func TestReencryptedIsOneWork(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "out")
	o, err := openReencrypted(name, "a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openReencrypted(name, "a"); err == nil {
		t.Error("two runs write one file")
	}
	if err := errors.Join(o.add("1", []byte("blob")), o.fail("2", &kmsError{Code: "C", Message: "a\tb\n"}), o.close()); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(o.errorsName()); err != nil || string(b) != "2\tC\ta\uFFFDb\uFFFD\n" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := openReencrypted(name, "b"); err == nil {
		t.Error("another work goes on in the file")
	}
	again, err := openReencrypted(name, "a")
	if err != nil || !again.has("1") || again.has("2") {
		t.Fatalf("%v", err)
	}
	if err := again.close(); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openReencrypted(other, "a"); err == nil {
		t.Error("a file of somebody else is written")
	}
}

// TestReadAnswer: what is a line's error, what may pass, and what ends the run.
func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status        int
		body, code    string
		passing, ends bool
		noKMS         bool
	}{
		{200, `{"CiphertextBlob":"AAAA"}`, "", false, false, false},
		{200, `{}`, "", false, false, true},
		{200, `<html>`, "", false, false, true},
		{307, ``, "", false, false, true},
		{404, `<html>`, "", false, false, true},
		{400, `{"__type":"InvalidCiphertextException"}`, "InvalidCiphertextException", false, false, false},
		{400, `{"__type":"com.amazonaws.kms#AccessDeniedException","message":"no"}`, "AccessDeniedException", false, false, false},
		{400, `{"__type":"ThrottlingException"}`, "ThrottlingException", true, false, false},
		{400, `{"__type":"ExpiredTokenException"}`, "ExpiredTokenException", false, true, false},
		{500, `{"__type":"KMSInternalException"}`, "KMSInternalException", true, false, false},
		{503, `<html>`, "HTTP503", true, false, false},
	} {
		blob, refused, err := readAnswer(test.status, []byte(test.body))
		if (err != nil) != test.noKMS || (blob != nil) != (test.code == "" && !test.noKMS) || (refused != nil) != (test.code != "") {
			t.Errorf("%d %s: %q, %v, %v", test.status, test.body, blob, refused, err)
			continue
		}
		if refused != nil && (refused.Code != test.code || refused.passing() != test.passing || refused.endsRun() != test.ends) {
			t.Errorf("%d %s: %+v", test.status, test.body, refused)
		}
	}
}

// way is what stands between a client and the service.
type way func(attempt int) (status int, body string, err error)

// TestReEncryptTriesAgain: what may pass is tried again, so many times; a line's own
// error is not, and a way that stays cut is an error of the run.
func TestReEncryptTriesAgain(t *testing.T) {
	t.Parallel()
	const good, throttled, bad = `{"CiphertextBlob":"AAAA"}`, `{"__type":"ThrottlingException"}`, `{"__type":"InvalidCiphertextException"}`
	cut := errors.New("connection refused")
	for _, test := range []struct {
		name     string
		way      way
		attempts int
		code     string
		cut      bool
	}{
		{"at once", func(int) (int, string, error) { return 200, good, nil }, 1, "", false},
		{"throttled, then not", func(n int) (int, string, error) {
			return []int{400, 400, 200}[n-1], []string{throttled, throttled, good}[n-1], nil
		}, 3, "", false},
		{"cut, then not", func(n int) (int, string, error) { return 200, good, []error{cut, nil}[n-1] }, 2, "", false},
		{"throttled for good", func(int) (int, string, error) { return 400, throttled, nil }, callAttempts, "ThrottlingException", false},
		{"down for good", func(int) (int, string, error) { return 503, "", nil }, callAttempts, "HTTP503", false},
		{"cut for good", func(int) (int, string, error) { return 0, "", cut }, callAttempts, "", true},
		{"bad", func(int) (int, string, error) { return 400, bad, nil }, 1, "InvalidCiphertextException", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			attempts := 0
			k := kmsClient{endpoint: "http://kms.invalid", region: "eu-west-1", accessKey: "a", secret: "b", now: time.Now}
			k.http = &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
				attempts++
				if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/aws4_request") {
					t.Errorf("%s: not signed", test.name)
				}
				status, body, err := test.way(attempts)
				if err != nil {
					return nil, err
				}
				return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
			})}
			blob, err := k.reEncrypt(t.Context(), &reEncryptRequest{CiphertextBlob: []byte("x"), DestinationKeyID: "k"})
			refused, _ := errors.AsType[*kmsError](err)
			if attempts != test.attempts || (blob != nil) != (err == nil) || errors.Is(err, cut) != test.cut ||
				(refused != nil) != (test.code != "") || refused != nil && refused.Code != test.code {
				t.Errorf("%s: %d attempts, %q, %v", test.name, attempts, blob, err)
			}
		})
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
