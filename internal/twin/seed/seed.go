// Package seed owns the file of accounts and keys that trent dev --seed makes:
// what can stand in it, every reason to refuse one, and the requests that bring a
// service to what it says. Those are the requests that clients make, so every
// rule holds for a seed too; only the id of a new key can be its own.
//
// It must never hold key material. Only internal/twin and cmd/trent import it.
package seed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"trent/internal/key"
	"trent/internal/twin/faults"
)

// maxBytes is far more than a seed has.
const maxBytes = 4 << 20

// File is a seed. docs/dev.md explains it.
type File struct {
	// Accounts exist although they have no key here: 12 digits each.
	Accounts []string `yaml:"accounts"`
	Keys     []Key    `yaml:"keys"`
	// Faults are those that /_trent/faults sets, with its seed.
	Faults    []faults.Rule `yaml:"faults"`
	FaultSeed *uint64       `yaml:"fault_seed"`

	path    string
	lines   map[string]int // of what stands in the file, by its place
	nothing []error        // about nulls: in a list, the decoder would drop them
}

// Key is a KMS key. By its id, or else by its first alias, a restart finds it
// again, so it has one of them.
type Key struct {
	Account           string            `yaml:"account"` // "" is 000000000000
	Region            string            `yaml:"region"`
	ID                string            `yaml:"id"` // a UUID in lower case; "": random
	Aliases           []string          `yaml:"aliases"`
	Description       string            `yaml:"description"`
	Tags              map[string]string `yaml:"tags"`
	Policy            string            `yaml:"policy"`    // JSON; "" is the default key policy
	KeySpec           string            `yaml:"key_spec"`  // "" is SYMMETRIC_DEFAULT
	KeyUsage          string            `yaml:"key_usage"` // "" is the spec's
	State             key.State         `yaml:"state"`     // Enabled, Disabled, PendingDeletion; "" is Enabled
	PendingWindowDays int               `yaml:"pending_window_days"`
}

// Read reads a seed. The error names the file, the line and the field.
func Read(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxBytes)
	}
	return Parse(path, text)
}

// Parse is Read of a file's text. It accepts any text.
func Parse(path string, text []byte) (*File, error) {
	f := &File{path: path, lines: map[string]int{}}
	var root yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&root); errors.Is(err, io.EOF) {
		return f, nil
	} else if err != nil {
		return nil, f.syntax(err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: there is more than one document", path)
	}
	f.index(&root, "")
	if len(f.nothing) > 0 {
		return nil, errors.Join(f.nothing...)
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(f); err != nil {
		return nil, f.syntax(err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// index notes the lines of everything below a node, and where nothing stands.
func (f *File) index(n *yaml.Node, place string) {
	f.lines[place] = n.Line
	switch n.Kind {
	case yaml.DocumentNode:
		f.index(n.Content[0], place)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			f.index(n.Content[i+1], strings.TrimPrefix(place+"."+n.Content[i].Value, "."))
			f.lines[strings.TrimPrefix(place+"."+n.Content[i].Value, ".")] = n.Content[i].Line
		}
	case yaml.SequenceNode:
		for i, child := range n.Content {
			f.index(child, fmt.Sprintf("%s[%d]", place, i))
		}
	case yaml.ScalarNode:
		if n.Tag == "!!null" && place != "" { // an empty file is a seed
			f.nothing = append(f.nothing, f.at(place, "nothing stands here"))
		}
	}
}

// syntax is an error of the decoder, without its words about Go.
func (f *File) syntax(err error) error {
	messages := []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = typed.Errors
	}
	line := regexp.MustCompile(`^line (\d+): `)
	unknown := regexp.MustCompile(`field (.*) not found in type .*`)
	into := regexp.MustCompile("cannot unmarshal (.*) into .*")
	kinds := strings.NewReplacer("!!map", "a mapping", "!!seq", "a list", "!!str", "text", "!!int", "the number", "!!float", "the number", "!!bool", "the word", "!!null", "nothing")
	var all []error
	for _, m := range messages {
		m = line.ReplaceAllString(m, "$1: ")
		m = unknown.ReplaceAllString(m, "unknown field $1")
		m = into.ReplaceAllString(m, "$1 is not what stands here")
		all = append(all, errors.New(f.path+":"+kinds.Replace(m)))
	}
	return errors.Join(all...)
}

// at is an error about what stands at a place, or would.
func (f *File) at(place, problem string, args ...any) error {
	line, nearest := 0, place
	for nearest != "" && line == 0 {
		line = f.lines[nearest]
		nearest = nearest[:max(0, strings.LastIndexAny(nearest, ".["))]
	}
	return fmt.Errorf("%s:%d: %s: %w", f.path, line, place, fmt.Errorf(problem, args...))
}
