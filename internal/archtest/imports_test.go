package archtest

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// importRules is imports.txt.
type importRules struct {
	allowed map[string]map[string]bool // package → import → already used
	planned map[string]bool            // packages with a question mark: need not be there
	only    map[string][]string        // package → patterns of its importers
}

func readImportRules(t *testing.T) importRules {
	t.Helper()
	r := importRules{map[string]map[string]bool{}, map[string]bool{}, map[string][]string{}}
	for _, l := range readRules(t, "imports.txt") {
		left, right, ok := strings.Cut(l.text, ":")
		if !ok {
			t.Fatalf("imports.txt:%d: no colon", l.number)
		}
		if name, ok := strings.CutPrefix(left, "only "); ok {
			if r.only[name] != nil {
				t.Fatalf("imports.txt:%d: a second rule for %s", l.number, name)
			}
			r.only[name] = strings.Fields(right)
			continue
		}
		name, planned := strings.CutPrefix(left, "?")
		if r.allowed[name] != nil {
			t.Fatalf("imports.txt:%d: a second line for %s", l.number, name)
		}
		r.allowed[name] = map[string]bool{}
		r.planned[name] = planned
		for _, imported := range strings.Fields(right) {
			imported, later := strings.CutPrefix(imported, "?")
			r.allowed[name][imported] = !later
		}
	}
	return r
}

// short is a package's name in imports.txt: without "internal/" for ours,
// unchanged for third parties'; "" for the standard library's.
func short(importPath string) string {
	if ours, ok := strings.CutPrefix(importPath, module+"/"); ok {
		return strings.TrimPrefix(ours, "internal/")
	}
	if first, _, _ := strings.Cut(importPath, "/"); strings.Contains(first, ".") {
		return importPath
	}
	return ""
}

// tree maps each package of the product to what its files import, tests apart.
func tree(t *testing.T) map[string]map[string]string {
	t.Helper()
	packages := map[string]map[string]string{}
	for _, f := range product(t) {
		if f.test {
			continue
		}
		name := short(module + "/" + f.dir())
		if packages[name] == nil {
			packages[name] = map[string]string{}
		}
		for _, imported := range f.imports {
			if s := short(imported); s != "" {
				packages[name][s] = f.path
			}
		}
	}
	return packages
}

// A package imports what its line says, and a line says no more than that.
func TestImports(t *testing.T) {
	t.Parallel()
	rules, packages := readImportRules(t), tree(t)
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		allowed, ok := rules.allowed[name]
		if !ok {
			t.Errorf("package %s has no line in imports.txt; it imports: %s", name, strings.Join(slices.Sorted(maps.Keys(packages[name])), " "))
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(packages[name])) {
			if _, ok := allowed[imported]; !ok {
				t.Errorf("%s: %s may not import %s", packages[name][imported], name, imported)
			}
		}
		for _, imported := range slices.Sorted(maps.Keys(allowed)) {
			if _, used := packages[name][imported]; !used && allowed[imported] {
				t.Errorf("imports.txt: %s no longer imports %s", name, imported)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rules.allowed)) {
		if packages[name] == nil && !rules.planned[name] {
			t.Errorf("imports.txt: there is no package %s", name)
		}
	}
}

// What stands in guards: anyTest for every test, standard before the name of a
// package of the standard library.
const (
	anyTest  = "tests"
	standard = "std/"
)

// Who may import a guarded package, tests included: a test of the service that
// reached into the module would not cross the boundary that production has.
func TestGuardedPackages(t *testing.T) {
	t.Parallel()
	rules := readImportRules(t)
	for name := range rules.only {
		if _, ok := rules.allowed[name]; !ok && !strings.HasPrefix(name, standard) {
			t.Errorf("imports.txt: the guarded package %s has no line of its own", name)
		}
	}
	// A line of a package must not say what a guard denies.
	for name, imports := range rules.allowed {
		for imported := range imports {
			if patterns, guarded := rules.only[imported]; guarded && !slices.ContainsFunc(patterns, func(p string) bool { return matches(strings.TrimPrefix(p, "?"), name) }) {
				t.Errorf("imports.txt: the line of %s names %s, which only %s may import", name, imported, strings.Join(patterns, ", "))
			}
		}
	}
	for _, f := range sources(t) {
		importer := short(module + "/" + f.dir())
		for _, imported := range f.imports {
			if s := short(imported); s != "" {
				imported = s
			} else {
				imported = standard + imported
			}
			patterns, guarded := rules.only[imported]
			if !guarded || f.test && importer == imported {
				continue
			}
			if !slices.ContainsFunc(patterns, func(p string) bool {
				p = strings.TrimPrefix(p, "?")
				return matches(p, importer) || p == anyTest && f.forTests()
			}) {
				t.Errorf("%s: only %s may import %s", f.path, strings.Join(patterns, ", "), imported)
			}
		}
	}
}

// matches reports whether a pattern means the package: its name, or "x/…",
// which is x and everything below it.
func matches(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/…"); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	return pattern == name
}

// The crypto module's inside is guarded as a whole: a new package below hsm is
// closed to the service unless it is named here.
func TestModuleIsGuarded(t *testing.T) {
	t.Parallel()
	open := []string{"hsm/proto", "hsm/client", "hsm/client/use", "hsm/client/identity", "hsm/client/jobs", "hsm/supervisor"}
	for name, imports := range tree(t) {
		for imported, file := range imports {
			if matches("hsm/…", imported) && !slices.Contains(open, imported) && !matches("hsm/…", name) && name != "cmd/trent-hsm" {
				t.Errorf("%s: nothing outside internal/hsm may import %s", file, imported)
			}
		}
	}
}

// A package says what it owns and what it must never do.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range product(t) {
		if !f.test {
			documented[f.dir()] = documented[f.dir()] || f.ast.Doc != nil
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			t.Errorf("package %s has no comment", dir)
		}
	}
}

// Operations have their file's name only once, so that it finds them.
func TestOperationFilesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, f := range product(t) {
		base := path.Base(f.path)
		if !strings.HasPrefix(f.path, "internal/ops/") || f.test || base == path.Base(f.dir())+".go" {
			continue
		}
		if other, ok := seen[base]; ok {
			t.Errorf("%s and %s have one name", f.path, other)
		}
		seen[base] = f.path
	}
	if len(seen) == 0 {
		t.Error("there is no operation")
	}
}
