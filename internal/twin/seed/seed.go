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
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"trent/internal/arn"
	"trent/internal/identity"
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

	path  string
	lines map[string]int // of what stands in the file, by its place
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
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(f); err != nil {
		return nil, f.syntax(err)
	}
	return f, f.check()
}

// index notes the lines of everything below a node.
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

// check finds what is wrong with the seed before anything is made.
func (f *File) check() error {
	var all []error
	for i, account := range f.Accounts {
		if !arn.ValidAccount(account) {
			all = append(all, f.at(fmt.Sprintf("accounts[%d]", i), "want 12 digits"))
		}
	}
	known := map[string]string{} // id or alias → the place of its key
	for i := range f.Keys {
		place := fmt.Sprintf("keys[%d]", i)
		k := &f.Keys[i]
		if k.Account == "" {
			k.Account = identity.DevAccount
		}
		if k.State == "" {
			k.State = key.Enabled
		}
		all = append(all, f.checkKey(place, k)...)
		for _, name := range append(slices.Clone(k.Aliases), k.ID) {
			where := strings.Join([]string{k.Account, k.Region, name}, " ")
			if other := known[where]; other != "" && name != "" {
				all = append(all, f.at(place, "%s is that of %s", name, other))
			}
			known[where] = place
		}
	}
	return errors.Join(all...)
}

func (f *File) checkKey(place string, k *Key) (all []error) {
	add := func(field, problem string, args ...any) { all = append(all, f.at(place+"."+field, problem, args...)) }
	if !arn.ValidAccount(k.Account) {
		add("account", "want 12 digits")
	}
	if !arn.IsRegion(k.Region) {
		add("region", "want a Region such as eu-west-1")
	}
	if k.ID == "" && len(k.Aliases) == 0 {
		add("id", "a key needs an id or an alias, by which a restart finds it again")
	}
	if k.ID != "" && (!arn.ValidKeyID(k.ID) || arn.MultiRegionKeyID(k.ID) || k.ID != strings.ToLower(k.ID)) {
		add("id", "want a UUID in lower case")
	}
	if k.State != key.Enabled && k.State != key.Disabled && k.State != key.PendingDeletion {
		add("state", "want Enabled, Disabled or PendingDeletion")
	}
	if k.PendingWindowDays != 0 && k.State != key.PendingDeletion {
		add("pending_window_days", "the state is not PendingDeletion")
	}
	return all
}
