package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
