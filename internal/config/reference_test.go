package config_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"trent/internal/config"
)

const referencePath = "../../docs/configuration.md"

const referenceHead = "# Configuration\n" + `
The file of ` + "`trent serve`, `trent init` and `trent region add`" + `. It is YAML, and strict: a key that is not here, or stands twice, is an
error that names its line. ` + "`trent config example`" + ` prints a file with every key, ` + "`trent config check`" + ` says what is wrong with yours.
A relative path is relative to the folder of the file. This page is made from the comments in internal/config/config.go.

| key | meaning |
|---|---|
`

// reference makes the page from the commented structs.
type reference struct {
	structs map[string]*ast.StructType
	page    strings.Builder
	keys    []string
}

func newReference(t *testing.T) *reference {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	r := &reference{structs: map[string]*ast.StructType{}}
	for _, d := range file.Decls {
		if g, ok := d.(*ast.GenDecl); ok {
			for _, spec := range g.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					if st, ok := ts.Type.(*ast.StructType); ok {
						r.structs[ts.Name.Name] = st
					}
				}
			}
		}
	}
	r.page.WriteString(referenceHead)
	r.write(t, "Config", "")
	return r
}

func (r *reference) write(t *testing.T, name, path string) {
	for _, f := range r.structs[name].Fields.List {
		if f.Tag == nil {
			continue
		}
		tag, _, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("yaml"), ",")
		if tag == "-" {
			continue
		}
		field := f.Names[0].Name
		text, ok := strings.CutPrefix(strings.Join(strings.Fields(f.Doc.Text()), " "), field+" ")
		if !ok || tag == "" {
			t.Fatalf("%s.%s needs a key, and a comment that begins with its name", name, field)
		}
		text = strings.TrimPrefix(strings.TrimPrefix(text, "is "), "are ")
		key := path + tag
		r.keys = append(r.keys, key)
		fmt.Fprintf(&r.page, "| `%s` | %s |\n", key, strings.ToUpper(text[:1])+text[1:])
		below, list := typeOf(f.Type)
		if r.structs[below] != nil {
			if list {
				key += "[]"
			}
			r.write(t, below, key+".")
		}
	}
}

// typeOf is the name of a field's type, without * and [].
func typeOf(e ast.Expr) (name string, list bool) {
	switch e := e.(type) {
	case *ast.StarExpr:
		return typeOf(e.X)
	case *ast.ArrayType:
		name, _ = typeOf(e.Elt)
		return name, true
	case *ast.Ident:
		return e.Name, false
	}
	return "", false
}

func TestReference(t *testing.T) {
	t.Parallel()
	want := newReference(t).page.String()
	if *update {
		if err := os.WriteFile(referencePath, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(referencePath)
	if err != nil || string(got) != want {
		t.Errorf("docs/configuration.md is not what the comments say (%v): go test ./internal/config -run TestReference -update", err)
	}
}

// TestExample: the example is a configuration, also with what it shows in
// comments, and has every key.
func TestExample(t *testing.T) {
	t.Parallel()
	child := strings.NewReplacer(
		"  socket: /run/trent-hsm/socket\n", "", "  # child:", "  child:", "  #   program:", "    program:", "  #   key_file:", "    key_file:",
		"  key_file: /var/lib/trent-hsm/module.key\n  # true", "  # true", "same_user: false", "same_user: true",
		"    tls:\n      certificate: /etc/trent/tls/server.pem\n      key: /etc/trent/tls/server.key\n", "", "    # plaintext", "    plaintext",
	).Replace(config.Example)
	for _, text := range []string{config.Example, child} {
		if _, err := config.Parse("/etc/trent/trent.yaml", []byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	for _, key := range newReference(t).keys {
		name := key[strings.LastIndex(key, ".")+1:]
		if !strings.Contains(config.Example, " "+name+":") && !strings.Contains(config.Example, "\n"+name+":") {
			t.Errorf("the example lacks %s", key)
		}
	}
}
