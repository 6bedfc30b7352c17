package archtest

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// Limits of what is written by hand.
const (
	maxFileLines     = 400
	maxTestFileLines = 500 // tables of cases
	maxFunctionLines = 60
)

// finding is one place that breaks a rule. Subject is what an exception
// names: the file's path, with a colon and an identifier where there is one.
type finding struct {
	subject, at, text string
}

// rules are the things that no code here does. Each returns what it finds in
// one file; exceptions.txt says which findings stand, and why.
var rules = map[string]func(f *file) []finding{
	"init":     initFunctions,
	"variable": mutableVariables,
	"sleep":    sleeps,
	"print":    prints,
	"random":   weakRandomness,
	"compare":  variableTimeComparisons,
	"promise":  promises,
	"file":     longFile,
	"function": longFunctions,
}

func TestRules(t *testing.T) {
	t.Parallel()
	type exception struct{ rule, subject string }
	stands := map[exception]bool{} // → was needed
	for _, l := range readRules(t, "exceptions.txt") {
		left, reason, _ := strings.Cut(l.text, " — ")
		f := strings.Fields(left)
		if len(f) != 2 || rules[f[0]] == nil || len(reason) < 10 {
			t.Fatalf("exceptions.txt:%d: a rule, a subject, a dash and a reason are wanted", l.number)
		}
		stands[exception{f[0], f[1]}] = false
	}
	for _, f := range sources(t) {
		if !f.written {
			continue
		}
		for name, rule := range rules {
			for _, found := range rule(f) {
				e := exception{name, found.subject}
				if _, ok := stands[e]; ok {
					stands[e] = true
					continue
				}
				t.Errorf("%s: %s (rule %q of internal/archtest)", found.at, found.text, name)
			}
		}
	}
	for e, needed := range stands {
		if !needed {
			t.Errorf("exceptions.txt: %s %s is no longer needed", e.rule, e.subject)
		}
	}
}

// The rules find what they are there to find.
func TestRulesFind(t *testing.T) {
	t.Parallel()
	const body = `package p
import ("bytes"; "fmt"; "math/rand"; "time")
var counter int
var table = []int{1}
var ErrX = fmt.Errorf("x")
func init() { println() }
func f(a, b []byte) bool {
	elsewhere = 1
	var table2 []int
	table2[0], _ = 1, 2
	{
		var counter int
		counter++
	}
	table[0] = rand.Int()
	time.Sleep(1)
	fmt.Println(counter)
	return bytes.Equal(a, b)
}
`
	for name, want := range map[string][]string{
		"init": {"init"}, "variable": {"counter", "elsewhere", "table"}, "print": {"println", "fmt.Println"}, "random": {"math/rand"}, "compare": {"bytes.Equal"},
		"sleep": nil, "file": nil, "function": nil,
	} {
		check(t, name, "internal/sigv4/x.go", body, want)
	}
	check(t, "promise", "internal/p/x.go", "package p\n// TO"+"DO(me): later\n// mathTO"+"DOs\n", []string{"a comment says"})
	check(t, "sleep", "internal/sigv4/x_test.go", body, []string{"time.Sleep"})
	check(t, "sleep", "internal/sigv4/x_test.go", strings.Replace(body, `"time"`, `"time"; _ "testing/synctest"`, 1), nil)
	check(t, "print", "cmd/trent/x.go", body, nil)
	check(t, "compare", "internal/store/x.go", body, nil)
	long := "package p\nfunc long() {\n" + strings.Repeat("\n", maxFunctionLines) + "}\n"
	check(t, "function", "internal/p/x.go", long, []string{"long"})
	check(t, "function", "internal/p/x_test.go", long, nil)
	check(t, "file", "internal/p/x.go", "package p\n"+strings.Repeat("//\n", maxFileLines), []string{"lines"})
	check(t, "file", "internal/p/x_test.go", "package p\n"+strings.Repeat("//\n", maxFileLines), nil)
	check(t, "file", "internal/p/x_test.go", "package p\n"+strings.Repeat("//\n", maxTestFileLines), []string{"lines"})
}

// check runs one rule on a text.
func check(t *testing.T, rule, path, text string, want []string) {
	t.Helper()
	f, err := parseText(path, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, found := range rules[rule](f) {
		got = append(got, found.text)
	}
	if len(got) != len(want) {
		t.Errorf("%s of %s finds %q", rule, path, got)
		return
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("%s of %s finds %q, not %s", rule, path, got[i], want[i])
		}
	}
}

func (f *file) find(n ast.Node, name, text string) finding {
	return finding{f.path + ":" + name, f.at(n), text}
}

// under reports whether the file is below one of the folders.
func (f *file) under(folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(f.path, folder+"/") })
}

