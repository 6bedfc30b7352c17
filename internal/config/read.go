package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxFileBytes is far more than a configuration has.
const maxFileBytes = 1 << 20

// Read reads and checks a configuration file, without looking at the files that
// it names: Check does. The error is Errors, or why the file cannot be read.
func Read(path string) (*Config, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Read of a file's text; path is where relative paths start, and what
// errors name. It accepts any text.
func Parse(path string, text []byte) (*Config, error) {
	c := &Config{File: path}
	p := &problems{config: c}
	if len(text) > maxFileBytes {
		p.add("", "", "is longer than %d bytes", maxFileBytes)
		return nil, p.found
	}
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		p.add("", "trent config example prints one", "is empty")
		return nil, p.found
	case err != nil:
		p.syntax(err, &tree{})
		return nil, p.found
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		p.add("", "", "has more than one document")
		return nil, p.found
	}
	c.lines = map[string]int{}
	t := tree{lines: c.lines}
	t.index(&root, "")
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(c); err != nil && !errors.Is(err, io.EOF) { // EOF: comments alone
		p.syntax(err, &t)
		return nil, p.found
	}
	c.complete()
	c.validate(p)
	return c, p.found.err()
}

// Mode is the permission bits of a file, written as chmod takes them: 0660.
type Mode fs.FileMode

// UnmarshalYAML reads octal digits, with or without quotes.
func (m *Mode) UnmarshalYAML(n *yaml.Node) error {
	bits, err := strconv.ParseUint(n.Value, 8, 32)
	if err != nil || bits == 0 || bits > 0o777 {
		return wanted(n, "octal digits such as 0660")
	}
	*m = Mode(bits)
	return nil
}

// Count is a whole number, written in decimal digits. The decoder by itself
// would cut off a fraction.
type Count int

// UnmarshalYAML reads digits.
func (c *Count) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.Atoi(n.Value)
	if err != nil || strconv.Itoa(v) != n.Value { // 010 is 8 to some
		return wanted(n, "a number")
	}
	*c = Count(v)
	return nil
}

// User is the number of a user, as id -u prints it. It says who gets in: there
// is one way to write it, and none for 4294967295, which means nobody.
type User uint32

// UnmarshalYAML reads digits.
func (u *User) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.ParseUint(n.Value, 10, 32)
	if err != nil || strconv.FormatUint(v, 10) != n.Value || v == math.MaxUint32 {
		return wanted(n, "the number of a user, as id -u prints it")
	}
	*u = User(v)
	return nil
}

// UserIDs are the numbers of Users.
func (a *Admin) UserIDs() []uint32 {
	uids := make([]uint32, len(a.Users))
	for i, u := range a.Users {
		uids[i] = uint32(u)
	}
	return uids
}

// wanted has the form of the decoder's own messages.
func wanted(n *yaml.Node, what string) error {
	return fmt.Errorf("line %d: \"%s\": want %s", n.Line, n.Value, what)
}

// complete fills in defaults and makes paths absolute.
func (c *Config) complete() {
	if c.Partition == "" {
		c.Partition = defaultPartition
	}
	if c.Audit.Durability == "" {
		c.Audit.Durability = DurabilityStrict
	}
	c.completeDisks()
	if _, ok := c.lines["domain_rotation"]; !ok {
		c.DomainRotation = defaultRotation
	}
	if c.FIPS == "" {
		c.FIPS = FIPSOn
	}
	if c.Quotas.Requests == "" {
		c.Quotas.Requests = RequestQuotasOff
	}
	if c.Log.Level == "" {
		c.Log.Level = "info"
	}
	if c.Log.Format == "" {
		c.Log.Format = FormatJSON
	}
	if c.Log.Requests == "" {
		c.Log.Requests = RequestsAll
	}
	if c.Admin.Socket == "" && c.Data != "" {
		c.Admin.Socket = filepath.Join(c.Data, "admin.sock")
	}
	paths := []*string{&c.Data, &c.Module.Socket, &c.Unseal.KeyFile, &c.Admin.Socket}
	if child := c.Module.Child; child != nil {
		paths = append(paths, &child.KeyFile, &child.Program)
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		if l.Mode == 0 {
			l.Mode = defaultMode
		}
		paths = append(paths, &l.Socket)
		if l.Endpoint != nil {
			paths = append(paths, &l.Endpoint.Policy)
		}
		if l.TLS != nil {
			paths = append(paths, &l.TLS.Certificate, &l.TLS.Key)
		}
	}
	for i := range c.Audit.Exports {
		c.Audit.Exports[i].complete()
	}
	paths = append(paths, c.Audit.paths()...)
	for _, path := range paths {
		switch {
		case *path == "":
		case filepath.IsAbs(*path):
			*path = filepath.Clean(*path) // paths are compared
		default:
			*path = filepath.Join(filepath.Dir(c.File), *path)
		}
	}
}
