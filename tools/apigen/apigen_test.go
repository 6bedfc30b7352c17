package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	modelFile = "../../api/model.json"
	outFolder = "../../internal/api"
)

func readModel(t *testing.T) []byte {
	t.Helper()
	data, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestCommittedFilesAreCurrent makes the files again in memory: the same
// names, the same bytes, nothing besides.
func TestCommittedFilesAreCurrent(t *testing.T) {
	t.Parallel()
	files, err := generate(readModel(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(outFolder, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("internal/api/%s is not current (%v): run make generate", name, err)
		}
	}
	committed, err := filepath.Glob(filepath.Join(outFolder, "*_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range committed {
		if files[filepath.Base(path)] == nil {
			t.Errorf("%s is not made any more: run make generate", path)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	t.Parallel()
	first, err := generate(readModel(t))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := generate(readModel(t))
		if err != nil {
			t.Fatal(err)
		}
		for name := range first {
			if !bytes.Equal(first[name], again[name]) {
				t.Errorf("%s differs", name)
			}
		}
	}
}

// TestRun writes into an empty folder and removes what is no longer made.
func TestRun(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	for _, name := range []string{"old_gen.go", "hand.go"} {
		if err := os.WriteFile(filepath.Join(out, name), []byte("package api\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(modelFile, out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"old_gen.go": false, "hand.go": true, "ops_gen.go": true} {
		if _, err := os.Stat(filepath.Join(out, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                                 "read model",
		`{"surprise": 1}`:                   "unknown field",
		`{"shapes":{"A":{"type":"float"}}}`: `shape A: unknown type "float"`,
		`{"shapes":{"A":{"type":"enum"}}}`:  "enum without values",
		`{"shapes":{"A":{"type":"string","min":1}}}`:                 "min without max",
		`{"shapes":{"A":{"type":"list","of":"B"}}}`:                  "list of B",
		`{"shapes":{"A":{"type":"map","key":"B"}}}`:                  "map with B",
		`{"structures":{"A":[{"name":"M","shape":"B"}]}}`:            "member M has unknown shape B",
		`{"operations":[{"name":"A","input":[{"name":"M"}]}]}`:       "operation A: member M",
		`{"operations":[{"name":"A","output":[{"name":"M"}]}]}`:      "operation A: member M",
		`{"shapes":{"A":{"type":"string","minimum":1}}}`:             "unknown field",
		`{"operations":[{"name":"A","input":[{"required":"yes"}]}]}`: "read model",
	} {
		if _, err := load([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestParseClass compares every class with Go's regexp, character by
// character and for several lengths.
func TestParseClass(t *testing.T) {
	t.Parallel()
	m, err := load(readModel(t))
	if err != nil {
		t.Fatal(err)
	}
	classes := 0
	for name, s := range m.Shapes {
		set, lo, hi, ok := parseClass(s.Pattern)
		if s.Pattern == "" || !ok {
			continue
		}
		classes++
		body := strings.TrimSuffix(strings.TrimPrefix(closeBraces(javaEscapes.Replace(s.Pattern)), "^"), "$")
		re := regexp.MustCompile(`\A(?:` + body + `)\z`)
		var member rune
		for r := rune(0); r < 300; r++ {
			in := r < 256 && set[r>>6]&(1<<(r&63)) != 0
			if in {
				member = r
			}
			if got := re.MatchString(strings.Repeat(string(r), max(lo, 1))); got != in {
				t.Errorf("%s: %q is %v, regexp says %v", name, r, in, got)
			}
		}
		for n := range 20 {
			want := n >= lo && (hi < 0 || n <= hi)
			if got := re.MatchString(strings.Repeat(string(member), n)); got != want {
				t.Errorf("%s: %d characters: %v, regexp says %v", name, n, want, got)
			}
		}
	}
	if classes < 10 {
		t.Errorf("only %d classes", classes)
	}
	for _, pattern := range []string{`a+`, `[a]b`, `([a-z]+-){2}`, `[\x{100}]+`, `[`, `(?i)x`} {
		if _, _, _, ok := parseClass(pattern); ok {
			t.Errorf("%s passes for a class", pattern)
		}
	}
}

func TestGoName(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"RSA_2048": "Rsa2048", "SYMMETRIC_DEFAULT": "SymmetricDefault", "RSAES_PKCS1_V1_5": "RsaesPkcs1V15", "PendingDeletion": "PendingDeletion", "AWS": "Aws",
	} {
		if got := goName(value); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}
