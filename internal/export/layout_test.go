package export

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// logFileJSON is what a consumer reads of a log file.
type logFileJSON struct {
	Records []struct{ EventID, EventTime, AwsRegion, RecipientAccountID string }
}

// digestJSON is CloudTrail's digest file.
type digestJSON struct {
	AwsAccountID, DigestStartTime, DigestEndTime, DigestS3Bucket, DigestS3Object, DigestPublicKeyFingerprint, DigestSignatureAlgorithm string
	NewestEventTime, OldestEventTime                                                                                                   string
	PreviousDigestS3Bucket, PreviousDigestS3Object, PreviousDigestHashValue, PreviousDigestSignature                                   *string
	PreviousDigestHashAlgorithm                                                                                                        string
	LogFiles                                                                                                                           []struct{ S3Bucket, S3Object, HashValue, HashAlgorithm, NewestEventTime, OldestEventTime string }
}

func gunzip(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// readFolder returns the files below a folder by their names.
func readFolder(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		files[name] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func names(files map[string][]byte, part string) (all []string) {
	for name := range files {
		if strings.Contains(name, part) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

var logName = regexp.MustCompile(`^AWSLogs/(\d{12})/CloudTrail/([a-z0-9-]+)/2026/11/2[34]/\d{12}_CloudTrail_[a-z0-9-]+_202611\d\dT\d{4}Z_[A-Z0-9]{16}\.json\.gz$`)

// TestFolder: a file an account, Region and day, each record in one of them.
func TestFolder(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	w.append(3, "111122223333")
	w.append(2, "444455556666")
	w.append(1, "")           // an event of the whole service
	w.append(1, "../../evil") // never, but a name is made of it
	w.advance(16 * time.Hour) // another day
	w.append(2, "111122223333")
	w.sign()
	mustRound(t, w.exporter(Export{Name: "a", Folder: folder}))
	var got []string
	files := readFolder(t, folder)
	for name, b := range files {
		m := logName.FindStringSubmatch(name)
		var l logFileJSON
		if err := json.Unmarshal(gunzip(t, b), &l); err != nil || m == nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, r := range l.Records {
			got = append(got, r.EventID)
			if r.AwsRegion != m[2] || r.RecipientAccountID != m[1] && m[1] != noAccount || !strings.Contains(name, "/"+strings.ReplaceAll(r.EventTime[:10], "-", "/")+"/") {
				t.Errorf("%s holds %+v", name, r)
			}
		}
	}
	slices.Sort(got)
	mustEqual(t, "records", got, ids(1, 1, 9))
	if len(files) != 4 {
		t.Errorf("%d files: %v", len(files), names(files, ""))
	}
}

// TestFolderRepeats: a batch that is delivered again writes the same files.
func TestFolderRepeats(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	w.append(3, "111122223333")
	w.sign()
	x := w.exporter(Export{Name: "a", Folder: folder})
	mustRound(t, x)
	before := readFolder(t, folder)
	x.to.close()
	// The cursor as it was when the batch was on its way.
	c := cursor{at: position{node: w.node}, until: 3}
	if err := c.write(x.cursorPath()); err != nil {
		t.Fatal(err)
	}
	w.append(3, "111122223333")
	w.sign()
	x = w.exporter(Export{Name: "a", Folder: folder})
	mustRound(t, x)
	x.to.close()
	after := readFolder(t, folder)
	for name, b := range before {
		if !bytes.Equal(after[name], b) {
			t.Errorf("%s has changed", name)
		}
	}
	if len(before) != 1 || len(after) != 2 {
		t.Errorf("%v, then %v", names(before, ""), names(after, ""))
	}
	mustRemoveAll(t, folder)
	w.append(1, "111122223333")
	w.sign()
	if err := w.exporter(Export{Name: "a", Folder: folder}).round(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is gone is made up for: %v", err)
	}
}

func mustRemoveAll(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestDigestFiles: each hour with files has a digest file for each account and
// Region, with the hash of each log file, chained and signed, also over a restart.
func TestDigestFiles(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	e := Export{Name: "archive", Folder: folder}
	x := w.exporter(e)
	deliver := func() {
		w.append(2, "111122223333")
		w.append(1, "444455556666")
		w.sign()
		mustRound(t, x)
	}
	deliver() // 8:30
	w.advance(20 * time.Minute)
	deliver() // 8:50
	if d := names(readFolder(t, folder), "Digest"); d != nil {
		t.Fatalf("before the hour's end: %v", d)
	}
	x.to.close()
	x = w.exporter(e)
	w.advance(10 * time.Minute)
	mustRound(t, x) // 9:00, without new records
	w.advance(3*time.Hour + 5*time.Minute)
	deliver() // 12:05
	w.advance(time.Hour)
	x.to.close()
	mustRound(t, w.exporter(e))
	files := readFolder(t, folder)
	got := names(files, "Digest/eu-west-1/2026/11/23/111122223333")
	const base = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/11/23/111122223333_CloudTrail-Digest_eu-west-1_archive_eu-west-1_20261123T"
	mustEqual(t, "digest files", got, []string{base + "090000Z.json.gz", base + "090000Z.json.gz.sig", base + "130000Z.json.gz", base + "130000Z.json.gz.sig"})
	var previous *digestJSON
	var previousPlain []byte
	covered := 0
	for i, want := range []struct{ start, end string }{{"2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z"}, {"2026-11-23T09:00:00Z", "2026-11-23T13:00:00Z"}} {
		plain := gunzip(t, files[got[2*i]])
		d := &digestJSON{}
		if err := json.Unmarshal(plain, d); err != nil {
			t.Fatal(err)
		}
		if d.DigestStartTime != want.start || d.DigestEndTime != want.end || d.DigestS3Object != got[2*i] || d.DigestS3Bucket != filepath.Base(folder) {
			t.Errorf("%+v", d)
		}
		text := fmt.Sprintf("%s\n%s/%s\n%s\n", d.DigestEndTime, d.DigestS3Bucket, d.DigestS3Object, hexHash(plain))
		if previous == nil {
			if d.PreviousDigestHashValue != nil || d.PreviousDigestSignature != nil || d.PreviousDigestS3Object != nil {
				t.Errorf("the first has one before it: %s", plain)
			}
			text += "null"
		} else {
			if *d.PreviousDigestHashValue != hexHash(previousPlain) || *d.PreviousDigestS3Object != previous.DigestS3Object {
				t.Errorf("not chained: %s", plain)
			}
			text += *d.PreviousDigestSignature
		}
		signed, _ := signer{}.Sign(context.Background(), []byte(text))
		if beside := string(files[got[2*i+1]]); !strings.HasPrefix(beside, "ECDSA_SHA_384 00112233445566778899aabbccddeeff ") || !strings.Contains(beside, base64Of(signed[0].Bytes)) {
			t.Errorf("the signature is not of what CloudTrail signs: %s", beside)
		}
		for _, f := range d.LogFiles {
			if f.HashValue != hexHash(gunzip(t, files[f.S3Object])) || f.HashAlgorithm != "SHA-256" {
				t.Errorf("hash of %s", f.S3Object)
			}
			covered++
		}
		previous, previousPlain = d, plain
	}
	if covered != 3 {
		t.Errorf("%d log files are covered", covered)
	}
}

// TestSealedFiles: what a Seal makes is what is stored, and what digests hash.
func TestSealedFiles(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	c := w.config()
	c.Seal = func(_ context.Context, name string, plain []byte) ([]byte, error) {
		return append([]byte("sealed for "+name+"\n"), plain...), nil
	}
	e := Export{Name: "a", Folder: folder, Encrypt: true}
	x, err := New(c, e)
	if err != nil {
		t.Fatal(err)
	}
	w.append(1, "111122223333")
	w.sign()
	mustRound(t, x)
	files := readFolder(t, folder)
	name := names(files, "_CloudTrail_")[0]
	if !strings.HasSuffix(name, ".json.gz.sealed") || !bytes.HasPrefix(files[name], []byte("sealed for "+name+"\n")) {
		t.Errorf("%s: %q", name, files[name])
	}
	if x.c.files[0].hash != hexHash(files[name]) {
		t.Errorf("the hash is not of the bytes as stored")
	}
	if _, err := New(w.config(), e); err == nil {
		t.Errorf("encrypt without anything that does is taken")
	}
}

// TestNamedOnce: a batch that is delivered again, as its cursor could not be
// written, stands in the digest file once.
func TestNamedOnce(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	w.append(3, "111122223333")
	w.append(2, "444455556666")
	w.sign()
	x := w.exporter(Export{Name: "a", Folder: folder})
	if err := x.begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.begun = true
	if _, err := x.plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 { // as when no cursor can be written
		if err := x.to.deliver(t.Context(), x.batch); err != nil {
			t.Fatal(err)
		}
	}
	mustRound(t, x)
	if len(x.c.files) != 2 || x.c.files[0].object == x.c.files[1].object {
		t.Errorf("the next digest names %+v", x.c.files)
	}
}

// TestFolderInUse: of two that export to one folder the second waits until the
// first has ended.
func TestFolderInUse(t *testing.T) {
	t.Parallel()
	w, folder := newWorld(t), t.TempDir()
	w.append(3, "111122223333")
	w.sign()
	one, other := w.exporter(Export{Name: "a", Folder: folder}), w.exporter(Export{Name: "b", Folder: folder})
	mustRound(t, one)
	if err := other.round(t.Context()); !errors.Is(err, errInUse) {
		t.Fatal(err)
	}
	one.to.close()
	mustRound(t, other)
	other.to.close()
}
