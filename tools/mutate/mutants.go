package main

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mutant is one change of the source. Its name does not depend on line numbers,
// so that a list of survivors outlives other changes.
type mutant struct {
	number        int
	file          string
	function      string
	before, after string
	nth           int // of those with the same file, function, before and after
	line          int
}

func (m *mutant) String() string {
	name := fmt.Sprintf("%s %s: %s → %s", m.file, m.function, oneLine(m.before), oneLine(m.after))
	if m.nth > 1 {
		name += fmt.Sprintf(" (%d)", m.nth)
	}
	return name
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const most = 90
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// place is a part of a file that has mutants: an expression, or a statement
// that can be left out.
type place struct {
	start, end int
	statement  bool
	of         string // an expression's type
	mutants    []*mutant
}

// source is a file with its places, in the order of their starts, outer ones
// first.
type source struct {
	path   string
	text   string
	places []*place
}

// collector finds the mutants of a package.
type collector struct {
	fileSet *token.FileSet
	info    *types.Info
	pkg     *types.Package
	file    *source
	imports map[string]bool // what the file imports
	names   map[string]int
	all     []*mutant
	inside  []ast.Node
}

// collect parses a package's folder and finds the mutants of some of its files.
func collect(folder string, files []string) ([]*source, []*mutant, error) {
	c := &collector{fileSet: token.NewFileSet(), names: map[string]int{},
		info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	paths, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, nil, err
	}
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(c.fileSet, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, err
		}
		parsed = append(parsed, f)
	}
	config := types.Config{Importer: importer.ForCompiler(c.fileSet, "source", nil)}
	if c.pkg, err = config.Check(folder, c.fileSet, parsed, c.info); err != nil {
		return nil, nil, err
	}
	var sources []*source
	for _, f := range parsed {
		path := c.fileSet.Position(f.Pos()).Filename
		if !slices.Contains(files, filepath.Base(path)) {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		c.file = &source{path: path, text: string(text)}
		c.imports = map[string]bool{}
		for _, spec := range f.Imports {
			name, _ := strconv.Unquote(spec.Path.Value)
			c.imports[name] = true
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				c.function(fn)
			}
		}
		slices.SortStableFunc(c.file.places, func(a, b *place) int {
			if a.start != b.start {
				return a.start - b.start
			}
			if a.end != b.end {
				return b.end - a.end
			}
			return 0
		})
		sources = append(sources, c.file)
	}
	return sources, c.all, nil
}

func (c *collector) function(fn *ast.FuncDecl) {
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if n == nil {
			c.inside = c.inside[:len(c.inside)-1]
			return false
		}
		switch n := n.(type) {
		case *ast.GenDecl:
			return false // constants
		case *ast.ArrayType:
			return false
		case ast.Expr:
			c.expression(fn, n)
		case ast.Stmt:
			c.statement(fn, n)
		}
		c.inside = append(c.inside, n)
		return true
	})
}

// parent is the node around the one that is looked at.
func (c *collector) parent() ast.Node {
	if len(c.inside) == 0 {
		return nil
	}
	return c.inside[len(c.inside)-1]
}

func (c *collector) code(n ast.Node) string {
	return c.file.text[c.fileSet.Position(n.Pos()).Offset:c.fileSet.Position(n.End()).Offset]
}

// add adds a mutant of a node. of is the type of an expression.
func (c *collector) add(fn *ast.FuncDecl, n ast.Node, of, after string) {
	start, end := c.fileSet.Position(n.Pos()).Offset, c.fileSet.Position(n.End()).Offset
	m := &mutant{number: len(c.all) + 1, file: filepath.Base(c.file.path), function: fn.Name.Name, before: c.code(n), after: after, line: c.fileSet.Position(n.Pos()).Line}
	c.names[m.String()]++
	m.nth = c.names[m.String()]
	c.all = append(c.all, m)
	for _, p := range c.file.places {
		if p.start == start && p.end == end && p.statement == (of == "") {
			p.mutants = append(p.mutants, m)
			return
		}
	}
	c.file.places = append(c.file.places, &place{start: start, end: end, statement: of == "", of: of, mutants: []*mutant{m}})
}

