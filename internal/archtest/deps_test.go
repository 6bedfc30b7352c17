package archtest

import (
	"fmt"
	"go/build"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// walker follows the imports of one program through the module cache.
type walker struct {
	t        *testing.T
	cache    string            // GOMODCACHE
	versions map[string]string // module path → version, from go.mod
	context  build.Context
	third    map[string]string // third-party package → version of its module
	standard map[string]string // standard package → one that imports it
	seen     map[string]bool
}

func newWalker(t *testing.T) *walker {
	t.Helper()
	w := &walker{t: t, versions: map[string]string{}, context: build.Default,
		third: map[string]string{}, standard: map[string]string{}, seen: map[string]bool{}}
	// What is released: static binaries for Linux.
	w.context.GOOS, w.context.GOARCH, w.context.CgoEnabled = "linux", "amd64", false
	if w.cache = os.Getenv("GOMODCACHE"); w.cache == "" {
		w.cache = filepath.Join(filepath.SplitList(build.Default.GOPATH)[0], "pkg", "mod")
	}
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(text), "\n") {
		l, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(l), "require "), "//")
		if f := strings.Fields(l); len(f) == 2 && strings.HasPrefix(f[1], "v") {
			w.versions[f[0]] = f[1]
		}
	}
	return w
}

// folder finds the folder of a package, and its module's version if it is a
// third party's.
func (w *walker) folder(importPath string) (dir, version string) {
	if ours, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return filepath.Join(root, ours), ""
	}
	for path := importPath; path != "."; path = filepath.Dir(path) {
		if version := w.versions[path]; version != "" {
			return filepath.Join(w.cache, escape(path)+"@"+version, strings.TrimPrefix(importPath, path)), version
		}
	}
	w.t.Fatalf("no module of go.mod has the package %s", importPath)
	return "", ""
}

// escape writes a module path as the module cache does: an upper-case letter
// becomes an exclamation mark and the lower-case one.
func escape(path string) string {
	var b strings.Builder
	for _, c := range path {
		if unicode.IsUpper(c) {
			b.WriteByte('!')
			c = unicode.ToLower(c)
		}
		b.WriteRune(c)
	}
	return b.String()
}

func (w *walker) walk(importPath, from string) {
	if short(importPath) == "" {
		w.standard[importPath] = from
		return
	}
	if w.seen[importPath] {
		return
	}
	w.seen[importPath] = true
	dir, version := w.folder(importPath)
	if version != "" {
		w.third[importPath] = version
	}
	p, err := w.context.ImportDir(dir, 0)
	if err != nil {
		w.t.Fatalf("%s, imported by %s: %v", importPath, from, err)
	}
	for _, imported := range p.Imports {
		w.walk(imported, importPath)
	}
}

// trent-hsm.deps.txt lists every third-party package of the crypto module, so
// that a new one, or a new version, shows in review.
func TestModuleDependencies(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	w.walk(module+"/cmd/trent-hsm", "")
	listed := map[string]string{}
	for _, l := range readRules(t, "trent-hsm.deps.txt") {
		f := strings.Fields(l.text)
		if len(f) != 2 {
			t.Fatalf("trent-hsm.deps.txt:%d: a package and a version are wanted", l.number)
		}
		listed[f[0]] = f[1]
	}
	if !maps.Equal(listed, w.third) {
		var want strings.Builder
		for _, name := range slices.Sorted(maps.Keys(w.third)) {
			fmt.Fprintf(&want, "%s %s\n", name, w.third[name])
		}
		t.Errorf("trent-hsm.deps.txt is not what cmd/trent-hsm consists of:\n%s", want.String())
	}
}

// The crypto module has no network, runs no programs, loads no code, and
// consists of no package of the service's.
func TestModuleStandsAlone(t *testing.T) {
	t.Parallel()
	w := newWalker(t)
	w.walk(module+"/cmd/trent-hsm", "")
	for imported := range w.seen {
		name := short(imported)
		ours := strings.HasPrefix(imported, module+"/") && name != "cmd/trent-hsm" && name != "secret" && name != "harden" && name != "keyspec"
		if ours && (!matches("hsm/…", name) || matches("hsm/client/…", name)) {
			t.Errorf("the crypto module consists of %s too", imported)
		}
	}
	if len(w.standard) == 0 {
		t.Fatal("no import was found")
	}
	for _, forbidden := range []string{"net/http", "net/rpc", "net/smtp", "net/mail", "crypto/tls", "expvar", "os/exec", "plugin", "database/sql", "log/syslog", "C"} {
		for imported, from := range w.standard {
			if matches(forbidden+"/…", imported) {
				t.Errorf("%s imports %s", from, imported)
			}
		}
	}
}