// forTests reports whether the file belongs to tests, or to what they are made of.
func (f *file) forTests() bool {
	return f.test || f.under("test", "internal/store/storetest", "internal/hsm/server/servertest", "internal/audit/audittest")
}

// initFunctions: what runs before main cannot fail, be tested, or be ordered.
func initFunctions(f *file) (found []finding) {
	for _, d := range f.ast.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, f.find(fn, "init", "there is an init function"))
		}
	}
	return found
}

// mutableVariables: a package-level variable is a table or an error, has its
// value from the start, and keeps it.
func mutableVariables(f *file) (found []finding) {
	if f.forTests() {
		return nil
	}
	global := map[any]bool{}
	for _, d := range f.ast.Decls {
		gen, ok := d.(*ast.GenDecl)
		if !ok || gen.Tok != token.VAR {
			continue
		}
		for _, spec := range gen.Specs {
			value := spec.(*ast.ValueSpec)
			global[value] = true
			if name := value.Names[0]; len(value.Values) == 0 {
				found = append(found, f.find(name, name.Name, "the variable "+name.Name+" of the package has no value from the start"))
			}
		}
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		var targets []ast.Expr
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				targets = n.Lhs
			}
		case *ast.IncDecStmt:
			targets = []ast.Expr{n.X}
		}
		for _, target := range targets {
			// What the parser did not resolve stands in another file or package.
			if name := variable(target); name != nil && name.Name != "_" && (name.Obj == nil || global[name.Obj.Decl]) {
				found = append(found, f.find(n, name.Name, "the variable "+name.Name+" of the package is changed"))
			}
		}
		return true
	})
	return found
}

// variable returns the variable that an assignment to e changes.
func variable(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// sleeps: a test that sleeps is slow or flaky. In a synctest bubble it is neither.
func sleeps(f *file) []finding {
	if !f.forTests() || slices.Contains(f.imports, "testing/synctest") {
		return nil
	}
	return f.calls("time", "Sleep")
}

// prints: output belongs to the programs; everything else logs what it is given.
func prints(f *file) (found []finding) {
	if f.forTests() || !f.under("internal") {
		return nil
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			if name, ok := call.Fun.(*ast.Ident); ok && (name.Name == "print" || name.Name == "println") {
				found = append(found, f.find(call, name.Name, "it calls "+name.Name))
			}
		}
		return true
	})
	return append(found, f.calls("fmt", "Print", "Println", "Printf")...)
}

// weakRandomness: nothing of the product may be guessed. Tests and load
// generators may use the second version, with a seed of their own.
func weakRandomness(f *file) (found []finding) {
	for _, spec := range f.ast.Imports {
		name, _ := strconv.Unquote(spec.Path.Value)
		if name == "math/rand" || name == "math/rand/v2" && !f.forTests() {
			found = append(found, f.find(spec, name, "it imports "+name))
		}
	}
	return found
}

// variableTimeComparisons: in packages that compare secrets, tags or
// signatures every comparison is one of crypto/subtle's.
func variableTimeComparisons(f *file) []finding {
	if f.test || !f.under("internal/hsm", "internal/sigv4", "internal/seal", "internal/secret", "internal/identity", "internal/record") {
		return nil
	}
	return append(f.calls("bytes", "Equal"), f.calls("reflect", "DeepEqual")...)
}

// calls finds uses of a package's functions.
func (f *file) calls(pkg string, names ...string) (found []finding) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg && x.Obj == nil && slices.Contains(names, s.Sel.Name) {
				found = append(found, f.find(s, pkg+"."+s.Sel.Name, "it calls "+pkg+"."+s.Sel.Name))
			}
		}
		return true
	})
	return found
}

// promises: what is not done is an issue, not a comment.
func promises(f *file) (found []finding) {
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			for _, word := range []string{"TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"} {
				if slices.Contains(strings.FieldsFunc(comment.Text, func(c rune) bool { return !unicode.IsLetter(c) }), word) {
					found = append(found, f.find(comment, word, "a comment says "+word))
				}
			}
		}
	}
	return found
}

func longFile(f *file) []finding {
	if f.lines <= maxFileLines || f.test && f.lines <= maxTestFileLines {
		return nil
	}
	return []finding{{f.path, f.path, "the file has " + strconv.Itoa(f.lines) + " lines"}}
}

// longFunctions leaves tests out: a table of cases is long and easy to read.
func longFunctions(f *file) (found []finding) {
	if f.test {
		return nil
	}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		if lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; lines > maxFunctionLines {
			found = append(found, f.find(fn, fn.Name.Name, "the function "+fn.Name.Name+" has "+strconv.Itoa(lines)+" lines"))
		}
	}
	return found
}