// typeOf is the type of an expression as the file can write it; "" if it
// cannot, or if the expression is a constant that must be one.
func (c *collector) typeOf(e ast.Expr) string {
	t := types.Default(c.info.Types[e].Type)
	if t == nil || t == types.Typ[types.Invalid] {
		return ""
	}
	known := true
	text := types.TypeString(t, func(p *types.Package) string {
		if p == c.pkg {
			return ""
		}
		known = known && c.imports[p.Path()]
		return p.Name()
	})
	if !known {
		return ""
	}
	return text
}

// operators are what becomes of an operator.
var operators = map[token.Token][]string{
	token.EQL: {"!="}, token.NEQ: {"=="},
	token.LSS: {"<=", ">="}, token.LEQ: {"<", ">"}, token.GTR: {">=", "<="}, token.GEQ: {">", "<"},
	token.LAND: {"||"}, token.LOR: {"&&"},
	token.ADD: {"-"}, token.SUB: {"+"}, token.SHR: {"<<"}, token.AND: {"|"}, token.OR: {"&"},
}

func (c *collector) expression(fn *ast.FuncDecl, e ast.Expr) {
	of := c.typeOf(e)
	switch e := e.(type) {
	case *ast.BinaryExpr:
		if of == "" || of == "string" {
			return
		}
		x, y := c.code(e.X), c.code(e.Y)
		for _, op := range operators[e.Op] {
			c.add(fn, e, of, x+" "+op+" "+y)
		}
		if e.Op == token.LAND || e.Op == token.LOR {
			c.add(fn, e, of, x)
			c.add(fn, e, of, y)
		}
	case *ast.UnaryExpr:
		if e.Op == token.NOT {
			c.add(fn, e, of, c.code(e.X))
		}
	case *ast.Ident:
		if v := c.info.Types[e].Value; (e.Name == "true" || e.Name == "false") && v != nil {
			c.add(fn, e, "bool", map[string]string{"true": "false", "false": "true"}[e.Name])
		}
	case *ast.BasicLit:
		if _, isKey := c.parent().(*ast.KeyValueExpr); isKey && c.parent().(*ast.KeyValueExpr).Key == ast.Expr(e) {
			return
		}
		switch e.Kind {
		case token.INT:
			c.add(fn, e, of, e.Value+" + 1")
		case token.STRING:
			c.add(fn, e, of, e.Value+` + "x"`)
		}
	case *ast.CallExpr:
		if of != "bool" {
			return
		}
		// A call that decides by itself: what it says, the other way round.
		switch p := c.parent().(type) {
		case *ast.IfStmt, *ast.CaseClause, *ast.ReturnStmt, *ast.AssignStmt, *ast.KeyValueExpr:
			c.add(fn, e, of, "!"+c.code(e))
		case *ast.BinaryExpr:
			if p.Op == token.LAND || p.Op == token.LOR {
				c.add(fn, e, of, "!"+c.code(e))
			}
		}
	}
}

// statement adds the mutant without it.
func (c *collector) statement(fn *ast.FuncDecl, s ast.Stmt) {
	switch c.parent().(type) {
	case *ast.BlockStmt, *ast.CaseClause, nil:
	default:
		return // part of a statement
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return
		}
	case *ast.IncDecStmt, *ast.ExprStmt, *ast.BranchStmt:
	case *ast.ReturnStmt:
		// Only where what follows is reached without it.
		if len(c.inside) < 2 {
			return
		}
		if in, ok := c.inside[len(c.inside)-2].(*ast.IfStmt); !ok || in.Else != nil {
			return
		}
	default:
		return
	}
	c.add(fn, s, "", "without it")
}

// render is the file with all its mutants, of which the variable mutant chooses
// one.
func (s *source) render() string {
	rest := s.places
	var between func(start, end int) string
	between = func(start, end int) string {
		var b strings.Builder
		for len(rest) > 0 && rest[0].start < end {
			p := rest[0]
			rest = rest[1:]
			b.WriteString(s.text[start:p.start])
			b.WriteString(p.wrap(between(p.start, p.end)))
			start = p.end
		}
		b.WriteString(s.text[start:end])
		return b.String()
	}
	return between(0, len(s.text))
}

// wrap puts the choice around the original.
func (p *place) wrap(original string) string {
	if p.statement {
		return fmt.Sprintf("if mutant != %d { %s }", p.mutants[0].number, original)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "func() %s { switch mutant { ", p.of)
	for _, m := range p.mutants {
		fmt.Fprintf(&b, "case %d: return %s; ", m.number, m.after)
	}
	fmt.Fprintf(&b, "}; return %s }()", original)
	return b.String()
}
