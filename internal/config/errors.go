package config

import (
	"fmt"
	"strings"
)

// Error is one reason to refuse a configuration.
type Error struct {
	// File is the configuration file.
	File string `json:"file"`
	// Line in it, 0 if the key does not stand in it.
	Line int `json:"line,omitempty"`
	// Path of the key: listeners[0].tls.key. Empty if it is about the whole file.
	Path string `json:"path,omitempty"`
	// Problem says what is wrong.
	Problem string `json:"problem"`
	// Hint says what to do, where that is not plain.
	Hint string `json:"hint,omitempty"`
}

// Error is one line: file, line, key, problem and hint.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d", e.Line)
	}
	b.WriteString(": ")
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Problem)
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Errors are all reasons to refuse a configuration, one at least.
type Errors []*Error

// Error is a line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i := range e {
		lines[i] = e[i].Error()
	}
	return strings.Join(lines, "\n")
}

// err is nil if there are none: a typed nil would be an error.
func (e Errors) err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// problems gathers what is wrong with a configuration.
type problems struct {
	config *Config
	found  Errors
}

func (p *problems) add(path, hint, problem string, args ...any) {
	p.found = append(p.found, &Error{
		File: p.config.File, Line: p.config.line(path), Path: path, Problem: fmt.Sprintf(problem, args...), Hint: hint,
	})
}

// line of a key, or of the nearest one above it that stands in the file.
func (c *Config) line(path string) int {
	for path != "" {
		if line, ok := c.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}
