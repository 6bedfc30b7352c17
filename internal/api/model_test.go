package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// The tests read the model themselves, so that they do not share the
// generator's mistakes.

type modelShape struct {
	Type      string
	Min, Max  *int
	Pattern   string
	Values    []string
	Of        string
	Sensitive bool
}

// hidden reports whether values must not be shown.
func (s modelShape) hidden() bool { return s.Sensitive || s.Type == "secret" }

type modelMember struct {
	Name, Shape, Audit, AuditFrom string
	Required, Always              bool
	AuditDefault                  any
}

// lower is the name in messages and audit records.
func (m modelMember) lower() string { return strings.ToLower(m.Name[:1]) + m.Name[1:] }

type modelOp struct {
	Name          string
	Input, Output []modelMember
	Errors        []string
}

type model struct {
	Shapes     map[string]modelShape
	Structures map[string][]modelMember
	Operations []modelOp
}

const modelFile = "../../api/model.json"

func loadModel(t testing.TB) model {
	t.Helper()
	data, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	var m model
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// op is the operation of a model's entry.
func (o modelOp) op(t testing.TB) Op {
	t.Helper()
	op, ok := ParseOp(o.Name)
	if !ok {
		t.Fatalf("%s is no operation", o.Name)
	}
	return op
}

// TestGeneratedFromModel fails when the model was changed and the files were
// not made again. The generator's own test compares every byte.
func TestGeneratedFromModel(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(modelFile)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != modelSHA256 {
		t.Fatal("api/model.json has changed: run make generate")
	}
}

func TestOps(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	if NumOps != 56 || len(Ops()) != NumOps || len(m.Operations) != NumOps {
		t.Fatalf("%d operations, %d listed, %d in the model", NumOps, len(Ops()), len(m.Operations))
	}
	for i, mo := range m.Operations {
		op := mo.op(t)
		if op != Ops()[i] || op.String() != mo.Name {
			t.Errorf("%s: operation %d is %v", mo.Name, i, op)
		}
		r := NewRequest(op)
		if r == nil || r.Op() != op || r.Present() != 0 {
			t.Errorf("%s: NewRequest gives %v", mo.Name, r)
		}
		if got := strings.Join(op.Errors(), " "); got != strings.Join(mo.Errors, " ") {
			t.Errorf("%s: errors %s", mo.Name, got)
		}
		names := op.Members()
		if len(names) != len(mo.Input) {
			t.Fatalf("%s: %d members", mo.Name, len(names))
		}
		for i, mb := range mo.Input {
			if names[i] != mb.Name || MemberName(op, 1<<i) != mb.Name {
				t.Errorf("%s: member %d is %s", mo.Name, i, names[i])
			}
		}
		if MemberName(op, 1<<len(names)) != "" || MemberName(op, 0) != "" {
			t.Errorf("%s: a member beyond the last has a name", mo.Name)
		}
	}
}

func TestNoOp(t *testing.T) {
	t.Parallel()
	for _, op := range []Op{0, NumOps + 1, 255} {
		if op.Errors() != nil || op.Members() != nil || op.MaxBody() != 0 || NewRequest(op) != nil || MemberName(op, 1) != "" || !strings.HasPrefix(op.String(), "Op(") {
			t.Errorf("%d passes for an operation", op)
		}
		if r, err := Decode(op, []byte("{}")); r != nil || err == nil {
			t.Errorf("%d: decoded %v", op, r)
		}
	}
	for _, name := range []string{"", "encrypt", "Encrypt ", "Op(1)", "ENCRYPT"} {
		if op, ok := ParseOp(name); ok || op != 0 {
			t.Errorf("%q is %v", name, op)
		}
	}
}
