package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"trent/internal/audit"
	"trent/internal/evidence"
)

// files are a report's HTML files in memory.
type files struct {
	all  map[string]*bytes.Buffer
	last string
}

func (f *files) Index() string          { return "r.html" }
func (f *files) Name(number int) string { return fmt.Sprintf("r-keys-%d.html", number) }
func (f *files) Create(number int) (io.Writer, error) {
	f.last = f.Name(number)
	f.all[f.last] = &bytes.Buffer{}
	return f.all[f.last], nil
}

func (f *files) Close() (string, error) {
	h := sha256.Sum256(f.all[f.last].Bytes())
	return hex.EncodeToString(h[:]), nil
}

// TestParts: of more keys than a browser likes each stands in one of several files, to
// which the first refers, with their hashes.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{500, 501, 1203} {
		w := newWorld(t)
		w.now = at(12, 0)
		w.record(audit.Event{UserIdentity: user("a"), Source: "iam.amazonaws.com", Name: "CreateUser"})
		w.digest()
		f := &files{all: map[string]*bytes.Buffer{"r.html": {}}}
		c := evidence.NewCollector(t.TempDir(), day(), evidence.Scope{})
		for i := range keys {
			k := payroll()
			k.ARN = manyARN(i)
			c.Key(k)
		}
		p := w.prover()
		if err := p.Verify(c); err != nil {
			t.Fatal(err)
		}
		r := evidence.Report{Collector: c, Prover: p, Made: at(23, 0), Parts: f}
		if _, err := r.Write(io.Discard, f.all["r.html"]); err != nil {
			t.Fatal(err)
		}
		index := f.all["r.html"].String()
		want := 1
		if keys > 500 {
			want += (keys + 499) / 500
		}
		if len(f.all) != want {
			t.Errorf("%d keys: %d files, not %d", keys, len(f.all), want)
		}
		for name, b := range f.all {
			elements(t, strings.ReplaceAll(b.String(), `href="r`, `href="#r`))
			if h := sha256.Sum256(b.Bytes()); name != "r.html" && !strings.Contains(index, hex.EncodeToString(h[:])) {
				t.Errorf("%d keys: the hash of %s is not in the first file", keys, name)
			}
			if strings.Contains(b.String(), "<h2 id=\"accounts\">") != (name == "r.html") {
				t.Errorf("%d keys: %s: accounts stand in the first file", keys, name)
			}
		}
		links := regexp.MustCompile(`<th scope="row"><a href="([^"#]*)#([^"]+)">`).FindAllStringSubmatch(index, -1)
		for _, l := range links {
			if l[1] == "" {
				l[1] = "r.html"
			}
			if b := f.all[l[1]]; b == nil || strings.Count(b.String(), `<h3 id="`+l[2]+`">`) != 1 {
				t.Errorf("%d keys: %s has no %s", keys, l[1], l[2])
			}
		}
		if len(links) != keys {
			t.Errorf("%d links to %d keys", len(links), keys)
		}
	}
}
