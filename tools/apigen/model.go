package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// model is api/model.json.
type model struct {
	Comment      []string
	Service      string
	APIVersion   string `json:"apiVersion"`
	TargetPrefix string
	Shapes       map[string]*shape
	Structures   map[string][]*member
	Operations   []*operation
}

// operation is one API operation. A nil Output means an empty answer.
type operation struct {
	Name   string
	Input  []*member
	Output []*member
	Errors []string
}

// shape is a type and its constraints; its comment in api/model.json says
// what the fields mean.
type shape struct {
	Type      string
	Min, Max  *int
	Pattern   string
	Values    []string
	Of        string
	Key       string
	Value     string
	Sensitive bool
	Note      string
}

// member is a member of a structure, with what loading adds to it.
type member struct {
	Name         string
	Shape        string
	Required     bool
	Always       bool
	Audit        string
	AuditFrom    string
	AuditDefault any
	Note         string

	shape *shape // nil if it is a structure
}

// load reads and checks a model: every name resolves, every type is known.
func load(data []byte) (*model, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var m model
	if err := dec.Decode(&m); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	for name, s := range m.Shapes {
		if err := m.checkShape(s); err != nil {
			return nil, fmt.Errorf("shape %s: %w", name, err)
		}
	}
	for name, members := range m.Structures {
		if err := m.resolve(members); err != nil {
			return nil, fmt.Errorf("structure %s: %w", name, err)
		}
	}
	for _, op := range m.Operations {
		if err := m.resolve(slices.Concat(op.Input, op.Output)); err != nil {
			return nil, fmt.Errorf("operation %s: %w", op.Name, err)
		}
	}
	return &m, nil
}

// checkShape checks one shape by its type.
func (m *model) checkShape(s *shape) error {
	switch s.Type {
	case "string", "secret", "blob", "int", "bool", "timestamp":
	case "enum":
		if len(s.Values) == 0 {
			return fmt.Errorf("enum without values")
		}
	case "list":
		of := m.Shapes[s.Of]
		if m.Structures[s.Of] == nil && (of == nil || of.goType() != "string") {
			return fmt.Errorf("list of %s", s.Of)
		}
	case "map":
		for _, name := range []string{s.Key, s.Value} {
			if of := m.Shapes[name]; of == nil || of.Type != "string" || of.Max != nil || of.Pattern != "" || of.Sensitive {
				return fmt.Errorf("map with %s", name)
			}
		}
	default:
		return fmt.Errorf("unknown type %q", s.Type)
	}
	if (s.Min == nil) != (s.Max == nil) {
		return fmt.Errorf("min without max, or max without min")
	}
	return nil
}

// resolve finds the members' shapes.
func (m *model) resolve(members []*member) error {
	if len(members) > 64 {
		return fmt.Errorf("more members than bits")
	}
	for _, mb := range members {
		mb.shape = m.Shapes[mb.Shape]
		if mb.shape == nil && m.Structures[mb.Shape] == nil {
			return fmt.Errorf("member %s has unknown shape %s", mb.Name, mb.Shape)
		}
	}
	return nil
}

// goType is the Go type of a scalar or map shape.
func (s *shape) goType() string {
	switch s.Type {
	case "string", "enum":
		return "string"
	case "secret", "blob":
		return "[]byte"
	case "int":
		return "int32"
	case "bool":
		return "bool"
	case "timestamp":
		return "time.Time"
	case "map":
		return "EncryptionContext"
	}
	return ""
}

// goType is the Go type of a member.
func (m *model) goType(mb *member) string {
	switch {
	case mb.shape == nil:
		return "*" + mb.Shape
	case mb.shape.Type == "list":
		if of := m.Shapes[mb.shape.Of]; of != nil {
			return "[]" + of.goType()
		}
		return "[]" + mb.shape.Of
	}
	return mb.shape.goType()
}

// hidden reports whether a shape's values must not be shown anywhere.
func (s *shape) hidden() bool { return s.Sensitive || s.Type == "secret" }

// hides reports whether any member, at any depth, must not be shown.
func (m *model) hides(members []*member) bool {
	return slices.ContainsFunc(members, func(mb *member) bool {
		if mb.shape == nil {
			return m.hides(m.Structures[mb.Shape])
		}
		if mb.shape.Type != "list" {
			return mb.shape.hidden()
		}
		if of := m.Shapes[mb.shape.Of]; of != nil {
			return of.hidden()
		}
		return m.hides(m.Structures[mb.shape.Of])
	})
}

// reach returns the names of the structures and shapes that members use, at
// any depth, sorted.
func (m *model) reach(members []*member) []string {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		if s := m.Shapes[name]; s != nil && s.Of != "" {
			visit(s.Of)
		}
		for _, mb := range m.Structures[name] {
			visit(mb.Shape)
		}
	}
	for _, mb := range members {
		visit(mb.Shape)
	}
	return sorted(seen)
}

// inputs and outputs are the members of all requests, and of all answers.
func (m *model) inputs() (all []*member) {
	for _, op := range m.Operations {
		all = append(all, op.Input...)
	}
	return all
}

func (m *model) outputs() (all []*member) {
	for _, op := range m.Operations {
		all = append(all, op.Output...)
	}
	return all
}

// sorted returns the keys of a map in order.
func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// lowerCamel is a member's name in messages and audit records.
func lowerCamel(name string) string { return strings.ToLower(name[:1]) + name[1:] }
