package config

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// tree is what stands where in a file.
type tree struct {
	lines  map[string]int // of each key, by its path
	values []value
}

// value is what a key or a place in a list holds.
type value struct {
	path string
	key  int // line of the key
	node *yaml.Node
}

// index notes what stands below a node.
func (t *tree) index(n *yaml.Node, path string) {
	switch n.Kind {
	case yaml.DocumentNode:
		for _, child := range n.Content {
			t.index(child, path)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if path != "" {
				key = path + "." + key
			}
			t.note(key, n.Content[i].Line, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, child := range n.Content {
			t.note(fmt.Sprintf("%s[%d]", path, i), child.Line, child)
		}
	}
}

func (t *tree) note(path string, line int, n *yaml.Node) {
	t.lines[path] = line
	t.values = append(t.values, value{path, line, n})
	t.index(n, path)
}

// path returns the one path that ok accepts; empty if it is none or several.
func (t *tree) path(ok func(value) bool) (path string) {
	for _, v := range t.values {
		if ok(v) {
			if path != "" {
				return ""
			}
			path = v.path
		}
	}
	return path
}

// key returns the path of a key by its name and line.
func (t *tree) key(name string, line int) string {
	path := t.path(func(v value) bool { return v.key == line && (v.path == name || strings.HasSuffix(v.path, "."+name)) })
	if path == "" {
		return name
	}
	return path
}

// syntax turns the decoder's messages, which have the form "line 3: field x not
// found in type config.TLS", into errors that name the file's own things.
func (p *problems) syntax(err error, t *tree) {
	messages := []string{err.Error()}
	if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = typed.Errors
	}
	at := regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?((?s:.*))$`)
	for _, message := range messages {
		parts := at.FindStringSubmatch(message)
		line, _ := strconv.Atoi(parts[1]) // 0: it names none
		e := &Error{File: p.config.File, Line: line, Problem: parts[2]}
		e.explain(t)
		p.found = append(p.found, e)
	}
}

// explain finds the key that a decoder's message is about.
func (e *Error) explain(t *tree) {
	unknown := regexp.MustCompile(`^field (.*) not found in type `)
	twice := regexp.MustCompile(`^mapping key "(.*)" already defined at line (\d+)$`)
	typed := regexp.MustCompile("^(cannot unmarshal !!(\\w+)(?: `(.*?)(?:\\.\\.\\.)?`)?) into (.*)$")
	ours := regexp.MustCompile(`^"(.*)": want `) // of Mode, Count and User
	if m := unknown.FindStringSubmatch(e.Problem); m != nil {
		e.Path, e.Problem, e.Hint = t.key(m[1], e.Line), "unknown key", "docs/configuration.md and trent config example have all of them"
	} else if m := twice.FindStringSubmatch(e.Problem); m != nil {
		e.Path, e.Problem = t.key(m[1], e.Line), "stands twice, for the first time in line "+m[2]
	} else if m := typed.FindStringSubmatch(e.Problem); m != nil {
		e.Path = t.path(func(v value) bool {
			return v.node.Line == e.Line && v.node.ShortTag() == "!!"+m[2] && (m[3] == "" || strings.HasPrefix(v.node.Value, m[3]))
		})
		e.Problem = m[1] + ": want " + kind(m[4])
	} else if m := ours.FindStringSubmatch(e.Problem); m != nil {
		e.Path = t.path(func(v value) bool { return v.node.Line == e.Line && v.node.Value == m[1] })
	}
}

// kind is what a Go type is called in the file.
func kind(goType string) string {
	switch goType {
	case "bool":
		return "true or false"
	case "string":
		return "text"
	case "time.Duration":
		return "a duration such as 24h"
	case "[]string", "[]config.Listener", "[]config.User", "[]config.Export":
		return "a list"
	case "map[string]config.Count":
		return "classes and numbers"
	}
	return "keys and values"
}
