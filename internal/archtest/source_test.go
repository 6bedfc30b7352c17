package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const (
	root   = "../.."
	module = "trent"
)

// file is one Go source file of the repository.
type file struct {
	path    string // from the repository's root, with slashes
	test    bool   // …_test.go
	written bool   // by hand, not generated
	lines   int
	set     *token.FileSet
	ast     *ast.File
	imports []string
}

// dir is the folder of the file, from the root.
func (f *file) dir() string { return filepath.ToSlash(filepath.Dir(f.path)) }

// at is the place of a node, as compilers write it.
func (f *file) at(n ast.Node) string {
	return f.path + ":" + strconv.Itoa(f.set.Position(n.Pos()).Line)
}

// parsed holds the tree, which all tests of this package read.
var parsed = sync.OnceValues(func() ([]*file, error) {
	var files []*file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if path != root && (name == "testdata" || name == "bin" || strings.HasPrefix(name, ".")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		f, err := parseFile(path)
		files = append(files, f)
		return err
	})
	return files, err
})

func parseFile(path string) (*file, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	relative, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	return parseText(filepath.ToSlash(relative), text)
}

func parseText(path string, text []byte) (*file, error) {
	f := &file{path: path, test: strings.HasSuffix(path, "_test.go"),
		lines: strings.Count(string(text), "\n"), set: token.NewFileSet()}
	var err error
	if f.ast, err = parser.ParseFile(f.set, path, text, parser.ParseComments); err != nil {
		return nil, err
	}
	f.written = !ast.IsGenerated(f.ast)
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		f.imports = append(f.imports, name)
	}
	return f, nil
}

// sources returns every Go file of the repository.
func sources(t *testing.T) []*file {
	t.Helper()
	files, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("only %d files were found", len(files))
	}
	return files
}

// product returns the files of the two programs' packages.
func product(t *testing.T) []*file {
	t.Helper()
	var files []*file
	for _, f := range sources(t) {
		if strings.HasPrefix(f.path, "internal/") || strings.HasPrefix(f.path, "cmd/") {
			files = append(files, f)
		}
	}
	return files
}

// line is one line of a rule file; comments and empty lines are left out.
type line struct {
	number int
	text   string
}

// readRules returns the lines of a rule file.
func readRules(t *testing.T, name string) []line {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for i, l := range strings.Split(string(text), "\n") {
		l, _, _ = strings.Cut(l, "#")
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, line{i + 1, l})
		}
	}
	return lines
}
